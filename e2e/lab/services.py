"""Service addresses, names, and who may reach whom: kube-proxy in nftables mode, CoreDNS, NetworkPolicies."""

import sys
from pathlib import Path
from typing import Any

import yaml

from e2e.lab import network
from e2e.lab.layout import NODE_NAME, Layout
from e2e.lab.processes import Component

_REPOSITORY = Path(__file__).parents[2]
_PROXY_HEALTH_PORT = 10256
_DNS_READY_PORT = 8181
HEALTH_URLS = (
    f"http://{network.NODE_ADDRESS}:{_PROXY_HEALTH_PORT}/healthz",
    f"http://{network.NODE_ADDRESS}:{_DNS_READY_PORT}/ready",
)
"""Both answer once services and names work; from inside the network namespace."""


def kube_proxy(layout: Layout, binary: Path) -> Component:
    """Write kube-proxy's configuration and return it."""
    config = layout.root / "kube-proxy.yaml"
    config.write_text(yaml.safe_dump(_proxy_config(layout)))
    return Component("kube-proxy", (str(binary), f"--config={config}"))


def coredns(layout: Layout, binary: Path) -> Component:
    """Write CoreDNS's configuration and return it; it answers for the cluster, and for the hosts of `outside` alone."""
    layout.outside_hosts.touch()
    corefile = layout.root / "Corefile"
    corefile.write_text(
        f"""\
.:53 {{
    bind {network.NODE_ADDRESS}
    errors
    ready {network.NODE_ADDRESS}:{_DNS_READY_PORT}
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {layout.inner_kubeconfig}
        pods insecure
    }}
    hosts {layout.outside_hosts} {{
        reload 1s
        fallthrough
    }}
    cache 5
}}
"""
    )
    return Component("coredns", (str(binary), "-conf", str(corefile)))


def policy_agent(layout: Layout) -> Component:
    """Return the program that enforces NetworkPolicies on the node."""
    program = (sys.executable, "-m", "e2e.lab.policies.agent", str(layout.inner_kubeconfig))
    return Component("network-policies", ("env", f"PYTHONPATH={_REPOSITORY}", *program))


def dns_objects() -> list[tuple[str, dict[str, Any]]]:
    """Return the Service that pods ask for names, and its endpoint on the node, each with the path to create it at."""
    metadata = {"name": "kube-dns", "namespace": "kube-system", "labels": {"k8s-app": "kube-dns"}}
    ports = [{"name": "dns", "port": 53, "protocol": "UDP"}, {"name": "dns-tcp", "port": 53, "protocol": "TCP"}]
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata}
    endpoints = {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4"}
    endpoint = {"addresses": [network.NODE_ADDRESS], "conditions": {"ready": True}}
    owner = {"kubernetes.io/service-name": "kube-dns"}
    return [
        (
            "/api/v1/namespaces/kube-system/services",
            {**service, "spec": {"clusterIP": network.DNS_SERVICE, "ports": ports}},
        ),
        (
            "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices",
            {**endpoints, "metadata": {**metadata, "labels": owner}, "endpoints": [endpoint], "ports": ports},
        ),
    ]


def _proxy_config(layout: Layout) -> dict[str, Any]:
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "clientConnection": {"kubeconfig": str(layout.inner_kubeconfig)},
        "clusterCIDR": network.POD_RANGE,
        "hostnameOverride": NODE_NAME,
        "nodePortAddresses": ["primary"],
        # The connection table belongs to the machine, not to the namespace: leave its size alone.
        "conntrack": {"maxPerCore": 0, "min": 0},
        "healthzBindAddress": f"{network.NODE_ADDRESS}:{_PROXY_HEALTH_PORT}",
        "metricsBindAddress": f"{network.NODE_ADDRESS}:10249",
    }
