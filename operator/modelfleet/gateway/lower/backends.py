"""What a policy's references lead to: the pool of a fleet, a provider outside, or a problem."""

import hashlib
import json
from collections.abc import Collection, Container, Mapping
from dataclasses import asdict, dataclass, replace

from modelfleet.api.catalogue import EngineVersion, EngineVersionError
from modelfleet.api.conditions import ConditionType, Reason
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.route_policy.backends import External
from modelfleet.gateway.ir import Backend, BackendKind, Provider, SecretKey
from modelfleet.gateway.lower.problem import Problem, unresolved
from modelfleet.gateway.lower.setting import Setting

ACCEPTS_ANY_NAME = EngineVersion(0, 21, 0)
"""From here on vLLM answers to names that are not its own, as the operator configures it."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What surrounds the policies of one namespace, as far as they name it."""

    namespace: str
    fleets: Mapping[str, ModelDeployment]
    """fleets are the ModelDeployments of the namespace, by name."""
    provider_keys: Container[SecretKey]
    """provider_keys are those that exist and can be used."""
    setting: Setting


@dataclass(frozen=True, slots=True)
class Target:
    """Where requests can be sent, and how people call it."""

    backend: Backend
    title: str
    provider: Provider | None = None
    holds_seconds: int | None = None
    """holds_seconds is set where requests may be held while a fleet wakes."""


def fleet_target(name: str, names: Collection[str], neighbours: Neighbours, *, field: str) -> Target | Problem:
    """Return the fleet *name* as a backend for requests to any of *names*; *field* is where the policy names it."""
    fleet = neighbours.fleets.get(name)
    if fleet is None:
        message = f'`{field}` must name a ModelDeployment of this namespace, found none called "{name}".'
        return unresolved(Reason.REF_NOT_FOUND, message)
    if never_ran(fleet):
        message = f'`{field}` must name a ModelDeployment that can run, but "{name}" was refused: its status says why.'
        return unresolved(Reason.REF_NOT_FOUND, message)
    if strange := rejected_names(fleet, names):
        return unresolved(Reason.ENGINE_REJECTS_ALIAS, _alias_message(fleet, strange, field))
    return Target(Backend(BackendKind.FLEET, fleet.canonical_name), name, holds_seconds=hold_seconds(fleet))


def external_target(external: External, neighbours: Neighbours, *, field: str) -> Target | Problem:
    """Return the provider *external* as a backend; *field* is where the policy names it."""
    if not neighbours.setting.allows_host(external.host):
        return unresolved(Reason.HOST_NOT_ALLOWED, host_message(external.host, f"{field}.url"))
    ref = external.api_key_secret_ref
    key = SecretKey(neighbours.namespace, ref.name, ref.key) if ref else None
    if key is not None and key not in neighbours.provider_keys:
        return _no_key(key, neighbours.setting.unseen(key.namespace), field)
    provider = _named(external, key, neighbours.namespace)
    return Target(Backend(BackendKind.EXTERNAL, provider.name), external.host, provider)


def host_message(host: str, field: str) -> str:
    """Return what is said about a host that the platform does not allow."""
    return f'`{field}` must have a host of the chart\'s value `gateway.external.allowedHosts`, found "{host}".'


def hold_seconds(fleet: ModelDeployment) -> int | None:
    """Return how long requests to *fleet* may be held while it wakes; None where they are not."""
    scaling = fleet.spec.autoscaling
    if scaling is None or scaling.scale_to_zero is None or scaling.scale_to_zero.while_waking != "Hold":
        return None
    return scaling.scale_to_zero.hold_seconds


def never_ran(fleet: ModelDeployment) -> bool:
    """
    Return whether *fleet* was refused and has no pods.

    One that was refused after an edit goes on with what it has, and so do the requests to it.
    """
    refused = any(one.type == ConditionType.ACCEPTED and one.status == "False" for one in fleet.status.conditions)
    return refused and not fleet.status.replicas


def rejected_names(fleet: ModelDeployment, names: Collection[str]) -> list[str]:
    """Return those of *names* that the engine of *fleet* would answer with 404."""
    try:
        if EngineVersion.of(fleet.spec.engine.image, fleet.spec.engine.version) >= ACCEPTS_ANY_NAME:
            return []
    except EngineVersionError:
        return []
    own = {*fleet.served_names, fleet.canonical_name, *(adapter.name for adapter in fleet.spec.model.adapters)}
    return sorted(set(names) - own)


def _no_key(key: SecretKey, unseen: str | None, field: str) -> Problem:
    found = f'found no usable entry "{key.key}" in Secret {key.namespace}/{key.secret}' + (
        f"; {unseen}" if unseen else ""
    )
    message = f"`{field}.apiKeySecretRef` must name a key of a Secret of type modelfleet.dev/provider-key, {found}."
    return unresolved(Reason.SECRET_NAMESPACE_NOT_LISTED if unseen else Reason.REF_NOT_FOUND, message)


def _alias_message(fleet: ModelDeployment, strange: list[str], field: str) -> str:
    names = ", ".join(f'"{name}"' for name in strange)
    remedy = f"use vLLM {ACCEPTS_ANY_NAME} or newer, or add them to `model.servedNames` of the fleet"
    found = f'the engine of "{fleet.metadata.name}" knows only its own names'
    return f"`{field}` must answer to {names}, and {found}: {remedy}."


def _named(external: External, key: SecretKey | None, namespace: str) -> Provider:
    provider = Provider(
        name="",
        host=external.host,
        port=external.port,
        base_path=external.base_path,
        model=external.model,
        key=key,
        key_header=external.api_key_header,
    )
    content = json.dumps(asdict(provider), sort_keys=True)
    digest = hashlib.blake2b(content.encode(), digest_size=8).hexdigest()
    return replace(provider, name=f"external/{namespace}/{digest}")
