"""How hosts outside of the cluster are looked up."""

from modelfleet.gateway.render.types import Resource, extension


def public_names() -> Resource:
    """
    Return the part of a cluster that takes its host's name as it stands, with none of the pod's search domains.

    With those, `api.example.com` would first be the pod `api` of the Service `example` in a namespace called `com`.
    """
    options = {"no_default_search_domain": True}
    kind = "extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig"
    resolver = extension("envoy.network.dns_resolver.cares", kind, dns_resolver_options=options)
    return {"typed_dns_resolver_config": resolver}
