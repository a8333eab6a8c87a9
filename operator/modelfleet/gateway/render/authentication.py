"""
Who asks: keys and tokens, each as a resource of its own (ECDS), so that a new key changes no listener.

Authentication comes before the route is known. It refuses credentials that nobody has, and lets a caller without any
through; the table's `access` then decides.
"""

from collections.abc import Iterable, Iterator, Mapping

from modelfleet.gateway.ir import Access, ApiKey, KeySelector
from modelfleet.gateway.render.headers import CLIENT, CREDENTIALS, REALM, SCOPE, TEAM, USER, label_text, scope_text
from modelfleet.gateway.render.tokens import JWT, JWT_TYPE
from modelfleet.gateway.render.types import Resource, ads, extension, typed

API_KEYS = "api-keys"
API_KEYS_TYPE = "extensions.filters.http.api_key_auth.v3.ApiKeyAuth"
NAME = "authentication"
ACCESS = "access"
RBAC = "extensions.filters.http.rbac.v3.RBAC"

TOKEN_START = "Bearer eyJ"  # noqa: S105 (the start of every JSON web token: `{"` in base64)


def authentication(sources: Mapping[str, Resource] | None = None, *, is_required: bool = False) -> Resource:
    """
    Return the filter that sends tokens to `jwt`, other credentials to `api-keys`, and requests without any on.

    *sources* are configurations of the two by name, for where there is no ADS to ask. With *is_required* a request
    without credentials ends here, before its body is read: nobody may fill the gateway's memory without a name.
    """
    is_token = _header("authorization", {"prefix": TOKEN_START})
    has_any = {"or_matcher": {"predicate": [_header(name, ANY) for name in CREDENTIALS]}}
    matchers = [
        _on_match(is_token, _delegate(JWT, JWT_TYPE, sources)),
        _on_match(has_any, _delegate(API_KEYS, API_KEYS_TYPE, sources)),
    ]
    composite = extension("composite", "extensions.filters.http.composite.v3.Composite")
    return extension(
        NAME,
        "extensions.common.matching.v3.ExtensionWithMatcher",
        extension_config=composite,
        xds_matcher={
            "matcher_list": {"matchers": matchers},
            **({"on_no_match": {"action": _refuse()}} if is_required else {}),
        },
    )


def api_keys(keys: Iterable[ApiKey]) -> Resource:
    """
    Return the resource `api-keys` with *keys*, which must not name one key twice: Envoy would refuse all of them.

    Its order is that of *keys*.
    """
    credentials = [{"key": key.key, "client": client_of(key)} for key in keys]
    return extension(
        API_KEYS,
        API_KEYS_TYPE,
        credentials=credentials,
        key_sources=[{"header": name} for name in CREDENTIALS],
        forwarding={"header": CLIENT},
    )


def client_of(key: ApiKey) -> str:
    """Return what Envoy puts into `CLIENT` for *key*."""
    return f"{scope_text(key.scope, key.labels)}|{key.user}|{key.team}|{key.priority}"


def access(table_access: Access) -> Resource:
    """
    Return the `typed_per_filter_config` that lets in whom *table_access* names.

    Envoy refuses with 403; `local_replies` makes it 401 where there were no credentials.
    """
    principals = [_anonymous()] if not table_access.required else []
    if counting := list(_counting(table_access)):
        principals.append(_all_of({"or_ids": {"ids": counting}}, *_named(table_access)))
    policies = {ACCESS: {"permissions": [{"any": True}], "principals": principals}} if principals else {}
    rules = {"action": "ALLOW", "policies": policies}
    return {ACCESS: typed("extensions.filters.http.rbac.v3.RBACPerRoute", rbac={"rules": rules})}


def access_filter() -> Resource:
    """Return the filter that heeds `access`; where a route has none it does nothing."""
    return extension(ACCESS, RBAC)


ANY: Resource = {"safe_regex": {"google_re2": {}, "regex": r"\C*"}}
"""Whatever bytes, also such that are no UTF-8: RE2's dot takes none of those."""


def _on_match(predicate: Resource, action: Resource) -> Resource:
    return {"predicate": predicate, "on_match": {"action": action}}


def _header(name: str, value_match: Resource) -> Resource:
    value = extension(name, "type.matcher.v3.HttpRequestHeaderMatchInput", header_name=name)
    return {"single_predicate": {"input": value, "value_match": value_match}}


def _delegate(name: str, type_name: str, sources: Mapping[str, Resource] | None) -> Resource:
    kind = "extensions.filters.http.composite.v3.ExecuteFilterAction"
    if sources is not None:
        return extension(name, kind, typed_config=sources[name])
    type_urls = [typed(type_name)["@type"]]
    discovery = {"config_source": ads(initial_fetch_timeout="0s"), "type_urls": type_urls}
    return extension(name, kind, dynamic_config={"name": name, "config_discovery": discovery})


def _refuse() -> Resource:
    """Return the action that lets nobody pass; `local_replies` makes 401 of its 403."""
    nobody = extension("nobody", RBAC, rules={"action": "ALLOW", "policies": {}})
    return extension("refuse", "extensions.filters.http.composite.v3.ExecuteFilterAction", typed_config=nobody)


def _anonymous() -> Resource:
    return {"not_id": {"header": {"name": SCOPE, "present_match": True}}}


def _counting(table_access: Access) -> Iterator[Resource]:
    """Yield who has credentials that count."""
    if table_access.keys is not None:
        yield _selected(table_access.keys)
    if table_access.tokens is not None:
        yield _one_of(SCOPE, [table_access.tokens.scope])


def _selected(keys: KeySelector) -> Resource:
    """Return who has a key of a Secret that *keys* selects; no realm of tokens is called like a namespace."""
    labels = [{"header": {"name": SCOPE, "string_match": {"contains": label_text(*one)}}} for one in keys.labels]
    return _all_of(_one_of(REALM, [keys.namespace]), *labels)


def _named(table_access: Access) -> list[Resource]:
    by_name = [
        *([_one_of(USER, table_access.users)] if table_access.users else []),
        *([_one_of(TEAM, table_access.teams)] if table_access.teams else []),
    ]
    return [{"or_ids": {"ids": by_name}}] if by_name else []


def _one_of(header: str, values: Iterable[str]) -> Resource:
    ids = [{"header": {"name": header, "string_match": {"exact": value}}} for value in values]
    return {"or_ids": {"ids": ids}}


def _all_of(*ids: Resource) -> Resource:
    return {"and_ids": {"ids": list(ids)}}
