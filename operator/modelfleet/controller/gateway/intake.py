"""What comes from the cluster, on its way into the compiler: read, and noted how new it is."""

import logging
from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from modelfleet.api.schema.problems import explain
from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment, ModelDeploymentStatus
from modelfleet.api.v1alpha1.route_policy import RoutePolicy, RoutePolicyStatus
from modelfleet.controller.cluster.resources import ENDPOINTSLICES, SECRETS, Json, Resource
from modelfleet.controller.gateway.compiler import Compiler, Id
from modelfleet.controller.gateway.endpoints import service_of
from modelfleet.controller.gateway.vector import Vector
from modelfleet.controller.reconcile.gather import readable_status
from modelfleet.controller.watch.cache import DELETED
from modelfleet.controller.watched import FLEETS, POLICIES, ROUTE_POLICIES

INPUTS = (FLEETS, ROUTE_POLICIES, POLICIES, ENDPOINTSLICES)
"""What is watched across the cluster, in the order of the vector."""

log = logging.getLogger(__name__)


class Intake:
    """
    Feeds the compiler, remembers whose endpoints changed, and calls *wake* when there is something to publish.

    An object that cannot be read, as when an older CRD let it in, keeps the place of its last good version.

    Each version is taken in once: whoever begins to lead asks for everything again, and a changed label is told with
    the old object.
    """

    def __init__(self, compiler: Compiler, vector: Vector, *, wake: Callable[[], None]) -> None:
        self._compiler = compiler
        self._vector = vector
        self._wake = wake
        self._taken: dict[tuple[Resource, Id], int] = {}
        self.endpoints: set[Id] = set()
        """The fleets whose EndpointSlices changed since this was emptied."""
        self.generations: dict[Id, int] = {}
        """The generation of each RoutePolicy that was taken in last."""
        self.unreadable: dict[Id, str] = {}
        """What is wrong with each RoutePolicy that cannot be read."""

    def observe(self, resource: Resource, event_type: str, obj: Json) -> None:
        """Take in a change of one object that is watched across the cluster; others are passed over."""
        if resource not in INPUTS:
            return
        is_gone = event_type == DELETED
        if not self._is_news(resource, obj, is_gone=is_gone):
            return
        if resource == ENDPOINTSLICES:
            self._note_slice(obj)
        elif resource == FLEETS:
            self._put(self._compiler.put_fleet, obj, None if is_gone else _read_fleet)
        elif resource == POLICIES:
            self._put(self._compiler.put_cache, obj, None if is_gone else _read_cache)
        else:
            self._note_policy(obj, is_gone=is_gone)
            self._put(self._compiler.put_policy, obj, None if is_gone else _read_policy)
        self._wake()

    def _is_news(self, resource: Resource, obj: Json, *, is_gone: bool) -> bool:
        """Note the version of *obj*, and return whether it is to be taken in."""
        meta = obj["metadata"]
        key, version = (resource, (meta["namespace"], meta["name"])), int(meta["resourceVersion"])
        self._vector.see(str(resource), version)
        known = self._taken.get(key, -1)
        if is_gone:
            self._taken.pop(key, None)
            return True
        self._taken[key] = max(known, version)
        # An older slice tells whose it was.
        return version > known or (resource == ENDPOINTSLICES and version < known)

    def secret(self, event_type: str, secret: Json) -> None:
        """Take in a change of one Secret."""
        meta = secret["metadata"]
        self._vector.see(secrets_input(meta["namespace"]), int(meta["resourceVersion"]))
        self._compiler.put_secret(meta["namespace"], meta["name"], None if event_type == DELETED else secret)
        self._wake()

    def _note_slice(self, endpoint_slice: Json) -> None:
        self.endpoints.add((endpoint_slice["metadata"]["namespace"], service_of(endpoint_slice)))

    def _note_policy(self, policy: Json, *, is_gone: bool) -> None:
        key = policy["metadata"]["namespace"], policy["metadata"]["name"]
        self.unreadable.pop(key, None)
        self.generations.pop(key, None)
        if not is_gone:
            self.generations[key] = policy["metadata"]["generation"]

    def _put(self, put: Callable[[str, str, Any], None], obj: Json, read: Callable[[Json], Any] | None) -> None:
        key = obj["metadata"]["namespace"], obj["metadata"]["name"]
        try:
            put(*key, read(obj) if read else None)
        except ValidationError as error:
            log.warning("an object cannot be read, the gateway goes on with the last that could", extra={"object": key})
            if obj["kind"] == ROUTE_POLICIES.kind:
                self.unreadable[key] = explain(error)


def secrets_input(namespace: str) -> str:
    """Return the name of the vector's component for the Secrets of *namespace*."""
    return f"{SECRETS} in {namespace}"


def _read_fleet(obj: Json) -> ModelDeployment:
    return ModelDeployment.model_validate(obj | {"status": readable_status(ModelDeploymentStatus, obj)})


def _read_policy(obj: Json) -> RoutePolicy:
    return RoutePolicy.model_validate(obj | {"status": readable_status(RoutePolicyStatus, obj)})


def _read_cache(obj: Json) -> CachePolicy:
    return CachePolicy.model_validate(obj | {"status": {}})
