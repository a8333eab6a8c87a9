"""The first filter: what is no path of the table, or says that its body is too large, goes no further."""

from itertools import groupby

from modelfleet.gateway.ir import Frame
from modelfleet.gateway.paths import PATHS
from modelfleet.gateway.render.types import Resource, extension

NAME = "entrance"
NO_SUCH_PATH = "no-such-path"
TOO_LARGE = "too-large"
LARGEST = 2**63 - 1


def entrance(frame: Frame) -> Resource:
    """
    Return the filter that refuses before anything is buffered; `local_replies` makes 404 and 413 of its 403.

    A body without `content-length` meets the same limit as the buffer of its connection.
    """
    policies = {
        NO_SUCH_PATH: _policy({"not_rule": {"or_rules": {"rules": _known()}}}),
        TOO_LARGE: _policy({"header": _header_above(frame.max_body_bytes)}),
    }
    return extension(NAME, "extensions.filters.http.rbac.v3.RBAC", rules={"action": "DENY", "policies": policies})


def _known() -> list[Resource]:
    # In the table's order: what is asked for most comes first. A regular expression of all is larger than Envoy allows.
    by_method = groupby(sorted(PATHS, key=lambda entry: entry.method), key=lambda entry: entry.method)
    return [_one_of(method, [entry.path for entry in entries]) for method, entries in by_method]


def _one_of(method: str, paths: list[str]) -> Resource:
    is_method = {"header": {"name": ":method", "string_match": {"exact": method}}}
    is_path = {"or_rules": {"rules": [{"url_path": {"path": {"exact": path}}} for path in paths]}}
    return {"and_rules": {"rules": [is_method, is_path]}}


def _header_above(most_bytes: int) -> Resource:
    return {"name": "content-length", "range_match": {"start": str(most_bytes + 1), "end": str(LARGEST)}}


def _policy(permission: Resource) -> Resource:
    return {"permissions": [permission], "principals": [{"any": True}]}
