"""Gather: everything one reconcile may look at, taken from the cache at one moment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.problems import explain
from modelfleet.api.served_names import Claim, claim_of
from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment, ModelDeploymentStatus
from modelfleet.controller.claims import Claimant, ClaimIndex
from modelfleet.controller.cluster.resources import DEPLOYMENTS, PODS, Json, Resource
from modelfleet.controller.watch.cache import Cache
from modelfleet.controller.watched import CHILDREN, CLAIMING, FLEETS, POLICIES, Key
from modelfleet.workload.cache_policies import in_force

Status = TypeVar("Status", bound=ApiModel)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of one fleet and of what bears on it."""

    raw: Json
    fleet: ModelDeployment | None
    invalid: str
    """invalid says why the spec cannot be read, where *fleet* is None."""
    status: ModelDeploymentStatus
    """status is what was last written, as far as it can be read."""
    policy: CachePolicy | None
    claims: tuple[Claim, ...]
    """claims are the fleet's own and its rivals'."""
    children: Mapping[tuple[Resource, str], Json]
    pods: tuple[Json, ...]

    @property
    def deployment(self) -> Json | None:
        """Return the fleet's Deployment, or None."""
        return self.children.get((DEPLOYMENTS, self.raw["metadata"]["name"]))


def gather(cache: Cache, claims: ClaimIndex, key: Key) -> Snapshot | None:
    """Return the snapshot of a fleet, or None when it does not exist."""
    raw = cache.get(FLEETS, key.namespace, key.name)
    if raw is None:
        return None
    fleet, invalid = _read(raw)
    return Snapshot(
        raw=raw,
        fleet=fleet,
        invalid=invalid,
        status=fleet.status if fleet else readable_status(ModelDeploymentStatus, raw),
        policy=in_force(policies(cache, key.namespace), key.name),
        claims=_claims(cache, claims, key) if fleet else (),
        children=_children(cache, key),
        pods=pods(cache, key),
    )


def pods(cache: Cache, key: Key) -> tuple[Json, ...]:
    """Return all pods of a fleet, those that are going included; they outlive it."""
    return tuple(cache.labelled(PODS, key.namespace, key.name))


def policies(cache: Cache, namespace: str) -> list[CachePolicy]:
    """Return the CachePolicies of *namespace* that can be read."""
    found = []
    for raw in cache.list(POLICIES, namespace):
        try:
            found.append(read_policy(raw))
        except ValidationError:  # an older CRD let it in; its own reconcile says so
            continue
    return found


def read_policy(raw: Json) -> CachePolicy:
    """Return a CachePolicy, or raise `ValidationError`; what its status says does not matter."""
    return CachePolicy.model_validate(raw | {"status": {}})


def readable_status(model: type[Status], raw: Json) -> Status:
    """Return the status in *raw*, or an empty one where another version wrote what this one cannot read."""
    try:
        return model.model_validate(raw.get("status") or {})
    except ValidationError:
        return model()


def _read(raw: Json) -> tuple[ModelDeployment | None, str]:
    try:
        return ModelDeployment.model_validate(raw | {"status": readable_status(ModelDeploymentStatus, raw)}), ""
    except ValidationError as error:
        return None, explain(error)


def _claims(cache: Cache, claims: ClaimIndex, key: Key) -> tuple[Claim, ...]:
    own = Claimant(key.namespace, key.name)
    known = (cache.get(CLAIMING[who.kind], who.namespace, who.name) for who in (own, *claims.rivals(own)))
    found = (_claim(raw) for raw in known if raw is not None)
    return tuple(claim for claim in found if claim is not None)


def _claim(raw: Json) -> Claim | None:
    """Return what a fleet claims; one whose spec cannot be read goes on with the names it has, if any."""
    fleet, _ = _read(raw)
    if fleet is not None:
        return claim_of(fleet)
    held = frozenset((raw.get("status") or {}).get("servedNames") or ())
    return Claim(raw["metadata"]["namespace"], raw["metadata"]["name"], names=held, held=held) if held else None


def _children(cache: Cache, key: Key) -> dict[tuple[Resource, str], Json]:
    return {
        (resource, child["metadata"]["name"]): child
        for resource in CHILDREN
        for child in cache.labelled(resource, key.namespace, key.name)
    }
