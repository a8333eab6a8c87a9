"""The names of Envoy's message types and filters."""

from typing import Any

Resource = dict[str, Any]
"""The JSON form of one of Envoy's messages."""

PREFIX = "type.googleapis.com/"
ENVOY = f"{PREFIX}envoy."


def typed(name: str, **fields: Any) -> Resource:
    """Return the message `envoy.<name>` as an `Any`."""
    return {"@type": f"{ENVOY}{name}", **fields}


def extension(name: str, type_name: str, **fields: Any) -> Resource:
    """Return an extension called *name* with the configuration `envoy.<type_name>`."""
    return {"name": name, "typed_config": typed(type_name, **fields)}


def ads(**fields: Any) -> Resource:
    """Return a ConfigSource that is the one stream of incremental ADS."""
    return {"ads": {}, "resource_api_version": "V3", **fields}
