"""
Requests as a table of text: `arrival_seconds,prompt_tokens,output_tokens[,prefix,prefix_tokens]`.

The first line names the columns. `prefix` is any text that requests with the same beginning share, such as the id of a
session; without `prefix_tokens` all of the prompt counts as shared.
"""

import csv
import math
from collections.abc import Iterable, Sequence

from modelfleet.scaling.simulation.request import Request

COLUMNS = ("arrival_seconds", "prompt_tokens", "output_tokens")
OPTIONAL = ("prefix", "prefix_tokens")
MOST_TOKENS = 10_000_000


class TraceError(ValueError):
    """The text is not a trace; the message says where and what must hold."""


def read_trace(lines: Iterable[str]) -> tuple[Request, ...]:
    """
    Return the requests of a trace in the order of their arrival; the first one arrives at 0 or later.

    Raises TraceError for missing or unknown columns, and for values that are no numbers or out of range.
    """
    rows = csv.DictReader(lines)
    _check_columns(rows.fieldnames or ())
    prefixes: dict[str, int] = {}
    requests = []
    for row in rows:
        try:
            requests.append(_request(row, prefixes))
        except (TypeError, ValueError) as error:
            raise TraceError(f"line {rows.line_num}: {error}") from error
    if not requests:
        raise TraceError("a trace must have at least one request, found none")
    return tuple(sorted(requests, key=lambda request: request.arrival))


def as_trace(requests: Sequence[Request]) -> str:
    """Return *requests* as a trace; times are rounded to milliseconds."""
    shares = any(one.prefix for one in requests)
    rows = [",".join((*COLUMNS, *OPTIONAL) if shares else COLUMNS)]
    for one in requests:
        shared = (f",{one.prefix},{one.prefix_tokens}" if one.prefix else ",,") if shares else ""
        rows.append(f"{one.arrival:.3f},{one.prompt},{one.output}{shared}")
    return "\n".join(rows) + "\n"


def _check_columns(found: Iterable[str]) -> None:
    names = tuple(found)
    missing = [name for name in COLUMNS if name not in names]
    unknown = [name for name in names if name not in (*COLUMNS, *OPTIONAL)]
    if missing or unknown:
        wanted = f"{','.join(COLUMNS)} and may have {','.join(OPTIONAL)}"
        raise TraceError(f'line 1: the columns must be {wanted}, found "{",".join(names)}"')


def _request(row: dict[str, str], prefixes: dict[str, int]) -> Request:
    arrival = _number(row, "arrival_seconds", least=0.0)
    prompt = int(_number(row, "prompt_tokens", least=1))
    output = int(_number(row, "output_tokens", least=1))
    name = row.get("prefix") or ""
    if not name:
        return Request(arrival, prompt, output)
    shared = int(_number(row, "prefix_tokens", least=0)) if row.get("prefix_tokens") else prompt
    return Request(arrival, prompt, output, prefixes.setdefault(name, len(prefixes) + 1), shared)


def _number(row: dict[str, str], name: str, *, least: float) -> float:
    text = row[name]
    try:
        value = float(text)
    except (TypeError, ValueError):
        value = math.nan
    if not least <= value <= MOST_TOKENS:
        raise ValueError(f'`{name}` must be a number from {least:g} to {MOST_TOKENS}, found "{text}"')
    return value
