"""What the platform team sets once for all fleets; the chart writes it, the operator reads it at start."""

import ipaddress
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import rule_error
from modelfleet.api.schema.types import Int, ListOf, StringMap, text


def _is_network(cidr: str) -> str:
    try:
        ipaddress.ip_network(cidr, strict=False)
    except ValueError as error:
        raise rule_error(["must be a range of addresses such as `10.0.0.0/8`"]) from error
    return cidr


Cidr = Annotated[str, text(pattern=r"^[0-9a-fA-F.:]+/[0-9]{1,3}$", at_most=64), AfterValidator(_is_network)]

PRIVATE_RANGES = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
"""RFC 1918 and RFC 6598: where clusters take the addresses of their nodes, pods and Services from."""


class Peer(ApiModel):
    """Pods that may reach the engines."""

    namespace_labels: StringMap = Field(default_factory=dict)
    """namespaceLabels select their namespaces. Empty means every namespace."""
    pod_labels: StringMap = Field(default_factory=dict)
    """podLabels select them. Empty means every pod of those namespaces."""


class FleetNetwork(ApiModel):
    """The NetworkPolicy every fleet gets."""

    enabled: bool = True
    """enabled makes the operator write a NetworkPolicy for every fleet."""
    allowed_peers: Annotated[tuple[Peer, ...], ListOf(32)] = ()
    """allowedPeers may reach the engine port, besides the fleet's own pods: the gateway, the operator, Prometheus."""
    cluster_cidrs: Annotated[tuple[Cidr, ...], ListOf(32)] = PRIVATE_RANGES
    """clusterCidrs are the ranges of nodes, pods and Services, which engines may not reach. Defaults to the private ranges."""
    egress_cidrs: Annotated[tuple[Cidr, ...], ListOf(64)] = ()
    """egressCidrs are further ranges that engines may reach on TCP 443, such as a model mirror inside the cluster."""


class Rollouts(ApiModel):
    """How fast changes that no user asked for reach the fleets."""

    max_concurrent_operator_changes: Annotated[Int, Field(ge=0)] = 1
    """maxConcurrentOperatorChanges is how many fleets may roll at once because of a new operator or catalogue. 0 holds them."""


class Platform(ApiModel):
    """Everything the platform team sets for all fleets."""

    catalogue: dict[str, Any] = Field(default_factory=dict)
    """catalogue overrides and extends the built-in accelerators and models."""
    network: FleetNetwork = FleetNetwork()
    """network is the NetworkPolicy every fleet gets."""
    rollouts: Rollouts = Rollouts()
    """rollouts is how fast changes that no user asked for reach the fleets."""
    pod_monitors: bool = True
    """podMonitors makes the operator write a PodMonitor for every fleet, where that kind is installed."""
