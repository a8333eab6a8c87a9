"""Discovery requests and responses, as plain values inside and as Envoy's messages on the wire."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from modelfleet.controller.serve.xds.resources import UNSHOWN, Resource
from modelfleet.gateway.schema import Schema
from modelfleet.gateway.schema.type_urls import SDS

LONGEST = 500
"""Characters of a gateway's explanation that are kept."""
CONSTRAINT = "Proto constraint validation failed"


@dataclass(frozen=True, slots=True)
class Request:
    """What a gateway asks for or answers, about one type."""

    type_url: str
    node: str = ""
    nonce: str = ""
    """nonce is that of the response which is answered."""
    error: str | None = None
    """error is why that response was refused (NACK); None when it was taken over (ACK)."""
    subscribe: frozenset[str] = frozenset()
    unsubscribe: frozenset[str] = frozenset()
    has: Mapping[str, str] = field(default_factory=dict)
    """has is the version of each resource that the gateway brings along; only in the first request about a type."""


@dataclass(frozen=True, slots=True)
class Response:
    """What a gateway is sent about one type."""

    type_url: str
    nonce: str
    resources: tuple[Resource, ...] = ()
    removed: tuple[str, ...] = ()


class Wire:
    """Translates; it holds the message classes of one schema."""

    def __init__(self, schema: Schema) -> None:
        self._request: Any = schema.type("envoy.service.discovery.v3.DeltaDiscoveryRequest")
        self._response: Any = schema.type("envoy.service.discovery.v3.DeltaDiscoveryResponse")

    def read(self, raw: bytes) -> Request:
        """Return the request in *raw*."""
        message = self._request.FromString(raw)
        is_refusal = message.HasField("error_detail")
        return Request(
            type_url=message.type_url,
            node=message.node.id,
            nonce=message.response_nonce,
            error=explanation(message.type_url, message.error_detail.message) if is_refusal else None,
            subscribe=frozenset(message.resource_names_subscribe),
            unsubscribe=frozenset(message.resource_names_unsubscribe),
            has=dict(message.initial_resource_versions),
        )

    def write(self, response: Response) -> bytes:
        """Return the bytes of *response*."""
        message: Any = self._response(
            type_url=response.type_url, nonce=response.nonce, removed_resources=response.removed
        )
        for resource in response.resources:
            item = message.resources.add(name=resource.name, version=resource.version)
            item.resource.type_url, item.resource.value = response.type_url, resource.content.body
        made: Message = message
        return made.SerializeToString()


def explanation(type_url: str, message: str) -> str:
    """Return what a gateway says against a resource, without what it quotes: bodies hold keys."""
    if type_url == SDS:
        return UNSHOWN
    if CONSTRAINT in message:
        start, _, rest = message.partition(CONSTRAINT)
        message = start + CONSTRAINT + rest.partition("): ")[0] + ")"
    return " ".join(message.split())[:LONGEST]
