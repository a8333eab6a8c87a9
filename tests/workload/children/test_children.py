"""The children around the Deployment."""

from typing import Any

import pytest
from tests.workload.fleets import child, fleet, planned, refused, setting

from modelfleet.workload.children.claim import as_grown
from modelfleet.workload.children.compile import children

FLEET = {"matchLabels": {"modelfleet.dev/fleet": "llama"}}
PEERS = {
    "allowedPeers": [
        {"namespaceLabels": {"kubernetes.io/metadata.name": "gateway"}, "podLabels": {"app": "envoy"}},
        {"podLabels": {"app": "prometheus"}},
        {"namespaceLabels": {"team": "a"}},
    ]
}


def policy(**network: Any) -> Any:
    return child("NetworkPolicy", fleet(), surrounding=setting(network=network))


def test_children_come_in_the_order_they_are_needed_and_are_the_fleets() -> None:
    made = children(planned(fleet(weights={"cache": {"claim": {"size": "1Ti", "deletionPolicy": "Delete"}}})))

    assert [obj["kind"] for obj in made] == [
        *("ServiceAccount", "PersistentVolumeClaim", "NetworkPolicy", "Service"),
        *("PodDisruptionBudget", "Deployment", "PodMonitor"),
    ]
    assert {obj["metadata"]["namespace"] for obj in made} == {"models"}
    assert {obj["metadata"]["labels"]["modelfleet.dev/fleet"] for obj in made} == {"llama"}
    assert {owner["uid"] for obj in made for owner in obj["metadata"]["ownerReferences"]} == {"uid-of-llama"}


def test_the_deployment_says_nothing_of_its_size() -> None:
    assert "replicas" not in child("Deployment", fleet(replicas=7))["spec"]


def test_only_the_service_looks_at_the_traffic_label() -> None:
    made = {obj["kind"]: obj["spec"] for obj in children(planned(fleet())) if "spec" in obj}

    assert made["Service"]["selector"] == {"modelfleet.dev/fleet": "llama", "modelfleet.dev/traffic": "serving"}
    for kind in ("Deployment", "PodDisruptionBudget", "PodMonitor"):
        assert made[kind]["selector"] == FLEET
    assert made["NetworkPolicy"]["podSelector"] == FLEET


def test_the_service_leads_to_the_engine() -> None:
    [port] = child("Service", fleet())["spec"]["ports"]
    pod = child("Deployment", fleet())["spec"]["template"]["spec"]

    assert (port["port"], port["targetPort"]) == (80, "http")
    assert pod["containers"][0]["ports"] == [{"name": "http", "containerPort": 8000, "protocol": "TCP"}]


def test_a_budget_lets_nodes_be_drained_at_every_size() -> None:
    spec = child("PodDisruptionBudget", fleet(replicas=1))["spec"]

    assert (spec["maxUnavailable"], spec["unhealthyPodEvictionPolicy"]) == (1, "AlwaysAllow")
    assert "minAvailable" not in spec


@pytest.mark.parametrize(("policy_of", "is_owned"), [("Retain", False), ("Delete", True)])
def test_a_claim_outlives_its_fleet_unless_told_otherwise(policy_of: str, *, is_owned: bool) -> None:
    wanted = {"size": "2Ti", "storageClassName": "shared", "deletionPolicy": policy_of}

    claim = child("PersistentVolumeClaim", fleet(weights={"cache": {"claim": wanted}}))

    assert claim["metadata"]["name"] == "llama-cache"
    assert ("ownerReferences" in claim["metadata"]) is is_owned
    assert claim["spec"] == {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "2Ti"}},
        "storageClassName": "shared",
    }


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        pytest.param("1Ti", "1Ti", id="as it was made"),
        pytest.param("1536Gi", "1536Gi", id="grown by somebody"),
        pytest.param("512Gi", "1Ti", id="asked to grow"),
        pytest.param("1e13", "1Ti", id="a number the API server must compare"),
    ],
)
def test_a_claim_never_shrinks(live: str, expected: str) -> None:
    wanted = child("PersistentVolumeClaim", fleet(weights={"cache": {"claim": {"size": "1Ti"}}}))
    found = wanted | {"spec": wanted["spec"] | {"resources": {"requests": {"storage": live}}}}

    grown = as_grown(wanted, found)

    assert grown == wanted | {"spec": wanted["spec"] | {"resources": {"requests": {"storage": expected}}}}


@pytest.mark.parametrize("cache", [{"claimName": "c"}, {"hostPath": "/mnt"}, {"ephemeral": {}}])
def test_other_caches_need_no_claim(cache: dict[str, Any]) -> None:
    assert child("PersistentVolumeClaim", fleet(weights={"cache": cache})) is None


@pytest.mark.parametrize(
    ("installed", "wanted", "made"), [(True, True, True), (False, True, False), (True, False, False)]
)
def test_a_monitor_needs_its_kind_and_the_platforms_consent(*, installed: bool, wanted: bool, made: bool) -> None:
    surrounding = setting(has_pod_monitors=installed, podMonitors=wanted)

    assert (child("PodMonitor", fleet(), surrounding=surrounding) is not None) is made


def test_only_named_peers_and_the_fleets_own_pods_reach_the_engine() -> None:
    [rule] = policy(**PEERS)["spec"]["ingress"]

    assert rule["ports"] == [{"protocol": "TCP", "port": 8000}]
    assert rule["from"] == [
        {"podSelector": FLEET},
        {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "gateway"}},
            "podSelector": {"matchLabels": {"app": "envoy"}},
        },
        {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "prometheus"}}},
        {"namespaceSelector": {"matchLabels": {"team": "a"}}, "podSelector": {}},
    ]


def test_engines_reach_names_and_https_but_neither_the_cluster_nor_the_clouds_credentials() -> None:
    dns, https = policy(clusterCidrs=["10.0.0.0/8", "fd00::/8"], egressCidrs=["10.9.0.0/16"])["spec"]["egress"]
    blocks = {peer["ipBlock"]["cidr"]: peer["ipBlock"].get("except") for peer in https["to"]}

    assert dns == {"ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]}
    assert https["ports"] == [{"protocol": "TCP", "port": 443}]
    assert blocks == {
        "0.0.0.0/0": ["169.254.0.0/16", "10.0.0.0/8"],
        "::/0": ["fe80::/10", "fc00::/7", "fd00::/8"],
        "10.9.0.0/16": None,
    }


def test_ranges_are_written_as_networks() -> None:
    https = policy(clusterCidrs=["10.1.2.3/8"], egressCidrs=["10.9.1.1/16"])["spec"]["egress"][1]

    assert "10.0.0.0/8" in https["to"][0]["ipBlock"]["except"]
    assert https["to"][-1] == {"ipBlock": {"cidr": "10.9.0.0/16"}}


@pytest.mark.parametrize("everything", ["0.0.0.0/0", "10.0.0.0/0", "::/0"])
def test_a_cluster_that_is_everywhere_is_refused_where_it_closes_engines_in(everything: str) -> None:
    closed = {"clusterCidrs": ["10.0.0.0/8", everything]}

    message = refused(fleet(), surrounding=setting(network=closed)).accepted.message

    assert message.startswith("The platform's `network.clusterCidrs` must leave addresses outside the cluster")
    assert f'found "{everything}": name only' in message
    assert policy(**closed, enabled=False) is None


def test_a_platform_with_policies_of_its_own_gets_none() -> None:
    assert policy(enabled=False) is None
    assert policy()["spec"]["policyTypes"] == ["Ingress", "Egress"]
