"""EndpointSlices → addresses: the ready ones, as they stand, and nothing else."""

from collections.abc import Iterable, Iterator
from typing import Any

from modelfleet.gateway.ir import Address

SERVICE_NAME_LABEL = "kubernetes.io/service-name"
"""The Service an EndpointSlice belongs to (discovery.k8s.io/v1)."""

Json = dict[str, Any]


def service_of(endpoint_slice: Json) -> str:
    """Return the name of the Service the slice belongs to, empty where nobody says so."""
    return str((endpoint_slice["metadata"].get("labels") or {}).get(SERVICE_NAME_LABEL, ""))


def addresses(slices: Iterable[Json], *, port_name: str | None = None) -> tuple[Address, ...]:
    """
    Return every ready address of *slices* once, in order, with the port of that name (else the first).

    An endpoint whose readiness is not known is ready, as the API says; one that ends is not.
    """
    return tuple(sorted({address for each in slices for address in _ready(each, port_name)}))


def _ready(endpoint_slice: Json, port_name: str | None) -> Iterator[Address]:
    port = _port(endpoint_slice, port_name)
    if port is None:
        return
    for endpoint in endpoint_slice.get("endpoints") or ():
        if (endpoint.get("conditions") or {}).get("ready", True) is not False:
            for ip in endpoint.get("addresses") or ():
                yield Address(ip=ip, port=port, node=endpoint.get("nodeName") or "")


def _port(endpoint_slice: Json, name: str | None) -> int | None:
    ports = [port for port in endpoint_slice.get("ports") or () if port.get("port")]
    chosen = next((port for port in ports if port.get("name") == name), None) if name else next(iter(ports), None)
    return int(chosen["port"]) if chosen else None
