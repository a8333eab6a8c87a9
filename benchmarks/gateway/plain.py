"""The least that a gateway for models is: Envoy, which picks a cluster by the `model` of the body."""

from collections.abc import Sequence
from typing import Any

from tests.envoy.client_listener import cluster
from tests.envoy.envoy_process import LOOPBACK

from modelfleet.gateway.render.types import extension

NAMESPACE = "plain"
MANAGER = "extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


def bootstrap(model: str, pods: Sequence[int], port: int) -> dict[str, Any]:
    """Return the bootstrap that sends requests for *model* to *pods*, and does nothing else."""
    manager = extension(
        "manager", MANAGER, stat_prefix="plain", route_config=_routes(model), http_filters=[_body(), _router()]
    )
    listener = {
        "name": "plain",
        "address": {"socket_address": {"address": LOOPBACK, "port_value": port}},
        "filter_chains": [{"filters": [manager]}],
    }
    return {
        "static_resources": {"listeners": [listener], "clusters": [cluster(model, *pods, lb_policy="LEAST_REQUEST")]}
    }


def _routes(model: str) -> dict[str, Any]:
    wanted = {"filter": NAMESPACE, "path": [{"key": "model"}], "value": {"string_match": {"exact": model}}}
    routes = [
        {"match": {"prefix": "/v1/", "dynamic_metadata": [wanted]}, "route": {"cluster": model, "timeout": "0s"}},
        {"match": {"prefix": "/"}, "direct_response": {"status": 404}},
    ]
    return {"name": "plain", "virtual_hosts": [{"name": "plain", "domains": ["*"], "routes": routes}]}


def _body() -> dict[str, Any]:
    rule = {"selectors": [{"key": "model"}], "on_present": {"metadata_namespace": NAMESPACE, "key": "model"}}
    return extension(
        "body", "extensions.filters.http.json_to_metadata.v3.JsonToMetadata", request_rules={"rules": [rule]}
    )


def _router() -> dict[str, Any]:
    return extension("router", "extensions.filters.http.router.v3.Router")
