"""NetworkPolicies become rules of the node's firewall."""

from collections.abc import Mapping
from typing import Any

import pytest
from e2e.lab.policies.ruleset import Pod, World
from e2e.lab.policies.selectors import selects

FLEET = {"app": "fleet"}


def pod(address: str, *, namespace: str = "models", **labels: str) -> Pod:
    return Pod(namespace=namespace, labels=labels, address=address, named_ports={"http": 8000})


ENGINE = pod("10.244.0.2", app="fleet")
FRIEND = pod("10.244.0.3", app="gateway", namespace="gateways")
STRANGER = pod("10.244.0.4", app="gateway")
NAMESPACES: Mapping[str, Mapping[str, str]] = {"models": {}, "gateways": {"role": "gateways"}}


def policy(**spec: Any) -> dict[str, Any]:
    whole = {"podSelector": {"matchLabels": FLEET}, "policyTypes": ["Ingress"], **spec}
    return {"metadata": {"namespace": "models", "name": "p"}, "spec": whole}


def script(*policies: dict[str, Any]) -> str:
    return World(policies=policies, pods=[ENGINE, FRIEND, STRANGER], namespaces=NAMESPACES).script()


def chain(text: str, name: str) -> list[str]:
    """Return the lines of the chain called *name*."""
    lines = text.splitlines()
    start = lines.index(f"chain {name} {{")
    return lines[start + 1 : lines.index("}", start)]


def test_without_policies_nothing_is_filtered() -> None:
    assert "drop" not in script()


def test_a_selected_pod_is_reached_by_nobody_but_itself_unless_a_rule_says_so() -> None:
    assert chain(script(policy()), "ingress_10_244_0_2") == ["ip saddr 10.244.0.2 return", "drop"]


def test_a_rule_lets_its_peers_reach_its_port() -> None:
    peer = {
        "namespaceSelector": {"matchLabels": {"role": "gateways"}},
        "podSelector": {"matchLabels": {"app": "gateway"}},
    }
    rule = {"from": [peer], "ports": [{"protocol": "TCP", "port": 8000}]}

    lines = chain(script(policy(ingress=[rule])), "ingress_10_244_0_2")

    assert lines[1:-1] == ["ip saddr { 10.244.0.3 } tcp dport 8000 return"]


def test_a_peer_without_a_namespace_is_in_the_policys_own() -> None:
    rule = {"from": [{"podSelector": {"matchLabels": {"app": "gateway"}}}]}

    lines = chain(script(policy(ingress=[rule])), "ingress_10_244_0_2")

    assert lines[1:-1] == ["ip saddr { 10.244.0.4 } return"]


def test_a_peer_that_is_nobody_lets_nobody_in() -> None:
    rule = {"from": [{"podSelector": {"matchLabels": {"app": "ghost"}}}]}

    assert chain(script(policy(ingress=[rule])), "ingress_10_244_0_2")[1:] == ["drop"]


@pytest.mark.parametrize(
    ("ports", "lines"),
    [
        pytest.param([], ["return"], id="any port"),
        pytest.param([{"port": "http"}], ["tcp dport 8000 return"], id="named port"),
        pytest.param([{"port": 8000, "endPort": 8010}], ["tcp dport 8000-8010 return"], id="range"),
        pytest.param([{"protocol": "UDP"}], ["meta l4proto udp return"], id="protocol only"),
        pytest.param([{"port": 1}, {"port": 2}], ["tcp dport 1 return", "tcp dport 2 return"], id="several"),
    ],
)
def test_ports_are_written_as_the_firewall_reads_them(ports: list[dict[str, Any]], lines: list[str]) -> None:
    assert chain(script(policy(ingress=[{"ports": ports}])), "ingress_10_244_0_2")[1:-1] == lines


def test_a_block_is_matched_without_its_exceptions() -> None:
    block = {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16", "10.0.0.0/8", "fe80::/10"]}
    outgoing = policy(policyTypes=["Egress"], egress=[{"to": [{"ipBlock": block}]}])

    lines = chain(script(outgoing), "egress_10_244_0_2")

    assert lines[1:-1] == ["ip daddr 0.0.0.0/0 ip daddr != { 169.254.0.0/16, 10.0.0.0/8 } return"]


def test_rules_of_several_policies_add_up() -> None:
    first, second = (policy(ingress=[{"ports": [{"port": port}]}]) for port in (1, 2))

    lines = chain(script(first, second), "ingress_10_244_0_2")

    assert lines[1:-1] == ["tcp dport 1 return", "tcp dport 2 return"]


def test_known_connections_pass_before_any_rule() -> None:
    lines = chain(script(policy()), "forward")

    assert lines[1] == "ct state established,related accept"
    assert lines[2] == "ip daddr vmap { 10.244.0.2 : jump ingress_10_244_0_2 }"


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        pytest.param({}, True, id="empty"),
        pytest.param({"matchLabels": {"app": "fleet"}}, True, id="equal"),
        pytest.param({"matchLabels": {"app": "fleet", "tier": "x"}}, False, id="one missing"),
        pytest.param({"matchExpressions": [{"key": "app", "operator": "In", "values": ["fleet"]}]}, True, id="in"),
        pytest.param(
            {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["fleet"]}]}, False, id="not in"
        ),
        pytest.param({"matchExpressions": [{"key": "app", "operator": "Exists"}]}, True, id="exists"),
        pytest.param({"matchExpressions": [{"key": "app", "operator": "DoesNotExist"}]}, False, id="does not exist"),
        pytest.param({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}, True, id="absent"),
    ],
)
def test_selectors_match_as_kubernetes_says(selector: dict[str, Any], *, matches: bool) -> None:
    assert selects(selector, FLEET) is matches


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"spec": {"containers": [], "hostNetwork": True}}, id="on the node's network"),
        pytest.param({"status": {}}, id="not yet started"),
        pytest.param({"status": {"podIP": "10.244.0.9", "phase": "Succeeded"}}, id="ended"),
    ],
)
def test_pods_without_an_address_of_their_own_are_left_out(change: dict[str, Any]) -> None:
    metadata = {"namespace": "models", "name": "x"}
    body = {"metadata": metadata, "spec": {"containers": []}, "status": {"podIP": "10.244.0.9", "phase": "Running"}}

    assert Pod.of(body) is not None
    assert Pod.of({**body, **change}) is None
