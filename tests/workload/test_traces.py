"""Engines send their traces where the gateway does, so that one trace leads through both."""

from typing import Any

import pytest
from tests.workload.fleets import child, fleet, planned, setting

ENDPOINTS = {
    "grpc://collector.observability": "grpc://collector.observability:4317",
    "grpc://collector.observability:14317": "grpc://collector.observability:14317",
    "http://collector.observability": "http://collector.observability:4318/v1/traces",
    "http://collector.observability:80/custom/": "http://collector.observability:80/custom",
}


def parts(endpoint: str, image: str = "vllm/vllm-openai:v0.33.0") -> tuple[list[str], dict[str, str], list[Any]]:
    """Return the arguments, the environment and the ports that the NetworkPolicy opens to the outside."""
    surrounding = setting(gateway={"tracing": {"endpoint": endpoint}})
    wanted = fleet(engine={"image": image})
    made = child("Deployment", wanted, surrounding=surrounding)
    [engine] = made["spec"]["template"]["spec"]["containers"]
    opened = child("NetworkPolicy", wanted, surrounding=surrounding)["spec"]["egress"]
    environment = {one["name"]: one["value"] for one in engine["env"] if one["name"].startswith("OTEL_")}
    return list(planned(wanted, None, surrounding).arguments), environment, opened


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_engine_is_told_the_whole_endpoint_and_may_reach_it(endpoint: str) -> None:
    arguments, environment, opened = parts(endpoint)
    expected = ENDPOINTS[endpoint]
    port = int(expected.split(":")[2].split("/")[0])

    assert arguments[arguments.index("--otlp-traces-endpoint") + 1] == expected
    assert environment["OTEL_SERVICE_NAME"] == "models/llama"
    assert opened[-1] == {"ports": [{"protocol": "TCP", "port": port}]}


def test_the_exporter_is_told_the_protocol() -> None:
    _, grpc, _ = parts("grpc://collector.observability")
    _, http, _ = parts("http://collector.observability")

    assert grpc["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] == "grpc"
    assert grpc["OTEL_EXPORTER_OTLP_TRACES_INSECURE"] == "true"
    assert http["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] == "http/protobuf"


@pytest.mark.parametrize(
    ("endpoint", "image"),
    [
        pytest.param("", "vllm/vllm-openai:v0.33.0", id="no endpoint"),
        pytest.param("grpc://collector", "vllm/vllm-openai:v0.17.1", id="an image without the packages"),
    ],
)
def test_otherwise_nothing_changes(endpoint: str, image: str) -> None:
    arguments, environment, opened = parts(endpoint, image)

    assert "--otlp-traces-endpoint" not in arguments
    assert environment == {}
    assert len(opened) == 2
