"""
The schema of the chart's values.

Types follow from the defaults, descriptions from the comments; `SHAPES` says what neither can. What ends up in the
operator's platform file takes its schema from the models the operator reads it with, so both refuse the same.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from charts.generate.values import Path, Value
from pydantic import BaseModel

from modelfleet.api.catalogue.accelerators import Accelerator
from modelfleet.api.platform import AccessLog, FleetNetwork, GatewaySettings, Peer, Rollouts, Tracing
from modelfleet.api.v1alpha1.architecture import Architecture

Schema = dict[str, Any]

STRINGS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
OBJECT: Schema = {"type": "object"}
OBJECTS: Schema = {"type": "array", "items": OBJECT}
AMOUNTS: Schema = {"type": "object", "additionalProperties": {"type": ["string", "integer", "number"]}}
DNS_LABEL: Schema = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63}
PORT: Schema = {"type": "integer", "minimum": 1, "maximum": 65535}


def values_schema(values: Iterable[Value]) -> Schema:
    """Return the JSON schema of a values file with exactly *values*; raise ValueError for one of unknown shape."""
    root = _group()
    for value in values:
        _put(root, value.path, {"description": value.description} | _shape(value))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Values of the chart modelfleet"} | root


def _group() -> Schema:
    return {"type": "object", "additionalProperties": False, "required": [], "properties": {}}


def _put(group: Schema, path: Path, schema: Schema) -> None:
    """Place *schema* at *path*; every key is required, since values.yaml has it, and a null would only remove it."""
    key, *rest = path
    if key not in group["required"]:
        group["required"].append(key)
    if not rest:
        group["properties"][key] = schema
        return
    _put(group["properties"].setdefault(key, _group()), tuple(rest), schema)


def _shape(value: Value) -> Schema:
    if value.name in SHAPES:
        return SHAPES[value.name]
    for kind, name in ((bool, "boolean"), (str, "string")):
        if isinstance(value.default, kind):
            return {"type": name}
    raise ValueError(f"`{value.name}` must have its shape in `SHAPES`: its default {value.default!r} does not tell it")


def _of_model(model: type[BaseModel], *, left_out: tuple[str, ...] = (), is_partial: bool = False) -> Schema:
    """Return the schema of *model* in one piece, closed against unknown fields."""
    raw = model.model_json_schema(by_alias=True)
    schema: Schema = _inlined(raw, raw.pop("$defs", {}))
    for name in left_out:
        del schema["properties"][name]
    required = [] if is_partial else [name for name in schema.get("required", []) if name not in left_out]
    return schema | {"required": required}


def _inlined(node: Any, definitions: Schema) -> Any:
    """Return *node* without references, titles and what only Kubernetes reads."""
    if isinstance(node, list):
        return [_inlined(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        node = definitions[node["$ref"].rpartition("/")[2]] | {key: node[key] for key in node if key != "$ref"}
    closed = {"additionalProperties": False} if "properties" in node else {}
    return closed | dict(_kept(node, definitions))


def _kept(node: Schema, definitions: Schema) -> Iterator[tuple[str, Any]]:
    for key, value in node.items():
        if key == "properties":
            yield key, {name: _inlined(child, definitions) for name, child in value.items()}
        elif key not in ("default", "title") and not key.startswith("x-kubernetes-"):
            yield key, _inlined(value, definitions)


def _field(model: type[BaseModel], alias: str) -> Schema:
    schema: Schema = _of_model(model)["properties"][alias]
    return {key: value for key, value in schema.items() if key != "description"}


def _entries(schema: Schema) -> Schema:
    return {"type": "object", "additionalProperties": schema}


PEER: Schema = _of_model(Peer)
REPLICAS: Schema = {"type": "integer", "minimum": 1, "maximum": 100}
REPOSITORY: Schema = {"type": "string", "pattern": "^[a-z0-9][a-z0-9._:/-]*[a-z0-9]$"}
DIGEST: Schema = {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"}
LOG_LEVEL: Schema = {"enum": ["debug", "info", "warning", "error"]}
PULL_POLICY: Schema = {"enum": ["Always", "IfNotPresent", "Never"]}
RESOURCES: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"claims": OBJECTS, "limits": AMOUNTS, "requests": AMOUNTS},
}
SPREAD: Schema = {
    "type": "array",
    "items": {"type": "object", "required": ["topologyKey"], "properties": {"labelSelector": False}},
}

SHAPES: dict[str, Schema] = {
    "nameOverride": {"type": "string", "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$", "maxLength": 63},
    "fullnameOverride": {"type": "string", "pattern": "^([a-z]([-a-z0-9]*[a-z0-9])?)?$", "maxLength": 54},
    "commonLabels": STRINGS,
    "image.repository": REPOSITORY,
    "image.tag": {"type": "string", "pattern": "^([A-Za-z0-9_][A-Za-z0-9_.-]*)?$", "maxLength": 128},
    "image.digest": DIGEST,
    "image.pullPolicy": PULL_POLICY,
    "imagePullSecrets": {"type": "array", "items": STRINGS | {"required": ["name"]}},
    "replicas": {"type": "integer", "minimum": 1, "maximum": 9},
    "watchNamespaces": {"type": "array", "items": DNS_LABEL, "uniqueItems": True},
    "leaderElection.leaseSeconds": {"type": "integer", "minimum": 6, "maximum": 300},
    "logLevel": LOG_LEVEL,
    "resources": RESOURCES,
    "podLabels": STRINGS,
    "podAnnotations": STRINGS,
    "nodeSelector": STRINGS,
    "tolerations": OBJECTS,
    "affinity": OBJECT,
    "topologySpreadConstraints": SPREAD,
    "serviceAccount.annotations": STRINGS,
    "serviceMonitor.intervalSeconds": {"type": "integer", "minimum": 1, "maximum": 3600},
    "serviceMonitor.labels": STRINGS,
    "networkPolicy.from": OBJECTS,
    "networkPolicy.apiServerPorts": {"type": "array", "items": PORT, "minItems": 1},
    "catalogue.accelerators": _entries(_of_model(Accelerator, left_out=("name",), is_partial=True)),
    "catalogue.models": _entries(_of_model(Architecture, is_partial=True)),
    "fleets.network.allowedPeers": _entries(PEER),
    "fleets.network.clusterCidrs": _field(FleetNetwork, "clusterCidrs"),
    "fleets.network.egressCidrs": _field(FleetNetwork, "egressCidrs"),
    "rollouts.maxConcurrentOperatorChanges": _field(Rollouts, "maxConcurrentOperatorChanges"),
    "secrets.namespaces": _field(GatewaySettings, "secretNamespaces") | {"uniqueItems": True},
    "gateway.replicas": REPLICAS,
    "gateway.image.repository": REPOSITORY,
    "gateway.image.tag": {"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.-]*$", "maxLength": 128},
    "gateway.image.digest": DIGEST,
    "gateway.image.pullPolicy": PULL_POLICY,
    "gateway.concurrency": {"type": "integer", "minimum": 1, "maximum": 128},
    "gateway.maxConnections": {"type": "integer", "minimum": 1},
    "gateway.logLevel": LOG_LEVEL,
    "gateway.resources": RESOURCES,
    "gateway.autoscaling.minReplicas": REPLICAS,
    "gateway.autoscaling.maxReplicas": REPLICAS,
    "gateway.autoscaling.targetCPUPercent": {"type": "integer", "minimum": 1, "maximum": 100},
    "gateway.drainSeconds": {"type": "integer", "minimum": 10, "maximum": 86400},
    "gateway.service.type": {"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    "gateway.service.annotations": STRINGS,
    "gateway.service.loadBalancerSourceRanges": {"type": "array", "items": {"type": "string"}},
    "gateway.service.externalTrafficPolicy": {"enum": ["Cluster", "Local"]},
    "gateway.names": _field(GatewaySettings, "names"),
    "gateway.external.allowedHosts": _field(GatewaySettings, "allowedHosts"),
    "gateway.maxBodyBytes": _field(GatewaySettings, "maxBodyBytes"),
    "gateway.accessLog.samplePercent": _field(AccessLog, "samplePercent"),
    "gateway.tracing.endpoint": _field(Tracing, "endpoint"),
    "gateway.tracing.samplePercent": _field(Tracing, "samplePercent"),
    "gateway.tokenPrices": _field(GatewaySettings, "tokenPrices"),
    "gateway.networkPolicy.from": OBJECTS,
    "gateway.networkPolicy.metricsFrom": OBJECTS,
    "gateway.podLabels": STRINGS,
    "gateway.podAnnotations": STRINGS,
    "gateway.nodeSelector": STRINGS,
    "gateway.tolerations": OBJECTS,
    "gateway.affinity": OBJECT,
    "gateway.topologySpreadConstraints": SPREAD,
}
