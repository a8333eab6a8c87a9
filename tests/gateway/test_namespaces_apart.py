"""Namespaces may be called anything; none of their objects may be taken for something of the gateway's own."""

from tests.gateway.objects import fleet, lowered, outside, policy, provider_secret, rule, secret, to

from modelfleet.gateway import render
from modelfleet.gateway.answer import counts
from modelfleet.gateway.request import Caller
from modelfleet.gateway.schema import type_urls

TOKENS = {
    "jwt": {"issuer": "https://id.example.com", "jwksUri": "https://id.example.com/keys", "audiences": ["llm"]},
    "allow": {"users": ["ann"]},
}


def test_no_secret_has_the_scope_of_an_issuer() -> None:
    found = lowered(policy(auth=TOKENS), fleet(), allowedHosts=["id.example.com"])
    (provider,) = found.gateway.jwt
    let_in = found.gateway.tables["policy/models/chat"].access
    forged = lowered(secret(provider.name, namespace="jwt"), secretNamespaces=["jwt"])
    (key,) = forged.gateway.keys

    assert let_in.tokens == provider
    assert key.scope not in {provider.scope, provider.unread_scope}
    assert not counts(let_in, Caller(key.scope, key.user))


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
