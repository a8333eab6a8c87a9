"""Whether a request meets the conditions of a rule, in Envoy's semantics."""

from collections.abc import Collection, Iterator

from modelfleet.api.v1alpha1.route_policy.regular_expression import full_match
from modelfleet.gateway.ir import HeaderMatch, HeaderTest, Match
from modelfleet.gateway.request import Caller, Request


def mismatch(match: Match, request: Request) -> str | None:
    """Return the first condition of *match* that *request* does not meet, in words; None where it meets all."""
    return next(_mismatches(match, request), None)


def values_of(request: Request, name: str) -> list[str]:
    """Return the values of a header, one for each field that has it, trimmed as Envoy trims them."""
    return [value.strip(" \t") for key, value in request.headers if key.lower() == name]


def _mismatches(match: Match, request: Request) -> Iterator[str]:
    caller = request.caller or Caller()
    for header in match.headers:
        if not holds(header, values_of(request, header.name)):
            yield f"header `{header.name}` {_wanted(header)}"
    if match.body_bytes_at_most is not None and request.body_bytes > match.body_bytes_at_most:
        yield f"the body must have at most {match.body_bytes_at_most} bytes, found {request.body_bytes}"
    if match.teams and caller.team not in match.teams:
        yield f"the team must be {_one_of(match.teams)}, found {_shown(caller.team)}"
    if match.users and caller.user not in match.users:
        yield f"the user must be {_one_of(match.users)}, found {_shown(caller.user)}"
    if match.priority is not None and caller.priority != match.priority:
        yield f"the priority must be {match.priority}, found {caller.priority}"


def holds(match: HeaderMatch, values: Collection[str]) -> bool:
    """
    Return whether a header with *values*, one for each of its fields, meets *match*.

    Measured with Envoy 1.40: it is enough that one of them does. They are not joined, as its feature
    `match_headers_individually` says, and no value is split at commas.
    """
    match match.test:
        case HeaderTest.EXACT:
            return match.value in values
        case HeaderTest.PREFIX:
            return any(value.startswith(match.value) for value in values)
        case HeaderTest.REGEX:
            return any(full_match(match.value, value) for value in values)
        case HeaderTest.PRESENT:
            return bool(values)
        case HeaderTest.ABSENT:
            return not values


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
