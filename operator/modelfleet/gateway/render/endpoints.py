"""Where replicas are: the ready ones first, then who holds requests for a fleet that sleeps, then the sink."""

from collections.abc import Iterable

from modelfleet.gateway.ir import Address, Pool
from modelfleet.gateway.render.clusters import ACTIVATOR
from modelfleet.gateway.render.types import Resource

OVERPROVISIONING = 100_000
"""So great that one ready replica of many keeps all requests from the next priority."""
SOCKET_MATCH = "envoy.transport_socket_match"


def pool_endpoints(pool: Pool, ready: Iterable[Address], *, activators: Iterable[Address], sink_port: int) -> Resource:
    """
    Return the ClusterLoadAssignment of *pool*.

    It always ends in the sink, a listener of Envoy's own on *sink_port*: what has no endpoint at all is answered by
    Envoy itself, and that leads to no further try. *activators* count only for a pool that may sleep.
    """
    holding = [list(map(_activator, activators))] if pool.sleep else []
    groups = [list(map(_endpoint, ready)), *holding, [_endpoint(Address("127.0.0.1", sink_port))]]
    return {
        "cluster_name": pool.fleet,
        "endpoints": [{"priority": priority, "lb_endpoints": group} for priority, group in enumerate(groups)],
        "policy": {"overprovisioning_factor": OVERPROVISIONING},
    }


def gateway_endpoints(replicas: Iterable[Address], *, name: str) -> Resource:
    """Return the gateway's own replicas, those that live: limits are shared over them."""
    return {"cluster_name": name, "endpoints": [{"lb_endpoints": list(map(_endpoint, replicas))}]}


def _endpoint(address: Address) -> Resource:
    return {"endpoint": {"address": {"socket_address": {"address": address.ip, "port_value": address.port}}}}


def _activator(address: Address) -> Resource:
    return {**_endpoint(address), "metadata": {"filter_metadata": {SOCKET_MATCH: {ACTIVATOR: True}}}}
