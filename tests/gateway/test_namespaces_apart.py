"""Namespaces may be called anything; none of their objects may be taken for something of the gateway's own."""

from tests.gateway.objects import fleet, lowered, outside, policy, provider_secret, rule, secret, to

from modelfleet.gateway import render
from modelfleet.gateway.lower import access
from modelfleet.gateway.render import authentication
from modelfleet.gateway.schema import type_urls

TOKENS = {
    "jwt": {"issuer": "https://id.example.com", "jwksUri": "https://id.example.com/keys", "audiences": ["llm"]},
    "allow": {"users": ["ann"]},
}


def test_no_secret_has_the_scope_of_an_issuer() -> None:
    found = lowered(policy(auth=TOKENS), fleet(), allowedHosts=["id.example.com"])
    (provider,) = found.gateway.jwt
    (scope,) = found.gateway.tables["policy/models/chat"].access.scopes
    forged = lowered(secret(provider.name, namespace="jwt"), secretNamespaces=["jwt"])

    assert scope == access.scope_of(provider) == authentication.scope_of(provider)
    assert scope not in {key.scope for key in forged.gateway.keys}


def test_no_cluster_but_a_pool_has_the_name_of_a_fleet() -> None:
    route = rule(to("llama"), name="to", fallback=[outside(), {"static": {"status": 503, "message": "no"}}])
    found = lowered(fleet(), policy(route, auth=TOKENS), provider_secret(), allowedHosts=["*.example.com"])
    resources = render.resources(found.gateway, render.Replicas({}), render.Place())

    assert [name for name in resources[type_urls.CDS] if name.count("/") == 1] == ["models/llama"]


def test_no_namespace_takes_the_place_of_a_host_outside() -> None:
    found = lowered(fleet(), policy(rule(outside()), auth=TOKENS), allowedHosts=["*.example.com"])
    clusters = render.resources(found.gateway, render.Replicas({}), render.Place())[type_urls.CDS].values()
    asked = [each for each in clusters if each["name"].startswith(("external/", "jwks/"))]
    options = [each["typed_dns_resolver_config"]["typed_config"]["dns_resolver_options"] for each in asked]

    assert options == [{"no_default_search_domain": True}] * 2
