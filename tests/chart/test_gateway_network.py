"""Who reaches the gateway and the operator behind it, and what they reach."""

from typing import Any

import pytest
from tests.chart.rendering import GATEWAY, OPERATOR, Helm, Object, find, merged, nested

from modelfleet.api.names import ENGINE_PORT, MANAGED_BY, MANAGED_BY_LABEL

ON = {"gateway": {"enabled": True}, "networkPolicy": {"enabled": True}}


def policy(helm: Helm, name: str, *values: dict[str, Any]) -> Object:
    spec: Object = find(helm.render(merged(ON, *values)), "NetworkPolicy", name)["spec"]
    return spec


def rules(spec: Object, direction: str, side: str) -> dict[Any, Any]:
    """Return who is on the other side, by port."""
    return {port["port"]: rule.get(side) for rule in spec[direction] for port in rule["ports"]}


def component(peers: list[Object]) -> str:
    """Return the component of the one kind of pods in the policy's own namespace that *peers* are."""
    [peer] = peers
    assert "namespaceSelector" not in peer
    found: str = peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
    return found


def test_everybody_may_ask_and_prometheus_reads_metrics(helm: Helm) -> None:
    ingress = rules(policy(helm, GATEWAY), "ingress", "from")
    [prometheus] = ingress["health"]

    assert ingress.keys() == {"http", "health"}
    assert ingress["http"] is None
    assert prometheus["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}


def test_clients_can_be_named(helm: Helm) -> None:
    clients = [{"namespaceSelector": {"matchLabels": {"team": "a"}}}]

    assert rules(policy(helm, GATEWAY, nested("gateway.networkPolicy.from", clients)), "ingress", "from")["http"] == (
        clients
    )


def test_nobody_reads_metrics_when_nobody_is_named(helm: Helm) -> None:
    assert (
        rules(policy(helm, GATEWAY, nested("gateway.networkPolicy.metricsFrom", [])), "ingress", "from").keys()
        == {"http"}  # an empty `from` would admit everybody
    )


def test_clients_of_a_certificate_reach_the_port_that_speaks_tls(helm: Helm) -> None:
    assert "https" in rules(policy(helm, GATEWAY, nested("gateway.clientTls.secretName", "tls")), "ingress", "from")


def test_the_gateway_reaches_names_the_operator_and_engines(helm: Helm) -> None:
    egress = rules(policy(helm, GATEWAY), "egress", "to")
    [engines] = egress[ENGINE_PORT]

    assert egress.keys() == {53, 18000, 8090, ENGINE_PORT}
    assert component(egress[18000]) == component(egress[8090]) == "operator"
    assert engines["namespaceSelector"] == {}
    assert engines["podSelector"]["matchLabels"][MANAGED_BY_LABEL] == MANAGED_BY


def test_allowed_hosts_open_the_way_out_of_the_cluster_and_not_into_it(helm: Helm) -> None:
    values = merged(
        nested("gateway.external.allowedHosts", ["api.example.com"]),
        nested("fleets.network.clusterCidrs", ["10.0.0.0/8", "fd00::/8"]),
    )
    [v4, v6] = rules(policy(helm, GATEWAY, values), "egress", "to")[443]

    assert v4["ipBlock"] == {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16", "10.0.0.0/8"]}
    assert v6["ipBlock"] == {"cidr": "::/0", "except": ["fe80::/10", "fc00::/7", "fd00::/8"]}


@pytest.mark.parametrize(
    ("endpoint", "port"),
    [
        pytest.param("grpc://collector.observability:4317", 4317, id="a port"),
        pytest.param("http://collector.observability:4318/v1/traces", 4318, id="a port before a path"),
        pytest.param("grpc://collector.observability", 4317, id="OTLP's own"),
        pytest.param("http://collector.observability/v1/traces", 4318, id="OTLP's own for HTTP"),
    ],
)
def test_traces_may_leave_by_their_endpoints_port(helm: Helm, endpoint: str, port: int) -> None:
    assert port in rules(policy(helm, GATEWAY, nested("gateway.tracing.endpoint", endpoint)), "egress", "to")


def test_only_the_gateway_reaches_what_the_operator_serves_to_it(helm: Helm) -> None:
    spec = policy(helm, OPERATOR)
    ingress, egress = rules(spec, "ingress", "from"), rules(spec, "egress", "to")

    assert component(ingress["xds"]) == component(ingress["activator"]) == "gateway"
    assert component(ingress["peers"]) == component(egress[8091]) == "operator"


def test_a_platform_may_write_its_own_policy(helm: Helm) -> None:
    objects = helm.render(merged(ON, nested("gateway.networkPolicy.enabled", False)))

    assert [obj["metadata"]["name"] for obj in objects if obj["kind"] == "NetworkPolicy"] == [OPERATOR]
