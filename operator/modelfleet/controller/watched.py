"""What the operator watches, how much of it is kept in memory, and which keys a change asks for."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from modelfleet.api.kinds import CACHE_POLICY, MODEL_DEPLOYMENT, ROUTE_POLICY
from modelfleet.api.names import API_VERSION, FLEET_LABEL, MANAGED_BY, MANAGED_BY_LABEL
from modelfleet.controller.claims import Claimant, ClaimIndex, claimant
from modelfleet.controller.cluster.resources import (
    DEPLOYMENTS,
    ENDPOINTSLICES,
    NETWORKPOLICIES,
    PERSISTENTVOLUMECLAIMS,
    PODDISRUPTIONBUDGETS,
    PODMONITORS,
    PODS,
    SERVICEACCOUNTS,
    SERVICES,
    Json,
    Resource,
)
from modelfleet.controller.watch.cache import DELETED, Cache, Slim
from modelfleet.controller.watch.lists import Watch
from modelfleet.controller.watch.slim import with_replicas_owners, without_managed_fields

FLEETS = Resource(API_VERSION, MODEL_DEPLOYMENT.name, MODEL_DEPLOYMENT.plural)
POLICIES = Resource(API_VERSION, CACHE_POLICY.name, CACHE_POLICY.plural)
ROUTE_POLICIES = Resource(API_VERSION, ROUTE_POLICY.name, ROUTE_POLICY.plural)
CHILDREN = (
    SERVICEACCOUNTS,
    PERSISTENTVOLUMECLAIMS,
    NETWORKPOLICIES,
    SERVICES,
    PODDISRUPTIONBUDGETS,
    PODMONITORS,
    DEPLOYMENTS,
)
CLAIMING = {resource.kind: resource for resource in (FLEETS, ROUTE_POLICIES)}
"""The kinds that claim names."""
OURS = f"{MANAGED_BY_LABEL}={MANAGED_BY}"

WATCHES = (
    Watch(FLEETS),
    Watch(POLICIES),
    Watch(ROUTE_POLICIES),
    *(Watch(child, OURS, optional=child is PODMONITORS) for child in CHILDREN),
    Watch(PODS, OURS),
)
GATEWAY_WATCHES = (Watch(ENDPOINTSLICES, OURS),)
"""What is watched besides where there is a gateway; slices have the labels of their Services, which are ours."""

POD_METADATA = (
    "name", "namespace", "uid", "resourceVersion", "labels", "creationTimestamp", "deletionTimestamp",
    "deletionGracePeriodSeconds",
)  # fmt: skip
POD_STATUS = ("phase", "conditions", "containerStatuses", "podIP", "startTime")


def slim_pod(pod: Json) -> Json:
    """Return what decisions look at; a pod's spec is long, and the Deployment says it already."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {key: pod["metadata"][key] for key in POD_METADATA if key in pod["metadata"]},
        "status": {key: value for key, value in (pod.get("status") or {}).items() if key in POD_STATUS},
    }


SLIM: dict[Resource, Slim] = {watch.resource: without_managed_fields for watch in (*WATCHES, *GATEWAY_WATCHES)}
SLIM |= {DEPLOYMENTS: with_replicas_owners, PODS: slim_pod}


class Subject(StrEnum):
    """What a key is about."""

    FLEET = "fleet"
    POLICY = "policy"
    ROUTE_POLICY = "route policy"


class Key(NamedTuple):
    """One object to reconcile."""

    subject: Subject
    namespace: str
    name: str


class Router:
    """Knows which keys a change asks for: rivals for a name, and policies for one fleet, ask for each other."""

    def __init__(self, cache: Cache, claims: ClaimIndex) -> None:
        self._cache = cache
        self._claims = claims
        self._targets: dict[tuple[str, str], set[str]] = {}

    def keys(self, resource: Resource, event_type: str, obj: Json) -> Iterable[Key]:
        """Return the keys to reconcile after a change of *obj*."""
        if resource == FLEETS:
            return self._of_fleet(event_type, obj)
        if resource == POLICIES:
            return self._of_policy(event_type, obj)
        if resource == ROUTE_POLICIES:
            return self._of_route_policy(event_type, obj)
        if resource == ENDPOINTSLICES:
            return ()  # addresses are the gateway's business
        return [Key(Subject.FLEET, obj["metadata"]["namespace"], name) for name in sorted(_fleet_names(obj))]

    def _of_fleet(self, event_type: str, obj: Json) -> Iterator[Key]:
        namespace, name = obj["metadata"]["namespace"], obj["metadata"]["name"]
        yield Key(Subject.FLEET, namespace, name)
        is_news = not self._claims.knows(Claimant(namespace, name)) or event_type == DELETED
        yield from self._rivals(event_type, obj)
        if is_news:
            for policy in self._cache.list(POLICIES, namespace):
                if name in _target_names(policy):
                    yield Key(Subject.POLICY, namespace, policy["metadata"]["name"])

    def _rivals(self, event_type: str, obj: Json) -> Iterator[Key]:
        """Yield the fleets whose names a change of *obj* may give or take."""
        who = claimant(obj)
        for rival in self._claims.forget(who) if event_type == DELETED else self._claims.learn(obj):
            if rival.kind == FLEETS.kind:
                yield Key(Subject.FLEET, rival.namespace, rival.name)

    def _of_route_policy(self, event_type: str, obj: Json) -> Iterator[Key]:
        yield Key(Subject.ROUTE_POLICY, obj["metadata"]["namespace"], obj["metadata"]["name"])
        yield from self._rivals(event_type, obj)

    def _of_policy(self, event_type: str, obj: Json) -> Iterator[Key]:
        key = obj["metadata"]["namespace"], obj["metadata"]["name"]
        after = set() if event_type == DELETED else _target_names(obj)
        touched = self._targets.pop(key, set()) | after
        if after:
            self._targets[key] = after
        yield Key(Subject.POLICY, *key)
        for other in self._cache.list(POLICIES, key[0]):
            if _target_names(other) & touched:
                yield Key(Subject.POLICY, key[0], other["metadata"]["name"])
        for name in touched:
            yield Key(Subject.FLEET, key[0], name)


def _fleet_names(child: Json) -> set[str]:
    """Return the fleets a child is about: by its label, and by its owner, should somebody have changed the label."""
    meta = child["metadata"]
    label = (meta.get("labels") or {}).get(FLEET_LABEL)
    owners = (owner["name"] for owner in meta.get("ownerReferences") or () if owner["kind"] == FLEETS.kind)
    return {name for name in (label, *owners) if name}


def _target_names(policy: Json) -> set[str]:
    return {ref["name"] for ref in policy["spec"].get("targetRefs") or ()}
