"""Which vLLM an image holds, and which versions are known."""

import re
from dataclasses import dataclass
from typing import Self

VERSION = re.compile(r"^v?(\d+)\.(\d+)\.(\d+)(?:[.\-+]?[A-Za-z0-9][A-Za-z0-9._+-]*)?$", re.ASCII)


class EngineVersionError(ValueError):
    """The vLLM version cannot be read, or is too old; the message names the field and what to do."""


@dataclass(frozen=True, slots=True, order=True)
class EngineVersion:
    """
    A release of vLLM, ordered as releases are.

    Suffixes (`rc1`, `.post1`, `-cu129`, a fourth number) are dropped: a build of 0.11.2 has the flags of 0.11.2.
    """

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the version in *text* such as `0.33.0` or `v0.33.0-cu129`; raise EngineVersionError."""
        match = VERSION.match(text)
        if match is None:
            raise EngineVersionError(f'must be a vLLM version such as "0.33.0", not "{text}"')
        return cls(*(int(part) for part in match.groups()))

    @classmethod
    def of(cls, image: str, version: str | None = None) -> Self:
        """
        Return the vLLM version of *image*: *version* when given, otherwise its tag.

        Raises EngineVersionError when the tag is not a version, or when the version is older than `OLDEST`.
        """
        found = cls._declared(version) if version is not None else cls._of_tag(image)
        if found < OLDEST:
            where = "`engine.version`" if version is not None else "`engine.image`"
            raise EngineVersionError(f"{where} must be vLLM {OLDEST} or newer, not {found}: use a newer image")
        return found

    @classmethod
    def _declared(cls, version: str) -> Self:
        try:
            return cls.parse(version)
        except EngineVersionError as error:
            raise EngineVersionError(f"`engine.version` {error}") from error

    @classmethod
    def _of_tag(cls, image: str) -> Self:
        tag = tag_of(image)
        try:
            return cls.parse(tag or "")
        except EngineVersionError as error:
            found = f'the tag "{tag}"' if tag else "no tag"
            raise EngineVersionError(
                f'`engine.image` must have a vLLM version such as "v{NEWEST}" as its tag, but "{image}" has {found}: '
                "set `engine.version` to the vLLM version inside the image"
            ) from error

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


def tag_of(image: str) -> str | None:
    """Return the tag of *image*, or None; a registry's port is not a tag, a digest is left aside."""
    name = image.partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2] or None


OLDEST = EngineVersion(0, 9, 2)
"""The oldest vLLM whose flags and metrics are known well enough to run a fleet."""
NEWEST = EngineVersion(0, 33, 0)
"""The newest vLLM whose flags are known; newer ones are taken to have the same."""
