"""Which flags `vllm serve` of a version takes, and what is wrong with a user's arguments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from modelfleet.api.catalogue.engine_version import EngineVersion


@dataclass(frozen=True, slots=True)
class Problem:
    """One argument that must not stay as it is."""

    index: int
    """index is the argument's position in the list."""
    argument: str
    """argument is the argument as the user wrote it."""
    message: str
    """message says what is wrong and what to do; it reads on from the field's name."""


@dataclass(frozen=True, slots=True)
class EngineFlags:
    """The flags of one vLLM version."""

    version: EngineVersion

    @classmethod
    def for_version(cls, version: EngineVersion) -> Self:
        """Return the flags of *version*; one that is newer than the newest known has the flags of that."""
        raise NotImplementedError

    def has(self, flag: str) -> bool:
        """Return whether this version takes *flag*, a full name or an alias such as `-tp` or `--no-enable-lora`."""
        raise NotImplementedError

    def first_version(self, flag: str) -> EngineVersion | None:
        """Return the first sampled version that has *flag*, or None for a flag no version has."""
        raise NotImplementedError

    def check_extra_args(self, args: Sequence[str], owned_flags: Mapping[str, str] | None = None) -> list[Problem]:
        """
        Return what is wrong with *args*, in order.

        *owned_flags* maps a flag to the advice "use `engine.maxModelLen`"; absent means `OWNED_FLAGS`.
        """
        raise NotImplementedError
