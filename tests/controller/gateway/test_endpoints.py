"""Which addresses of EndpointSlices take requests."""

from typing import Any

import pytest

from modelfleet.controller.gateway.endpoints import addresses, service_of
from modelfleet.gateway.ir import Address

Json = dict[str, Any]
PORTS = [{"name": "metrics", "port": 9090}, {"name": "http", "port": 8000}]


def endpoint(ip: str, **conditions: bool | None) -> Json:
    return {"addresses": [ip], "conditions": conditions, "nodeName": "node-1"}


def sliced(*endpoints: Json, ports: list[Json] | None = None) -> Json:
    meta = {"name": "llama-x", "labels": {"kubernetes.io/service-name": "llama"}}
    return {"metadata": meta, "endpoints": list(endpoints), "ports": PORTS if ports is None else ports}


@pytest.mark.parametrize(
    ("conditions", "counts"),
    [
        pytest.param({"ready": True}, True, id="ready"),
        pytest.param({"ready": False}, False, id="not ready"),
        pytest.param({"ready": False, "serving": True, "terminating": True}, False, id="ending"),
        pytest.param({}, True, id="unknown counts as ready"),
    ],
)
def test_only_ready_endpoints_count(conditions: dict[str, bool | None], counts: bool) -> None:
    found = addresses([sliced(endpoint("10.0.0.1", **conditions))], port_name="http")

    assert bool(found) is counts


def test_addresses_of_several_slices_come_once_and_in_order() -> None:
    first = sliced(endpoint("10.0.0.2", ready=True), endpoint("10.0.0.1", ready=True))
    second = sliced(endpoint("10.0.0.1", ready=True))

    found = addresses([first, second], port_name="http")

    assert found == (Address("10.0.0.1", 8000, "node-1"), Address("10.0.0.2", 8000, "node-1"))


def test_a_slice_without_the_port_has_no_addresses() -> None:
    assert addresses([sliced(endpoint("10.0.0.1", ready=True), ports=[])], port_name="http") == ()


def test_a_slice_knows_its_service() -> None:
    assert service_of(sliced()) == "llama"
    assert service_of({"metadata": {"name": "x"}}) == ""
