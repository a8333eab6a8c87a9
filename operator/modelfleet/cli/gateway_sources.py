"""The objects that `modelfleet gateway` looks at: those of manifests, or those of a cluster."""

import importlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.problems import explain
from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.route_policy import RoutePolicy
from modelfleet.cli.assumed_secrets import assumed_secrets
from modelfleet.cli.checks import is_ours, schema_remarks
from modelfleet.cli.manifests import Manifest, given
from modelfleet.cli.remarks import in_order
from modelfleet.gateway.lower.objects import Objects
from modelfleet.gateway.lower.secrets import API_KEYS_TYPE, name_of

KINDS: Mapping[str, type[ApiModel]] = {
    "ModelDeployment": ModelDeployment,
    "RoutePolicy": RoutePolicy,
    "CachePolicy": CachePolicy,
}


@dataclass(frozen=True, slots=True)
class Sources:
    """The readable objects, what is wrong with the others, and what was taken for granted."""

    objects: Objects
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def from_manifests(paths: tuple[str, ...], more: tuple[str, ...]) -> Sources:
    """Return the objects of the paths on the command line."""
    manifests = given(paths, more)
    remarks = in_order(schema_remarks(manifests))
    objects, assumed = objects_among(manifests)
    notes = [f"not among the manifests, and taken to exist: {_named(assumed)}"] if assumed else []
    return Sources(objects, tuple(map(str, remarks)), tuple(notes))


def objects_among(manifests: Iterable[Manifest]) -> tuple[Objects, list[Mapping[str, Any]]]:
    """Return the valid objects of *manifests*, with stand-ins for the Secrets that are not there, and the stand-ins."""
    good, secrets = [], []
    for manifest in manifests:
        if _is_secret(manifest):
            secrets.append(_with_namespace(manifest))
        elif is_ours(manifest) and not [*schema_remarks([manifest])]:
            good.append(manifest.data)
    objects = objects_of(good, secrets)
    assumed: list[Mapping[str, Any]] = [*assumed_secrets(objects)]
    return with_secrets(objects, assumed), assumed


def from_cluster(kubeconfig: Path | None, context: str | None) -> Sources:
    """Return the objects of the cluster; Secrets that may not be read are taken to exist."""
    # the client takes most of a second to import, and only this needs it
    cluster = importlib.import_module("modelfleet.cli.gateway_cluster")
    found = cluster.read(kubeconfig, context)
    objects, remarks = [], []
    for raw in found.objects:
        try:
            KINDS[raw["kind"]].model_validate(raw)
            objects.append(raw)
        except ValidationError as error:
            name = f"{raw['metadata']['namespace']}/{raw['metadata']['name']}"
            remarks.append(f"{raw['kind']} {name}: {explain(error)}")
    read = objects_of(objects, found.secrets)
    assumed = [one for one in assumed_secrets(read) if one["metadata"]["namespace"] in found.unreadable]
    notes = [f"may not be read, and taken to exist: {_named(assumed)}"] if assumed else []
    return Sources(with_secrets(read, assumed), tuple(remarks), tuple(notes))


def objects_of(ours: Iterable[Mapping[str, Any]], secrets: Sequence[Mapping[str, Any]]) -> Objects:
    """Return valid objects of our kinds as the gateway reads them."""
    read = [KINDS[str(raw["kind"])].model_validate(raw) for raw in ours]
    return Objects(
        fleets=tuple(one for one in read if isinstance(one, ModelDeployment)),
        policies=tuple(one for one in read if isinstance(one, RoutePolicy)),
        caches=tuple(one for one in read if isinstance(one, CachePolicy)),
        secrets=tuple(secrets),
    )


def with_secrets(objects: Objects, secrets: Iterable[Mapping[str, Any]]) -> Objects:
    """Return *objects* with more Secrets."""
    return Objects(objects.fleets, objects.policies, objects.caches, (*objects.secrets, *secrets))


def _named(secrets: Sequence[Mapping[str, Any]]) -> str:
    callers = [secret for secret in secrets if secret["type"] == API_KEYS_TYPE]
    namespaces = sorted({secret["metadata"]["namespace"] for secret in callers})
    providers = [f"Secret {name_of(secret)}" for secret in secrets if secret not in callers]
    return ", ".join([*(f"keys of callers in namespace {name}" for name in namespaces), *providers])


def _is_secret(manifest: Manifest) -> bool:
    return (manifest.api_version, manifest.kind) == ("v1", "Secret") and isinstance(
        manifest.data.get("metadata"), Mapping
    )


def _with_namespace(manifest: Manifest) -> Mapping[str, Any]:
    return {**manifest.data, "metadata": {**manifest.data["metadata"], "namespace": manifest.namespace}}
