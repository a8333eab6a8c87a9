"""
JSON web tokens: verified once for each issuer, before the table is known, and read in the way of the table after that.

Two policies may read the same token differently, so that no claim is anybody's name before the table is known. How a
table reads tokens travels as metadata of its virtual host to the script `identity`.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from modelfleet.gateway.ir import JwtProvider
from modelfleet.gateway.render.filters.scripts import IDENTITY
from modelfleet.gateway.render.headers import CLAIMS, PREFIX
from modelfleet.gateway.render.names import public_names
from modelfleet.gateway.render.types import Resource, extension

JWT = "jwt"
JWT_TYPE = "extensions.filters.http.jwt_authn.v3.JwtAuthentication"
NO_PROVIDER = "nobody"

JWKS_SECONDS = 300
REFETCH_SECONDS = 5
FETCH_SECONDS = 3


def jwt(providers: Iterable[JwtProvider]) -> Resource:
    """
    Return the resource `jwt`: a token is good that an issuer of *providers* made for one of their audiences.

    Keys are fetched beside the requests and every 5 minutes; while an issuer cannot be reached its tokens are 401, and
    nobody else's.
    """
    known = {name: _provider(name, alike) for name, alike in _by_issuer(providers).items()} or {NO_PROVIDER: _nobody()}
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
    uris = {jwks_cluster_name(one): one.jwks_uri for one in providers}
    return {name: _cluster(name, uri, trusted_ca) for name, uri in uris.items()}


def reading(tokens: JwtProvider | None) -> Resource:
    """Return the part of a table's virtual host that tells the script `identity` how the table reads tokens."""
    if tokens is None:
        return {}
    claims = {"user": tokens.user_claim, "team": tokens.team_claim, "priority": tokens.priority_claim}
    how = {
        "issuer": tokens.unread_scope,
        "scope": tokens.scope,
        "audiences": list(tokens.audiences),
        **{key: claim for key, claim in claims.items() if claim},
    }
    return {"metadata": {"filter_metadata": {IDENTITY: {"tokens": how}}}}


def jwks_cluster_name(provider: JwtProvider) -> str:
    """Return the name of the cluster that the keys of *provider*'s issuer come from."""
    return f"jwks/{provider.unread_scope}"


def _by_issuer(providers: Iterable[JwtProvider]) -> Mapping[str, Sequence[JwtProvider]]:
    found: defaultdict[str, list[JwtProvider]] = defaultdict(list)
    for one in providers:
        found[one.unread_scope].append(one)
    return found


def _provider(name: str, alike: Sequence[JwtProvider]) -> Resource:
    first = alike[0]
    return {
        "issuer": first.issuer,
        "audiences": sorted({audience for one in alike for audience in one.audiences}),
        "remote_jwks": {
            "http_uri": {
                "uri": first.jwks_uri,
                "cluster": jwks_cluster_name(first),
                "timeout": f"{FETCH_SECONDS}s",
            },
            "cache_duration": f"{JWKS_SECONDS}s",
            "async_fetch": {"fast_listener": True, "failed_refetch_duration": f"{REFETCH_SECONDS}s"},
        },
        "from_headers": [{"name": "authorization", "value_prefix": "Bearer "}],
        "require_expiration": True,
        "payload_in_metadata": name,
        "forward_payload_header": CLAIMS,
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


def _cluster(name: str, jwks_uri: str, trusted_ca: str) -> Resource:
    parts = urlsplit(jwks_uri)
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
