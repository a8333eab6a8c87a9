"""What the platform team sets once for all fleets; the chart writes it, the operator reads it at start."""

import ipaddress
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import rule_error
from modelfleet.api.schema.types import Int, Label, ListOf, StringMap, text


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


HOST_PATTERN = r"^(\*\.)?([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z]([-a-z0-9]*[a-z0-9])?$"
"""A host such as `api.example.com`, or all hosts below one such as `*.example.com`; never all hosts there are."""
NAME_PATTERN = r"^[A-Za-z0-9*?\[][A-Za-z0-9._:/*?!\[\]-]*$"
"""A pattern of model names: `*` is any characters, `?` is one, `[a-z]` is one of these."""
OTLP_ENDPOINT = r"^((grpc|http)://[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?)?$"

Percent = Annotated[Int, Field(ge=0, le=100)]
Cents = Annotated[Int, Field(ge=0, le=1_000_000_000)]


class AccessLog(ApiModel):
    """The gateway's log of requests. No prompt or answer is ever in it."""

    sample_percent: Percent = 100
    """samplePercent is how many requests that succeed are logged, in percent; others always are. Defaults to 100."""


class Tracing(ApiModel):
    """Traces through the gateway and the engines."""

    endpoint: Annotated[str, text(pattern=OTLP_ENDPOINT, at_least=0, at_most=512)] = ""
    """endpoint is where traces go: `http://` for OTLP over HTTP, `grpc://` for OTLP over gRPC. Empty, the default, sends none."""
    sample_percent: Percent = 100
    """samplePercent is how many requests are traced whose client did not decide, in percent. Defaults to 100."""


class TokenPrice(ApiModel):
    """What the tokens of a model cost, in cents for a million of them."""

    prompt_cents_per_million: Cents = 0
    """promptCentsPerMillion is the price of tokens of prompts. Defaults to 0."""
    completion_cents_per_million: Cents = 0
    """completionCentsPerMillion is the price of tokens of answers. Defaults to 0."""


class GatewaySettings(ApiModel):
    """The gateway in front of all fleets."""

    enabled: bool = False
    """enabled makes the operator configure a gateway. Defaults to false."""
    replicas: Annotated[Int, Field(ge=1, le=1000)] = 2
    """replicas is how many replicas of the gateway share what one engine takes: the chart's value, not the live number. Defaults to 2."""
    auth_required: bool = True
    """authRequired refuses callers without credentials where no RoutePolicy says who may come in. Defaults to true."""
    names: dict[Annotated[str, text(pattern=NAME_PATTERN, at_most=128)], Label] = Field(default_factory=dict)
    """names grants model names to namespaces, by pattern; nobody else can have these. The name itself counts before patterns, and longer patterns before shorter ones."""
    allowed_hosts: Annotated[tuple[Annotated[str, text(pattern=HOST_PATTERN)], ...], ListOf(256)] = ()
    """allowedHosts are the hosts outside the cluster that policies may name. Defaults to none."""
    secret_namespaces: Annotated[tuple[Label, ...], ListOf(1024)] = ()
    """secretNamespaces are the namespaces whose Secrets the operator may read. Defaults to none."""
    max_body_bytes: Annotated[Int, Field(ge=1024, le=1_073_741_824)] = 33_554_432
    """maxBodyBytes is the largest request, in bytes; larger ones get 413. Defaults to 33554432."""
    access_log: AccessLog = AccessLog()
    """accessLog is the gateway's log of requests."""
    tracing: Tracing = Tracing()
    """tracing is traces through the gateway and the engines."""
    token_prices: dict[str, TokenPrice] = Field(default_factory=dict)
    """tokenPrices are what tokens cost, by the name that clients request, for the cost in the access log."""
    client_tls: bool = False
    """clientTls says that the gateway has a certificate for clients and speaks TLS with them. Defaults to false."""


class Platform(ApiModel):
    """Everything the platform team sets for all fleets."""

    catalogue: dict[str, Any] = Field(default_factory=dict)
    """catalogue overrides and extends the built-in accelerators and models."""
    network: FleetNetwork = FleetNetwork()
    """network is the NetworkPolicy every fleet gets."""
    rollouts: Rollouts = Rollouts()
    """rollouts is how fast changes that no user asked for reach the fleets."""
    gateway: GatewaySettings = GatewaySettings()
    """gateway is the gateway in front of all fleets."""
    pod_monitors: bool = True
    """podMonitors makes the operator write a PodMonitor for every fleet, where that kind is installed."""
