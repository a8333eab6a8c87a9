"""The conditions of a rule as Envoy's: those of one route's match all hold."""

import re
from collections.abc import Iterable

from modelfleet.gateway.ir import HeaderMatch, HeaderTest, Match
from modelfleet.gateway.render.headers import BODY_BYTES, PRIORITY, TEAM, USER
from modelfleet.gateway.render.types import Resource


def route_match(match: Match) -> Resource:
    """Return the RouteMatch of *match*, for every path: the listener has let nothing in but those of the table."""
    conditions = [_header(header) for header in match.headers]
    if match.body_bytes_at_most is not None:
        # The end of a range is outside of it.
        conditions.append({"name": BODY_BYTES, "range_match": {"start": "0", "end": str(match.body_bytes_at_most + 1)}})
    if match.teams:
        conditions.append(one_of(TEAM, match.teams))
    if match.users:
        conditions.append(one_of(USER, match.users))
    if match.priority is not None:
        conditions.append(one_of(PRIORITY, [match.priority.value]))
    return {"prefix": "/", **({"headers": conditions} if conditions else {})}


def one_of(name: str, values: Iterable[str]) -> Resource:
    """Return the condition that a header is one of *values*."""
    known = list(values)
    if len(known) == 1:
        return {"name": name, "string_match": {"exact": known[0]}}
    return {"name": name, "string_match": {"safe_regex": {"regex": "|".join(map(re.escape, known))}}}


def _header(match: HeaderMatch) -> Resource:
    match match.test:
        case HeaderTest.EXACT:
            return {"name": match.name, "string_match": {"exact": match.value}}
        case HeaderTest.PREFIX:
            return {"name": match.name, "string_match": {"prefix": match.value}}
        case HeaderTest.REGEX:
            return {"name": match.name, "string_match": {"safe_regex": {"regex": match.value}}}
        case HeaderTest.PRESENT:
            return {"name": match.name, "present_match": True}
        case HeaderTest.ABSENT:
            return {"name": match.name, "present_match": True, "invert_match": True}
