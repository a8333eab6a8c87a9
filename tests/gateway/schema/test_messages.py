"""What fits Envoy's schema becomes bytes; the rest is refused with the name of the resource and the field."""

import subprocess
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import pytest

from modelfleet.gateway.schema import Schema, SchemaError

T = "type.googleapis.com/"
CLUSTER = T + "envoy.config.cluster.v3.Cluster"
ASSIGNMENT = T + "envoy.config.endpoint.v3.ClusterLoadAssignment"
HTTP = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
SCHEMA = Schema()


def cluster(**more: Any) -> dict[str, Any]:
    return {"name": "team/chat", "connect_timeout": "1s", **more}


def with_options(**options: Any) -> dict[str, Any]:
    return cluster(typed_extension_protocol_options={HTTP: {"@type": T + HTTP, **options}})


def test_a_body_becomes_the_message_it_describes() -> None:
    message: Any = SCHEMA.type("envoy.config.cluster.v3.Cluster").FromString(SCHEMA.parse(CLUSTER, cluster(type="EDS")))

    assert (message.name, message.connect_timeout.seconds, message.type) == ("team/chat", 1, 3)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(cluster(conect_timeout="1s"), 'no field named "conect_timeout"', id="unknown field"),
        pytest.param(cluster(type="EDSS"), "EDSS", id="unknown enum value"),
        pytest.param(cluster(connect_timeout=[1]), "connect_timeout", id="list for a duration"),
        pytest.param(cluster(connect_timeout="soon"), "connect_timeout", id="word for a duration"),
        pytest.param(cluster(load_assignment="a"), "load_assignment", id="word for a message"),
        pytest.param(cluster(name=7), "name", id="number for a word"),
        pytest.param(cluster(max_requests_per_connection=-1), "max_requests_per_connection", id="out of range"),
        pytest.param(with_options(upstream=1), 'no field named "upstream"', id="unknown field of an extension"),
        pytest.param(
            cluster(typed_extension_protocol_options={HTTP: {"@type": T + "envoy.Nope"}}),
            "envoy.Nope",
            id="unknown type",
        ),
        pytest.param(cluster(typed_extension_protocol_options={HTTP: {"a": 1}}), "@type", id="no type"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(body: Mapping[str, Any], said: str) -> None:
    with pytest.raises(SchemaError) as refused:
        SCHEMA.parse(CLUSTER, body)

    assert said in refused.value.reason
    assert (refused.value.type_url, refused.value.name) == (CLUSTER, str(body["name"]))
    assert "Available Fields" not in str(refused.value)


def test_an_unknown_kind_of_resource_is_refused() -> None:
    with pytest.raises(SchemaError, match=r"envoy\.Nope"):
        SCHEMA.parse(T + "envoy.Nope", {"name": "a"})


def test_an_assignment_is_named_by_its_cluster() -> None:
    with pytest.raises(SchemaError, match='ClusterLoadAssignment "team/chat"'):
        SCHEMA.parse(ASSIGNMENT, {"cluster_name": "team/chat", "nope": 1})


def test_a_body_may_be_immutable_and_stays_as_it_is() -> None:
    inner = {"@type": T + HTTP, "auto_config": {}}
    body = MappingProxyType(cluster(typed_extension_protocol_options=MappingProxyType({HTTP: inner})))
    made = SCHEMA.parse(CLUSTER, body)

    assert made == SCHEMA.parse(CLUSTER, with_options(auto_config={}))
    assert list(inner) == ["@type", "auto_config"]


MAP_IN_AN_EXTENSION = f"""
from modelfleet.gateway.schema import Schema
struct = {{"@type": "{T}google.protobuf.Struct", "value": {{f"key-{{n}}": n for n in range(20)}}}}
inner = {{"@type": "{T}envoy.config.core.v3.Metadata", "typed_filter_metadata": {{str(n): struct for n in range(20)}}}}
body = {{"name": "a", "metadata": {{"typed_filter_metadata": {{"b": inner}}}}}}
print(Schema().parse("{CLUSTER}", body).hex())
"""


def test_equal_bodies_give_equal_bytes_in_every_process() -> None:
    """The order of a map inside an extension differs between processes, unless somebody takes care."""
    command = [sys.executable, "-c", MAP_IN_AN_EXTENSION]
    results = {subprocess.run(command, check=True, capture_output=True).stdout for _ in range(3)}  # noqa: S603 (our own)

    assert len(results) == 1
