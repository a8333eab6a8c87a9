"""Which flags `vllm serve` of a version takes, and what is wrong with a user's arguments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from modelfleet.api.catalogue import extra_args
from modelfleet.api.catalogue.engine_version import NEWEST, EngineVersion
from modelfleet.api.catalogue.extra_args import Problem
from modelfleet.api.catalogue.flag_table import flag_table
from modelfleet.api.catalogue.owned_flags import OWNED_FLAGS


@dataclass(frozen=True, slots=True)
class EngineFlags:
    """The flags of one vLLM version."""

    version: EngineVersion

    @classmethod
    def for_version(cls, version: EngineVersion) -> Self:
        """Return the flags of *version*; one that is newer than the newest known has the flags of that."""
        return cls(version)

    def has(self, flag: str) -> bool:
        """Return whether this version takes *flag*, a full name or an alias such as `-tp` or `--no-enable-lora`."""
        return flag_table().resolve(flag, min(self.version, NEWEST)) is not None

    def first_version(self, flag: str) -> EngineVersion | None:
        """Return the first sampled version that has *flag*, or None for a flag no version has."""
        known = flag_table().named(flag)
        return known.first if known else None

    def check_extra_args(self, args: Sequence[str], owned_flags: Mapping[str, str] | None = None) -> list[Problem]:
        """
        Return what is wrong with *args*, in order.

        *owned_flags* maps a flag to what to do instead; absent means `OWNED_FLAGS`.
        """
        return extra_args.check(args, version=self.version, owned=OWNED_FLAGS if owned_flags is None else owned_flags)
