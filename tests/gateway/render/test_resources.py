"""Everything that is rendered: it fits Envoy's schema, and a change renders no more than depends on it."""

from dataclasses import replace

import pytest
from tests.gateway.render.tables import EXTERNAL, PROVIDER, fleet, pool, pools, rule, split, table

from modelfleet.gateway import ir, render
from modelfleet.gateway.render.retries import BUDGET_FROM, BUDGET_FROM_HELD
from modelfleet.gateway.schema import Schema, type_urls

KEY = ir.SecretKey("ns", "s", "k")
PLACE = render.Place()
SHARED = split((fleet("first"), 9), (fleet("second"), 1), sticky="x-session-id")
EVERYTHING = ir.Gateway(
    frame=ir.Frame(tracing_endpoint="grpc://collector.example.com"),
    tables={
        one.name: one
        for one in (
            table(
                rule(SHARED, SHARED, split(EXTERNAL), final=ir.StaticAnswer(503, "no", 5), shed=ir.Shed.REJECT),
                rule(split(fleet("asleep")), name="b", match=ir.Match(users=("a", "b"), body_bytes_at_most=100)),
                limits=(ir.Limit(ir.Per.USER, requests_per_minute=10),),
            ),
            table(rule(split(fleet("first")), split(fleet("first"))), name="fleet/ns/first", models=("first",)),
        )
    },
    pools={
        **pools("first", "second", affinity=ir.Affinity(ir.AffinityKey.PREFIX)),
        "ns/asleep": pool("asleep", sleep=ir.Sleep(300)),
    },
    providers={PROVIDER.name: PROVIDER},
    provider_keys={KEY: "sk"},
)
READY = render.Replicas(
    {"ns/first": (ir.Address("127.0.0.1", 8000),)},
    activators=(ir.Address("127.0.0.1", 8090),),
    gateways=(ir.Address("127.0.0.1", 8080),),
)


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Schema()


def test_all_resources_fit_the_schema(schema: Schema) -> None:
    found = render.resources(EVERYTHING, READY, PLACE)

    assert set(found) >= {type_urls.CDS, type_urls.EDS, type_urls.RDS, type_urls.SRDS, type_urls.LDS, type_urls.SDS}
    assert all(schema.parse(type_url, body) for type_url, by_name in found.items() for body in by_name.values())


def test_every_cluster_that_is_named_exists() -> None:
    found = render.resources(EVERYTHING, READY, PLACE)[type_urls.CDS]
    members = {
        one if isinstance(one, str) else one["name"]
        for cluster in found.values()
        if cluster.get("cluster_type")
        for one in cluster["cluster_type"]["typed_config"]["clusters"]
    }

    assert members
    assert members <= found.keys()


def test_every_pool_that_never_sleeps_ends_in_the_sink() -> None:
    found = render.resources(EVERYTHING, READY, PLACE)[type_urls.EDS]
    groups = {name: [_ports(group) for group in one["endpoints"]] for name, one in found.items()}

    assert groups["ns/first"] == [[8000], [PLACE.ports.sink]]
    assert (groups["ns/asleep"], groups["operator-api"]) == ([[]], [[8090]])


def test_a_fleet_that_may_sleep_is_its_pods_then_the_operators_then_the_sink() -> None:
    found = render.resources(EVERYTHING, READY, PLACE)[type_urls.CDS]
    members = found["ns/asleep"]["cluster_type"]["typed_config"]["clusters"]

    assert members == ["ns/asleep/pods", "operator-api", "sink"]
    assert found["ns/asleep/pods"]["eds_cluster_config"]["service_name"] == "ns/asleep"


def test_what_is_right_for_pods_is_not_asked_of_operators() -> None:
    found = render.resources(EVERYTHING, READY, PLACE)[type_urls.CDS]
    [pods], [operators] = (found[name]["load_balancing_policy"]["policies"] for name in ("ns/first", "operator-api"))

    assert "per_host_thresholds" in found["ns/asleep/pods"]["circuit_breakers"]
    assert "per_host_thresholds" not in found["operator-api"]["circuit_breakers"]
    assert pods["typed_extension_config"]["name"] != operators["typed_extension_config"]["name"]


def test_replicas_that_come_and_go_change_endpoints_alone() -> None:
    before = render.resources(EVERYTHING, READY, PLACE)
    more = tuple(ir.Address("127.0.0.1", port) for port in range(8000, 8030))
    after = render.resources(EVERYTHING, replace(READY, pods={"ns/first": more}), PLACE)

    assert [type_url for type_url in before if before[type_url] != after[type_url]] == [type_urls.EDS]


def test_parts_together_are_the_whole() -> None:
    changed = EVERYTHING.tables["policy/ns/chat"]
    part = render.of_table(changed, EVERYTHING.pools, EVERYTHING.frame)
    whole = render.resources(EVERYTHING, READY, PLACE)

    assert all(whole[type_url][name] == body for type_url, by_name in part.items() for name, body in by_name.items())


def test_a_fleet_without_a_policy_has_one_cluster() -> None:
    plain = EVERYTHING.tables["fleet/ns/first"]

    assert render.of_table(plain, EVERYTHING.pools, EVERYTHING.frame)[type_urls.CDS] == {}


def test_what_a_change_of_a_policy_sends_is_small(schema: Schema) -> None:
    shares = rule(SHARED, SHARED, split(EXTERNAL), final=ir.StaticAnswer(503, "no"))
    other = split((fleet("first"), 8), (fleet("second"), 2), sticky="x-session-id")
    before, after = table(shares), table(replace(shares, tries=(other, other, split(EXTERNAL))))

    assert _sent(schema, before, after) < 4_000
    assert _sent(schema, table(rule(split(fleet("first")))), EVERYTHING.tables["fleet/ns/first"]) < 2_000


def _sent(schema: Schema, before: ir.RouteTable, after: ir.RouteTable) -> int:
    """Return how many bytes of resources are different, or new, after a change."""
    was, now = (render.of_table(one, EVERYTHING.pools, EVERYTHING.frame) for one in (before, after))
    return sum(
        len(schema.parse(type_url, body))
        for type_url, by_name in now.items()
        for name, body in by_name.items()
        if was[type_url].get(name) != body
    )


def test_keys_of_providers_are_in_secrets_alone() -> None:
    found = render.resources(replace(EVERYTHING, provider_keys={KEY: "sk-hidden"}), READY, PLACE)

    assert [type_url for type_url in found if "sk-hidden" in str(found[type_url])] == [type_urls.SDS]


def _ports(group: dict[str, list[dict[str, dict[str, dict[str, dict[str, int]]]]]]) -> list[int]:
    return [one["endpoint"]["address"]["socket_address"]["port_value"] for one in group["lb_endpoints"]]


def test_all_that_an_activator_holds_may_be_tried_again_at_once() -> None:
    clusters = render.resources(EVERYTHING, READY, PLACE)[type_urls.CDS]
    least = {
        name: {
            limits["retry_budget"]["min_retry_concurrency"]
            for limits in clusters[name]["circuit_breakers"]["thresholds"]
        }
        for name in ("ns/asleep", "ns/first")
    }

    assert least == {"ns/asleep": {BUDGET_FROM_HELD}, "ns/first": {BUDGET_FROM}}
