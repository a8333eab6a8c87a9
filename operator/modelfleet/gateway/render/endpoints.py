"""Where replicas are."""

from collections.abc import Iterable

from modelfleet.gateway.ir import Address, Pool
from modelfleet.gateway.render.types import Resource

OVERPROVISIONING = 100_000
"""So great that one ready replica of many keeps all requests from the next priority."""


def pool_endpoints(pool: Pool, ready: Iterable[Address], *, sink_port: int) -> Resource:
    """
    Return the ClusterLoadAssignment of the pods of *pool*.

    It ends in the sink, a listener of Envoy's own on *sink_port*: what has no endpoint at all is answered by Envoy
    itself, and that leads to no further try. Of a fleet that may sleep the sink is a cluster of its own.
    """
    sink = [] if pool.sleep else [[Address("127.0.0.1", sink_port)]]
    return _assignment(pool.fleet, ready, *sink)


def plain_endpoints(replicas: Iterable[Address], *, name: str) -> Resource:
    """Return the replicas of the gateway, or of the operator, that live."""
    return _assignment(name, replicas)


def _assignment(name: str, *groups: Iterable[Address]) -> Resource:
    return {
        "cluster_name": name,
        "endpoints": [
            {"priority": priority, "lb_endpoints": [*map(_endpoint, group)]} for priority, group in enumerate(groups)
        ],
        "policy": {"overprovisioning_factor": OVERPROVISIONING},
    }


def _endpoint(address: Address) -> Resource:
    return {"endpoint": {"address": {"socket_address": {"address": address.ip, "port_value": address.port}}}}
