"""
Every flag of `vllm serve`, and the versions that have it.

The history was sampled: between two samples a flag counts as absent until the first version that was seen to have it,
and after the last one. What a flag takes and which values it allows is known of the newest version only.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Literal

from modelfleet.api.catalogue.engine_version import NEWEST, EngineVersion

Values = Literal["none", "switch", "one", "optional", "many"]
"""What follows a flag: nothing (`switch` also has a `--no-` form), one value, at most one, or at least one."""
Kind = Literal["int", "float", "size", "json"]
"""How the newest version reads the value; `size` is an integer that may end in k, M or G."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: the samples that have it, and what the newest version knows of it."""

    name: str
    first: EngineVersion
    last: EngineVersion
    aliases: tuple[str, ...] = ()
    values: Values | None = None
    """values is None for flags that the newest version does not have: nobody knows what they took."""
    kind: Kind | None = None
    choices: tuple[str, ...] = ()

    def is_in(self, version: EngineVersion) -> bool:
        """Return whether *version* has the flag."""
        return self.first <= version and (self.last == NEWEST or version <= self.last)


@dataclass(frozen=True, slots=True)
class FlagTable:
    """All flags by name, and what else a name can mean."""

    flags: Mapping[str, Flag]
    aliases: Mapping[str, Flag]
    """aliases are short forms, which are as old as the flag, and long ones, which only the newest version has."""

    def resolve(self, word: str, version: EngineVersion) -> Flag | None:
        """Return the flag that *word* names in *version*: in full, as an alias, or as the `--no-` form of a switch."""
        flag = self.flags.get(word)
        if flag is not None and flag.is_in(version):
            return flag
        positive = self._positive(word)
        if positive is not None and positive.is_in(version):
            return positive
        alias = self.aliases.get(word)
        is_old_enough = alias is not None and (not word.startswith("--") or version >= NEWEST)
        return alias if alias is not None and is_old_enough and alias.is_in(version) else None

    def named(self, word: str) -> Flag | None:
        """Return the flag that *word* names in any version, or None."""
        return self.flags.get(word) or self._positive(word) or self.aliases.get(word)

    def _positive(self, word: str) -> Flag | None:
        flag = self.flags.get(word.replace("--no-", "--", 1)) if word.startswith("--no-") else None
        return flag if flag is not None and flag.values in {"switch", None} else None


@cache
def flag_table() -> FlagTable:
    """Return the table of the data file."""
    path = resources.files("modelfleet.api.catalogue").joinpath("data", "vllm_flags.json")
    data = json.loads(path.read_text(encoding="utf-8"))
    flags = {name: _flag(name, entry) for name, entry in data["flags"].items()}
    aliases = {alias: flag for flag in flags.values() for alias in flag.aliases}
    return FlagTable(MappingProxyType(flags), MappingProxyType(aliases))


def _flag(name: str, entry: Mapping[str, Any]) -> Flag:
    return Flag(
        name=name,
        first=EngineVersion.parse(entry["first"]),
        last=EngineVersion.parse(entry["last"]),
        aliases=tuple(entry.get("aliases", ())),
        values=entry.get("values"),
        kind=entry.get("kind"),
        choices=tuple(entry.get("choices", ())),
    )
