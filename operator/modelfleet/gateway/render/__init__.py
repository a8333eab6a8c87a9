"""
What the gateway does as Envoy's resources: plain dicts, the JSON form of its messages.

`resources` gives everything; the other functions what depends on one thing, so that a change renders nothing else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from modelfleet.gateway.ir import Address, Frame, Gateway, Pool, Provider, RouteTable, SecretKey
from modelfleet.gateway.render import (
    authentication,
    clusters,
    endpoints,
    holding,
    listeners,
    providers,
    routes,
    tokens,
    tracing,
)
from modelfleet.gateway.render.bootstrap import LOCAL_CLUSTER
from modelfleet.gateway.render.listeners import Ports
from modelfleet.gateway.render.operator import OPERATOR_API, OperatorAccess, operator_api
from modelfleet.gateway.render.types import Resource
from modelfleet.gateway.schema import type_urls

Resources = dict[str, dict[str, Resource]]
"""Resources by type URL and name."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the gateway runs: what no kind says."""

    operators: OperatorAccess = field(default_factory=OperatorAccess)
    ports: Ports = field(default_factory=Ports)
    trusted_ca: str = providers.TRUSTED_CA
    """trusted_ca is a file of Envoy's container, with the authorities that providers' certificates come from."""


@dataclass(frozen=True, slots=True)
class Replicas:
    """Who is ready, by address."""

    pods: Mapping[str, tuple[Address, ...]]
    """pods are by the name of the fleet."""
    activators: tuple[Address, ...] = ()
    gateways: tuple[Address, ...] = ()

    @property
    def sharing(self) -> int:
        """Return how many gateways share the limits."""
        return max(1, len(self.gateways))


def resources(gateway: Gateway, replicas: Replicas, place: Place) -> Resources:
    """Return everything that serves *gateway*."""
    tables = (
        of_table(table, gateway.pools, gateway.frame, gateways=replicas.sharing) for table in gateway.tables.values()
    )
    pools = (of_pool(pool) for pool in gateway.pools.values())
    providing = (of_provider(provider, place) for provider in gateway.providers.values())
    keys = (of_provider_key(key, value) for key, value in gateway.provider_keys.items())
    ready = (of_endpoints(pool, replicas, place) for pool in gateway.pools.values())
    shared = [
        of_frame(gateway.frame, place),
        of_credentials(gateway, place),
        of_gateways(replicas),
        of_operators(replicas),
    ]
    return merged([*shared, *pools, *providing, *keys, *ready, *tables])


def of_frame(frame: Frame, place: Place) -> Resources:
    """Return what depends on platform settings alone: listeners, Envoy's own clusters, and what meets no table."""
    configuration, scope = routes.unmatched(frame)
    own = (operator_api(place.operators), holding.sink_cluster(place.ports.sink))
    return {
        type_urls.LDS: listeners.listeners(frame, place.ports),
        type_urls.CDS: {**{one["name"]: one for one in own}, **tracing.clusters(frame)},
        type_urls.RDS: {configuration["name"]: configuration},
        type_urls.SRDS: {scope["name"]: scope},
    }


def of_credentials(gateway: Gateway, place: Place) -> Resources:
    """Return what depends on callers' keys and issuers of tokens alone."""
    known = [authentication.api_keys(gateway.keys), tokens.jwt(gateway.jwt)]
    return {
        type_urls.ECDS: {one["name"]: one for one in known},
        type_urls.CDS: tokens.jwks_clusters(gateway.jwt, trusted_ca=place.trusted_ca),
    }


def of_table(table: RouteTable, pools: Mapping[str, Pool], frame: Frame, *, gateways: int = 1) -> Resources:
    """
    Return what depends on *table*, and on limits and affinity of those *pools* that `routes.fleets_of` names.

    *gateways* counts only for a table with limits.
    """
    return {
        type_urls.CDS: clusters.chain_clusters(table, pools),
        type_urls.RDS: {table.name: routes.route_configuration(table, pools, frame, gateways=gateways)},
        type_urls.SRDS: routes.scopes(table),
    }


def of_pool(pool: Pool) -> Resources:
    """Return what depends on *pool* alone; where its replicas are is `of_endpoints`."""
    found = [clusters.pool_cluster(pool), *([holding.holding_pool(pool)] if pool.sleep else [])]
    return {type_urls.CDS: {one["name"]: one for one in found}}


def of_endpoints(pool: Pool, replicas: Replicas, place: Place) -> Resources:
    """Return where the replicas of *pool* are."""
    ready = replicas.pods.get(pool.fleet, ())
    assignment = endpoints.pool_endpoints(pool, ready, sink_port=place.ports.sink)
    return {type_urls.EDS: {pool.fleet: assignment}}


def of_gateways(replicas: Replicas) -> Resources:
    """Return where the gateway's own replicas are."""
    return {type_urls.EDS: {LOCAL_CLUSTER: endpoints.plain_endpoints(replicas.gateways, name=LOCAL_CLUSTER)}}


def of_operators(replicas: Replicas) -> Resources:
    """Return where operators are, who list models and hold requests."""
    return {type_urls.EDS: {OPERATOR_API: endpoints.plain_endpoints(replicas.activators, name=OPERATOR_API)}}


def of_provider(provider: Provider, place: Place) -> Resources:
    """Return what depends on *provider* alone."""
    return {type_urls.CDS: {provider.name: providers.provider_cluster(provider, trusted_ca=place.trusted_ca)}}


def of_provider_key(key: SecretKey, value: str) -> Resources:
    """Return what depends on one provider key alone."""
    return {type_urls.SDS: {providers.secret_name(key): providers.provider_key(key, value)}}


def merged(parts: Iterable[Resources]) -> Resources:
    """Return all of *parts* together; no two of them have the same resource."""
    together: Resources = {}
    for part in parts:
        for type_url, by_name in part.items():
            together.setdefault(type_url, {}).update(by_name)
    return together
