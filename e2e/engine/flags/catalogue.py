"""
Which flags a release has.

The data come from the parser of 0.33.0 (names, types, choices, defaults) and from the first and last sampled release
of every flag between 0.9.2 and 0.33.0; a flag of an older release that 0.33 dropped is in `flags_removed.json`.
"""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from e2e.engine.release import Release

Kind = Literal["bool", "switch", "int", "float", "text", "json", "json_or_text", "human_int", "human_int_or_auto"]

_DATA = Path(__file__).resolve().parent.parent / "data"
_ALIASED = Release(0, 33, 0)
"""From here on every `--enable-X` has a `--disable-X`, and the flags are exactly those of the 0.33.0 parser."""

_KV_CACHE_DTYPES = ("auto", "float16", "bfloat16", "fp8", "fp8_e4m3", "fp8_e5m2", "fp8_inc", "fp8_ds_mla", "nvfp4")
_OLDER_CHOICES: dict[str, tuple[str | int, ...]] = {"--kv-cache-dtype": _KV_CACHE_DTYPES}
"""Lists that argparse checked before 0.33 and that the configuration checks since."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag: every name that sets it, every name that clears it, and how its value is read."""

    names: tuple[str, ...]
    kind: Kind
    clears: tuple[str, ...] = ()
    nargs: str | None = None
    repeat: bool = False
    default: Any = None
    choices: tuple[str | int, ...] = ()

    @property
    def dest(self) -> str:
        """The attribute of the parsed namespace."""
        return self.names[0].removeprefix("--").replace("-", "_")


@cache
def flags_of(release: Release) -> tuple[Flag, ...]:
    """Return the flags of *release*, in the order of its parser."""
    if release >= _ALIASED:
        return tuple(_with_opposite(_read(entry)) for entry in _load("flags_0.33.0.json"))
    known = [_read(entry) for name in ("flags_0.33.0.json", "flags_removed.json") for entry in _load(name)]
    return tuple(_as_of(flag, release) for flag in known if _lived(flag.names[0], release))


def _read(entry: dict[str, Any]) -> Flag:
    return Flag(
        names=tuple(entry["names"]),
        kind=entry["kind"],
        nargs=entry.get("nargs"),
        repeat=entry.get("repeat", False),
        default=entry.get("default"),
        choices=tuple(entry.get("choices", ())),
    )


def _with_opposite(flag: Flag) -> Flag:
    if flag.kind != "bool":
        return flag
    clears = {_opposite(flag.names[0]), _negated(flag.names[0])}
    return replace(flag, names=tuple(n for n in flag.names if n not in clears), clears=tuple(sorted(clears)))


def _as_of(flag: Flag, release: Release) -> Flag:
    opposite = _opposite(flag.names[0]) if flag.kind == "bool" else None
    names = tuple(n for n in flag.names if not n.startswith("--") or (_lived(n, release) and n != opposite))
    clears = (_negated(flag.names[0]),) if flag.kind == "bool" else ()
    default = 0.9 if flag.names[0] == "--gpu-memory-utilization" and not release.at_least("0.20") else flag.default
    choices = _OLDER_CHOICES.get(flag.names[0], flag.choices)
    return replace(flag, names=names, clears=clears, default=default, choices=choices)


def _opposite(name: str) -> str:
    for verb, other in (("--enable-", "--disable-"), ("--disable-", "--enable-")):
        if name.startswith(verb):
            return other + name.removeprefix(verb)
    return _negated(name)


def _negated(name: str) -> str:
    return "--no-" + name.removeprefix("--")


def _lived(name: str, release: Release) -> bool:
    first, last = _history().get(name, ("99.0.0", "0.0.0"))
    return Release.parse(first) <= release and (last == "0.33.0" or release <= Release.parse(last))


@cache
def _history() -> dict[str, tuple[str, str]]:
    return {name: (first, last) for name, (first, last) in _load("flag_history.json").items()}


@cache
def _load(name: str) -> Any:
    return json.loads((_DATA / name).read_text())
