"""
Who asks: keys and tokens, each as a resource of its own (ECDS), so that a new key changes no listener.

Authentication comes before the route is known. It refuses credentials that nobody has, and lets a caller without any
through; the table's `access` then decides.
"""

import json
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from modelfleet.gateway.ir import Access, ApiKey, JwtProvider
from modelfleet.gateway.render.headers import CLIENT, CREDENTIALS, PREFIX, PRIORITY, SCOPE, TEAM, USER
from modelfleet.gateway.render.names import public_names
from modelfleet.gateway.render.types import Resource, ads, extension, typed

API_KEYS = "api-keys"
JWT = "jwt"
API_KEYS_TYPE = "extensions.filters.http.api_key_auth.v3.ApiKeyAuth"
JWT_TYPE = "extensions.filters.http.jwt_authn.v3.JwtAuthentication"
NAME = "authentication"
ACCESS = "access"
RBAC = "extensions.filters.http.rbac.v3.RBAC"

TOKEN_START = "Bearer eyJ"  # noqa: S105 (the start of every JSON web token: `{"` in base64)
JWKS_SECONDS = 300
REFETCH_SECONDS = 5
FETCH_SECONDS = 3


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
    return f"{key.scope}|{key.user}|{key.team}|{key.priority}"


def jwt(providers: Iterable[JwtProvider]) -> Resource:
    """
    Return the resource `jwt`: a token is good when one of *providers* issued it.

    Keys are fetched beside the requests and every 5 minutes; while a provider cannot be reached its tokens are 401, and
    nobody else's.
    """
    known = {provider.name: _provider(provider) for provider in providers} or {NO_PROVIDER: _nobody()}
    requires = [{"provider_name": name} for name in known]
    requirement: Resource = requires[0] if len(requires) == 1 else {"requires_any": {"requirements": requires}}
    return extension(
        JWT,
        JWT_TYPE,
        providers=known,
        rules=[{"match": {"prefix": "/"}, "requires": requirement}],
        strip_failure_response=True,
    )


def jwks_clusters(providers: Iterable[JwtProvider], *, trusted_ca: str) -> dict[str, Resource]:
    """Return the clusters that `jwt` fetches keys from, by name; *trusted_ca* is a file of Envoy's container."""
    return {cluster["name"]: cluster for cluster in (_cluster(provider, trusted_ca) for provider in providers)}


def access(table_access: Access) -> Resource:
    """
    Return the `typed_per_filter_config` that lets in whom *table_access* names.

    Envoy refuses with 403; `local_replies` makes it 401 where there were no credentials.
    """
    principals = [_anonymous()] if not table_access.required else []
    if table_access.scopes:
        principals.append(_all_of(_one_of(SCOPE, table_access.scopes), *_named(table_access)))
    policies = {ACCESS: {"permissions": [{"any": True}], "principals": principals}} if principals else {}
    rules = {"action": "ALLOW", "policies": policies}
    return {ACCESS: typed("extensions.filters.http.rbac.v3.RBACPerRoute", rbac={"rules": rules})}


def access_filter() -> Resource:
    """Return the filter that heeds `access`; where a route has none it does nothing."""
    return extension(ACCESS, RBAC)


ANY: Resource = {"safe_regex": {"google_re2": {}, "regex": r"\C*"}}
"""Whatever bytes, also such that are no UTF-8: RE2's dot takes none of those."""
NO_PROVIDER = "nobody"


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


def _provider(provider: JwtProvider) -> Resource:
    claims = {USER: provider.user_claim, TEAM: provider.team_claim, PRIORITY: provider.priority_claim}
    return {
        "issuer": provider.issuer,
        "audiences": list(provider.audiences),
        "remote_jwks": {
            "http_uri": {
                "uri": provider.jwks_uri,
                "cluster": jwks_cluster_name(provider),
                "timeout": f"{FETCH_SECONDS}s",
            },
            "cache_duration": f"{JWKS_SECONDS}s",
            "async_fetch": {"fast_listener": True, "failed_refetch_duration": f"{REFETCH_SECONDS}s"},
        },
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
        "require_expiration": True,
        "payload_in_metadata": scope_of(provider),
        "claim_to_headers": [{"header_name": header, "claim_name": claim} for header, claim in claims.items() if claim],
    }


def _nobody() -> Resource:
    """Return a provider that knows no token: the filter must have one, and it must have a key."""
    # The base point of P-256. It guards nothing: tokens are only looked for in a header that no client can set.
    key = {
        "kty": "EC",
        "crv": "P-256",
        "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
        "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
    }
    jwks = json.dumps({"keys": [key]})
    return {"issuer": NO_PROVIDER, "local_jwks": {"inline_string": jwks}, "from_headers": [{"name": f"{PREFIX}token"}]}


def scope_of(provider: JwtProvider) -> str:
    """Return the scope of the callers that *provider* vouches for."""
    return f"jwt/issuer/{provider.name}"


def jwks_cluster_name(provider: JwtProvider) -> str:
    """Return the name of the cluster that *provider*'s keys come from."""
    return f"jwks/issuer/{provider.name}"


def _cluster(provider: JwtProvider, trusted_ca: str) -> Resource:
    name, parts = jwks_cluster_name(provider), urlsplit(provider.jwks_uri)
    host = parts.hostname or ""
    address = {"socket_address": {"address": host, "port_value": parts.port or 443}}
    validation = {
        "trusted_ca": {"filename": trusted_ca},
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": host}}],
    }
    return {
        "name": name,
        "type": "STRICT_DNS",
        "dns_lookup_family": "ALL",
        **public_names(),
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}],
        },
        "transport_socket": extension(
            "envoy.transport_sockets.tls",
            "extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            sni=host,
            common_tls_context={
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
                "validation_context": validation,
            },
        ),
    }


def _anonymous() -> Resource:
    return {"not_id": {"header": {"name": SCOPE, "present_match": True}}}


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
