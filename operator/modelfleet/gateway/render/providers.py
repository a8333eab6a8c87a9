"""
OpenAI-compatible services outside of the cluster.

Requests reach them over the relay alone, one try each, so that what is done to them for a provider (path, model, key)
is done to no other try: Envoy's upstream filters change the headers that later tries have too.
"""

import json
from functools import cache
from importlib.resources import files

from modelfleet.gateway.ir import Provider, SecretKey
from modelfleet.gateway.render.headers import CREDENTIALS, DROPPED_PREFIXES
from modelfleet.gateway.render.names import public_names
from modelfleet.gateway.render.relay import unlimited
from modelfleet.gateway.render.types import Resource, ads, extension
from modelfleet.gateway.render.upstream import http_options

TRUSTED_CA = "/etc/ssl/certs/ca-certificates.crt"
HTTPS_PORT = 443
PRIVATE_HEADERS = (*CREDENTIALS, "api-key", "cookie", "proxy-authorization", "x-goog-api-key", "x-request-id")
"""Of the client's headers, those that are no business of a provider's: whatever may hold credentials."""
PRIVATE_PREFIXES = (*DROPPED_PREFIXES, "x-forwarded-")


def provider_cluster(provider: Provider, *, trusted_ca: str = TRUSTED_CA) -> Resource:
    """Return the cluster of *provider*; its certificate must be its host's, by an authority in *trusted_ca*."""
    hostname = provider.host if provider.port == HTTPS_PORT else f"{provider.host}:{provider.port}"
    address = {"socket_address": {"address": provider.host, "port_value": provider.port}}
    endpoint = {"hostname": hostname, "address": address}
    return {
        "name": provider.name,
        "type": "LOGICAL_DNS",
        "dns_lookup_family": "ALL",
        **public_names(),
        "connect_timeout": "5s",
        "load_assignment": {"cluster_name": provider.name, "endpoints": [{"lb_endpoints": [{"endpoint": endpoint}]}]},
        "circuit_breakers": unlimited(),
        "transport_socket": _tls(provider.host, trusted_ca),
        **http_options(_script(provider), _stranger(), *_key(provider)),
    }


def provider_key(key: SecretKey, value: str) -> Resource:
    """Return the Secret of *key*; *value* gets into no log."""
    return {"name": secret_name(key), "generic_secret": {"secret": {"inline_string": value}}}


def secret_name(key: SecretKey) -> str:
    """Return the name that *key* has over SDS."""
    return f"{provider_keys_of(key.namespace)}{key.secret}/{key.key}"


def provider_keys_of(namespace: str) -> str:
    """Return how the names over SDS begin of all keys of *namespace*."""
    return f"provider/{namespace}/"


def _tls(host: str, trusted_ca: str) -> Resource:
    validation = {
        "trusted_ca": {"filename": trusted_ca},
        "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": host}}],
    }
    context = {
        "alpn_protocols": ["http/1.1"],
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2", "tls_maximum_protocol_version": "TLSv1_3"},
        "validation_context": validation,
    }
    kind = "extensions.transport_sockets.tls.v3.UpstreamTlsContext"
    return extension("envoy.transport_sockets.tls", kind, sni=host, common_tls_context=context)


def _stranger() -> Resource:
    """Return the filter that takes off what the gateway knows of the client."""
    removed = [
        *({"remove": name} for name in PRIVATE_HEADERS),
        *({"remove_on_match": {"key_matcher": {"prefix": prefix}}} for prefix in PRIVATE_PREFIXES),
    ]
    kind = "extensions.filters.http.header_mutation.v3.HeaderMutation"
    return extension("stranger", kind, mutations={"request_mutations": removed})


def _script(provider: Provider) -> Resource:
    """Return the filter that writes the path and the model as *provider* knows them."""
    renamed = {"model": json.dumps(provider.model)} if provider.model is not None else {}
    return extension(
        "provider",
        "extensions.filters.http.lua.v3.Lua",
        default_source_code={"inline_string": _source()},
        shared_vm_id="provider",
        filter_context={"base": provider.base_path, **renamed},
    )


def _key(provider: Provider) -> list[Resource]:
    if provider.key is None:
        return []
    prefix = {"header_value_prefix": "Bearer "} if provider.key_header == "authorization" else {}
    credential = extension(
        "key",
        "extensions.http.injected_credentials.generic.v3.Generic",
        credential={"name": secret_name(provider.key), "sds_config": ads()},
        header=provider.key_header,
        **prefix,
    )
    kind = "extensions.filters.http.credential_injector.v3.CredentialInjector"
    return [extension("key", kind, overwrite=True, credential=credential)]


@cache
def _source() -> str:
    scripts = files("modelfleet.gateway.render") / "lua"
    return "\n".join((scripts / name).read_text() for name in ("multipart.lua", "provider.lua"))
