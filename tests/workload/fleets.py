"""Fleets to test with: the smallest one, changed where a test says so."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from modelfleet.api.catalogue import Catalogue, load_catalogue
from modelfleet.api.platform import Platform
from modelfleet.api.v1alpha1.cache_policy import CachePolicy, EngineCache
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.workload.children.compile import children
from modelfleet.workload.plan import KeptSize, Plan, Refusal, Setting, plan

SOURCE = "hf://meta-llama/Llama-3.1-8B-Instruct"
SPEC: Mapping[str, Any] = {"model": {"source": SOURCE}, "hardware": {"accelerator": "nvidia-h100-80gb"}}


def manifest(name: str = "llama", **spec: Any) -> dict[str, Any]:
    """Return the manifest of the smallest fleet, with *spec* merged over its own."""
    meta = {"name": name, "namespace": "models", "uid": f"uid-of-{name}", "generation": 1}
    return {
        "apiVersion": "modelfleet.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": meta,
        "spec": merged(SPEC, spec),
    }


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return *base* with *change*, objects inside them merged field by field."""
    both = {
        key: merged(base[key], value) if isinstance(value, Mapping) and isinstance(base.get(key), Mapping) else value
        for key, value in change.items()
    }
    return {**base, **both}


def fleet(name: str = "llama", **spec: Any) -> ModelDeployment:
    """Return the smallest fleet, with *spec* merged over its own."""
    return ModelDeployment.model_validate(manifest(name, **spec))


def policy(name: str = "caching", *, targets: tuple[str, ...] = ("llama",), **rest: Any) -> CachePolicy:
    """Return a CachePolicy that turns prefix caching on, unless *rest* says otherwise."""
    created = rest.pop("created", None)
    engine = rest.pop("engine", {"prefixCaching": True})
    meta = {"name": name, "namespace": "models", "creationTimestamp": created}
    return CachePolicy.model_validate(
        {"metadata": meta, "spec": {"targetRefs": [{"name": target} for target in targets], "engine": engine}}
    )


def engine_cache(**engine: Any) -> EngineCache:
    """Return the engine part of a CachePolicy."""
    return EngineCache.model_validate(engine)


@cache
def built_in_catalogue() -> Catalogue:
    """Return the catalogue without a platform's changes."""
    return load_catalogue()


def setting(*, catalogue: Catalogue | None = None, has_pod_monitors: bool = True, **platform: Any) -> Setting:
    """Return what surrounds the fleets of a test."""
    return Setting(Platform.model_validate(platform), catalogue or built_in_catalogue(), has_pod_monitors)


def planned(
    wanted: ModelDeployment,
    cache: EngineCache | None = None,
    surrounding: Setting | None = None,
    *,
    kept: KeptSize | None = None,
) -> Plan:
    """Return the plan of a fleet that must not be refused."""
    result = plan(wanted, cache, surrounding or setting(), kept=kept)

    assert isinstance(result, Plan), result

    return result


def refused(wanted: ModelDeployment, cache: EngineCache | None = None, surrounding: Setting | None = None) -> Refusal:
    """Return why a fleet is refused, which it must be."""
    result = plan(wanted, cache, surrounding or setting())

    assert isinstance(result, Refusal)

    return result


def child(
    kind: str, wanted: ModelDeployment, cache: EngineCache | None = None, surrounding: Setting | None = None
) -> Any:
    """Return the one child of *kind*, or None when the fleet has none."""
    found = [obj for obj in children(planned(wanted, cache, surrounding)) if obj["kind"] == kind]

    assert len(found) <= 1

    return found[0] if found else None


def container(wanted: ModelDeployment, cache: EngineCache | None = None) -> Any:
    """Return the engine's container."""
    [engine] = child("Deployment", wanted, cache)["spec"]["template"]["spec"]["containers"]
    return engine
