"""Fleets, policies and Secrets to test with: the smallest ones, changed where a test says so."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from modelfleet.api.catalogue import load_catalogue
from modelfleet.api.platform import GatewaySettings
from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.route_policy import RoutePolicy
from modelfleet.gateway.lower.objects import Objects
from modelfleet.gateway.lower.setting import Setting
from modelfleet.gateway.lower.whole import Lowered, lower

NAMESPACE = "models"
KEY = "sk-0123456789abcdef"
SOURCE = "hf://meta-llama/Llama-3.1-8B-Instruct"
ACCELERATORS = load_catalogue({}).accelerators


def fleet(
    name: str = "llama",
    *,
    namespace: str = NAMESPACE,
    created: str | None = None,
    status: Mapping[str, Any] | None = None,
    model: Mapping[str, Any] | None = None,
    **spec: Any,
) -> ModelDeployment:
    """Return the smallest fleet, with *spec* beside it; it runs 64 requests at once unless *spec* says otherwise."""
    hardware = {"accelerator": "nvidia-h100-80gb"}
    spec = {"hardware": hardware, "engine": {"maxNumSeqs": 64}, "model": {"source": SOURCE, **(model or {})}, **spec}
    meta = {"name": name, "namespace": namespace, "creationTimestamp": created}
    return ModelDeployment.model_validate({"metadata": meta, "spec": spec, "status": status})


def sleeper(name: str = "llama", *, hold: int = 300, waking: str = "Hold", **rest: Any) -> ModelDeployment:
    """Return a fleet that may have no replicas."""
    sleep = {"holdSeconds": hold, "whileWaking": waking}
    scaling = {"minReplicas": 0, "maxReplicas": 2, "mode": "Advisory", "scaleToZero": sleep}
    return fleet(name, autoscaling=scaling, **rest)


def to(name: str, **rest: Any) -> dict[str, Any]:
    """Return a backend or fallback that is a fleet."""
    return {"modelDeployment": name, **rest}


def outside(host: str = "api.example.com", **rest: Any) -> dict[str, Any]:
    """Return a backend or fallback outside the cluster."""
    return {"external": {"url": f"https://{host}/v1", **rest}}


def rule(*backends: Mapping[str, Any], name: str = "all", **rest: Any) -> dict[str, Any]:
    """Return a rule with *backends*, or with the fleet "llama"."""
    return {"name": name, "backends": list(backends) or [to("llama")], **rest}


def policy(
    *rules: Mapping[str, Any],
    name: str = "chat",
    namespace: str = NAMESPACE,
    created: str | None = None,
    models: Iterable[str] = ("chat",),
    held: Iterable[str] = (),
    **spec: Any,
) -> RoutePolicy:
    """Return a policy that sends requests for "chat" to the fleet "llama", unless told otherwise."""
    meta = {"name": name, "namespace": namespace, "creationTimestamp": created}
    body = {"models": list(models), "rules": list(rules) or [rule()], **spec}
    return RoutePolicy.model_validate({"metadata": meta, "spec": body, "status": {"models": list(held)}})


def caching(
    *fleets: str, name: str = "warm", namespace: str = NAMESPACE, created: str | None = None, **spec: Any
) -> CachePolicy:
    """Return a CachePolicy for *fleets*."""
    meta = {"name": name, "namespace": namespace, "creationTimestamp": created}
    return CachePolicy.model_validate(
        {"metadata": meta, "spec": {"targetRefs": [{"name": one} for one in fleets], **spec}}
    )


def secret(
    name: str = "clients",
    *,
    namespace: str = NAMESPACE,
    created: str | None = None,
    labels: Mapping[str, str] | None = None,
    **entries: str,
) -> dict[str, Any]:
    """Return a Secret with *entries* as its data; a key of "ada" without any."""
    data = {name: base64.b64encode(text.encode()).decode() for name, text in (entries or {"ada": KEY}).items()}
    meta = {"name": name, "namespace": namespace, "creationTimestamp": created, "labels": dict(labels or {})}
    return {"metadata": meta, "type": "modelfleet.dev/api-keys", "data": data}


def provider_secret(name: str = "openai", entry: str = "api-key") -> dict[str, Any]:
    """Return a Secret with a key for a provider."""
    data = {entry: base64.b64encode(KEY.encode()).decode()}
    return secret(name) | {"type": "modelfleet.dev/provider-key", "data": data}


def setting(**fields: Any) -> Setting:
    """Return the platform's choices, with *fields* by their names in the platform file; Secrets may be read."""
    defaults = {"secretNamespaces": [NAMESPACE, "x", "other"]}
    return Setting(GatewaySettings.model_validate({**defaults, **fields}), ACCELERATORS)


def lowered(*objects: Any, **fields: Any) -> Lowered:
    """Return what *objects* of any kind make of the gateway."""
    return lower(
        Objects(
            fleets=tuple(one for one in objects if isinstance(one, ModelDeployment)),
            policies=tuple(one for one in objects if isinstance(one, RoutePolicy)),
            caches=tuple(one for one in objects if isinstance(one, CachePolicy)),
            secrets=tuple(one for one in objects if isinstance(one, dict)),
        ),
        setting(**fields),
    )
