"""Envoy's own messages, from the descriptors of exactly the version that runs; a body that does not fit is refused."""

from modelfleet.gateway.schema.messages import ENVOY_VERSION, Schema, SchemaError

__all__ = ["ENVOY_VERSION", "Schema", "SchemaError"]
