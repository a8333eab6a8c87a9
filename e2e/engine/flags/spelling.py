"""The spellings that vLLM's parser accepts beyond argparse's own, brought back to plain flags."""

import json
import re
from collections.abc import Sequence
from typing import Any

_KEY = re.compile(r"(--[A-Za-z0-9_\-]+|-[A-Za-z]+)(\.[^=]+)?(=.*)?", re.DOTALL)
_LEVEL = re.compile(r"-O(\d)")


def normalise(arguments: Sequence[str]) -> list[str]:
    """
    Return *arguments* with underscores as dashes, `-O3` in full and dotted keys as one JSON value.

    `--kv-transfer-config.kv_role kv_both` becomes `--kv-transfer-config {"kv_role": "kv_both"}`; a key that ends in
    `+` takes a comma-separated list.
    """
    plain: list[str] = []
    nested: dict[str, dict[str, Any]] = {}
    pending = iter(arguments)
    for argument in pending:
        level, key = _LEVEL.fullmatch(argument), _KEY.fullmatch(argument)
        if level is not None:
            plain += ["--optimization-level", level[1]]
        elif key is None:
            plain.append(argument)
        elif key[2] is not None:
            value = key[3][1:] if key[3] else next(pending, "")
            _insert(nested.setdefault(_dashed(key[1]), {}), path=key[2][1:], value=value)
        else:
            plain.append(_dashed(key[1]) + (key[3] or ""))
    return plain + [part for name, value in nested.items() for part in (name, json.dumps(value))]


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _insert(target: dict[str, Any], *, path: str, value: str) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        target = target.setdefault(parent, {})
    if last.endswith("+"):
        target.setdefault(last[:-1], []).extend(_scalar(part) for part in value.split(","))
    else:
        target[last] = _scalar(value)


def _scalar(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
