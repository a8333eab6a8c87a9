"""The NetworkPolicy of a fleet: who reaches the engines, and what they reach."""

import ipaddress
from typing import Any

from modelfleet.api.names import ENGINE_PORT
from modelfleet.api.platform import Peer
from modelfleet.workload import traces
from modelfleet.workload.labels import metadata, pod_selector
from modelfleet.workload.plan import Plan

LINK_LOCAL = ("169.254.0.0/16", "fe80::/10")
"""RFC 3927 and RFC 4291; the metadata services of clouds, with their credentials, live there."""
UNIQUE_LOCAL = "fc00::/7"
"""RFC 4193: the private ranges of IPv6."""
DNS_PORTS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]
HTTPS = [{"protocol": "TCP", "port": 443}]


def network_policy(plan: Plan) -> dict[str, Any] | None:
    """
    Return the policy, or None where the platform writes its own.

    Only the platform's peers and the fleet's own pods reach the engine port: vLLM's own API key guards few of its
    paths. Engines reach DNS, TCP 443 outside the cluster, and where they send traces.
    """
    network = plan.setting.platform.network
    if not network.enabled:
        return None
    own_pods = {"podSelector": {"matchLabels": pod_selector(plan.fleet)}}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": metadata(plan.fleet),
        "spec": {
            "podSelector": {"matchLabels": pod_selector(plan.fleet)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [
                {
                    "from": [own_pods, *(_peer(peer) for peer in network.allowed_peers)],
                    "ports": [{"protocol": "TCP", "port": ENGINE_PORT}],
                },
            ],
            "egress": [
                {"ports": DNS_PORTS},
                {"ports": HTTPS, "to": _outside(network.cluster_cidrs, network.egress_cidrs)},
                *_to_traces(plan),
            ],
        },
    }


def _to_traces(plan: Plan) -> list[dict[str, Any]]:
    sent_to = traces.endpoint(plan.setting.platform, plan.flags.version)
    return [{"ports": [{"protocol": "TCP", "port": traces.port(sent_to)}]}] if sent_to else []


def _peer(peer: Peer) -> dict[str, Any]:
    return {
        "namespaceSelector": {"matchLabels": peer.namespace_labels} if peer.namespace_labels else {},
        "podSelector": {"matchLabels": peer.pod_labels} if peer.pod_labels else {},
    }


def _outside(cluster_cidrs: tuple[str, ...], further_cidrs: tuple[str, ...]) -> list[dict[str, Any]]:
    closed = [ipaddress.ip_network(cidr, strict=False) for cidr in (*LINK_LOCAL, UNIQUE_LOCAL, *cluster_cidrs)]
    everywhere = [
        {"ipBlock": {"cidr": cidr, "except": [str(network) for network in closed if network.version == version]}}
        for cidr, version in (("0.0.0.0/0", 4), ("::/0", 6))
    ]
    further = [str(ipaddress.ip_network(cidr, strict=False)) for cidr in further_cidrs]
    return [*everywhere, *({"ipBlock": {"cidr": cidr}} for cidr in further)]
