"""Whether a request meets the conditions of a rule, in Envoy's semantics."""

import re
from collections.abc import Iterator
from functools import cache

from modelfleet.gateway.ir import HeaderMatch, HeaderTest, Match
from modelfleet.gateway.request import Caller, Request


def mismatch(match: Match, request: Request) -> str | None:
    """Return the first condition of *match* that *request* does not meet, in words; None where it meets all."""
    return next(_mismatches(match, request), None)


def header_of(request: Request, name: str) -> str | None:
    """
    Return the value of a header as Envoy compares it: trimmed, and of several fields joined with a comma.

    Measured with Envoy 1.40: every kind of comparison sees the joined value.
    """
    values = [value.strip(" \t") for key, value in request.headers if key.lower() == name]
    return ",".join(values) if values else None


def _mismatches(match: Match, request: Request) -> Iterator[str]:
    caller = request.caller or Caller()
    for header in match.headers:
        if not _holds(header, header_of(request, header.name)):
            yield f"header `{header.name}` {_wanted(header)}"
    if match.body_bytes_at_most is not None and request.body_bytes > match.body_bytes_at_most:
        yield f"the body must have at most {match.body_bytes_at_most} bytes, found {request.body_bytes}"
    if match.teams and caller.team not in match.teams:
        yield f"the team must be {_one_of(match.teams)}, found {_shown(caller.team)}"
    if match.users and caller.user not in match.users:
        yield f"the user must be {_one_of(match.users)}, found {_shown(caller.user)}"
    if match.priority is not None and caller.priority != match.priority:
        yield f"the priority must be {match.priority}, found {caller.priority}"


def _holds(match: HeaderMatch, value: str | None) -> bool:
    if value is None:
        return match.test == HeaderTest.ABSENT
    match match.test:
        case HeaderTest.EXACT:
            return value == match.value
        case HeaderTest.PREFIX:
            return value.startswith(match.value)
        case HeaderTest.REGEX:
            return _compiled(match.value).fullmatch(value) is not None
        case HeaderTest.PRESENT:
            return True
        case HeaderTest.ABSENT:
            return False


def _wanted(match: HeaderMatch) -> str:
    match match.test:
        case HeaderTest.EXACT:
            return f'must be "{match.value}"'
        case HeaderTest.PREFIX:
            return f'must begin with "{match.value}"'
        case HeaderTest.REGEX:
            return f'must match "{match.value}" as a whole'
        case HeaderTest.PRESENT:
            return "must be present"
        case HeaderTest.ABSENT:
            return "must be absent"


def _one_of(values: tuple[str, ...]) -> str:
    return " or ".join(f'"{value}"' for value in values)


def _shown(value: str) -> str:
    return f'"{value}"' if value else "none"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    # RE2's classes are those of ASCII, and its dot takes everything but a line break, which no header holds
    return re.compile(pattern, re.ASCII)
