"""Objects as the watches bring them."""

import itertools
from typing import Any

from modelfleet.controller.claims import ClaimIndex
from modelfleet.controller.cluster.resources import Json, Resource
from modelfleet.controller.watch.cache import Cache
from modelfleet.controller.watched import FLEETS, POLICIES, SLIM, WATCHES

VERSIONS = itertools.count(1)
LABEL = "modelfleet.dev/fleet"


def fleet(
    name: str = "llama", *, namespace: str = "models", uid: str | None = None, status: Any = None, **spec: Any
) -> Json:
    """Return a ModelDeployment."""
    base = {
        "model": {"source": "hf://meta-llama/Llama-3.1-8B-Instruct"},
        "hardware": {"accelerator": "nvidia-h100-80gb"},
    }
    meta = {"name": name, "namespace": namespace, "uid": uid or f"uid-of-{name}", "generation": 1}
    return versioned(
        {"apiVersion": "modelfleet.dev/v1alpha1", "kind": "ModelDeployment", "metadata": meta, "spec": base | spec}
        | ({"status": status} if status else {})
    )


def policy(name: str, *targets: str, namespace: str = "models", created: str = "2026-01-01T00:00:00Z") -> Json:
    """Return a CachePolicy."""
    meta = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-of-{name}",
        "generation": 1,
        "creationTimestamp": created,
    }
    spec = {"targetRefs": [{"name": target} for target in targets], "engine": {"prefixCaching": True}}
    return versioned({"apiVersion": "modelfleet.dev/v1alpha1", "kind": "CachePolicy", "metadata": meta, "spec": spec})


def child(name: str = "llama", *, fleet: str | None = "llama", owner: str | None = None, **rest: Any) -> Json:
    """Return a child, labelled and owned as asked."""
    meta: Json = {"name": name, "namespace": "models"} | ({"labels": {LABEL: fleet}} if fleet else {})
    if owner:
        meta["ownerReferences"] = [
            {"kind": "ModelDeployment", "name": owner, "uid": f"uid-of-{owner}", "controller": True}
        ]
    return versioned({"metadata": meta} | rest)


def versioned(obj: Json) -> Json:
    """Return *obj* with a version that is newer than all before."""
    return obj | {"metadata": obj["metadata"] | {"resourceVersion": str(next(VERSIONS))}}


def cache(*objects: tuple[Resource, Json]) -> Cache:
    """Return a cache that knows *objects*."""
    known = Cache([watch.resource for watch in WATCHES], index_label=LABEL, slim=SLIM)
    for resource, obj in objects:
        known.observe(resource, None, obj)
    return known


def claims(*fleets: Json) -> ClaimIndex:
    """Return an index that learned *fleets*."""
    index = ClaimIndex()
    for one in fleets:
        index.learn(one)
    return index


def cached(*objects: Json) -> Cache:
    """Return a cache that knows fleets and policies."""
    return cache(*((FLEETS if obj["kind"] == "ModelDeployment" else POLICIES, obj) for obj in objects))
