"""The operator's own namespace: its replicas, the gateway's replicas, and which release of the operator this is."""

from collections.abc import Callable, Iterable, Sequence

from modelfleet.controller.cluster.reflector import Reflector, Source
from modelfleet.controller.cluster.resources import ENDPOINTSLICES, PODS, REPLICASETS, Json, Resource
from modelfleet.controller.gateway.endpoints import addresses, service_of
from modelfleet.controller.watch.cache import DELETED
from modelfleet.gateway.ir import Address

REVISION_ANNOTATION = "deployment.kubernetes.io/revision"
"""Grows with every rollout of a Deployment, also with one that goes back to an older template."""
FOLLOWED = (ENDPOINTSLICES, PODS, REPLICASETS)


class Home:
    """Follows what surrounds this process; *on_change* is called after every change."""

    def __init__(
        self, cluster: Source, *, namespace: str, pod_name: str, fullname: str, on_change: Callable[[], None]
    ) -> None:
        self._pod_name, self._fullname = pod_name, fullname
        self._on_change = on_change
        self._objects: dict[Resource, dict[str, Json]] = {resource: {} for resource in FOLLOWED}
        self.reflectors: Sequence[Reflector] = tuple(self._reflector(cluster, each, namespace) for each in FOLLOWED)

    def _reflector(self, cluster: Source, resource: Resource, namespace: str) -> Reflector:
        known = self._objects[resource]

        def replace(items: Iterable[Json], _version: int) -> None:
            known.clear()
            known.update({item["metadata"]["name"]: item for item in items})
            self._on_change()

        def change(event_type: str, obj: Json) -> None:
            known.pop(obj["metadata"]["name"], None)
            if event_type != DELETED:
                known[obj["metadata"]["name"]] = obj
            self._on_change()

        return Reflector(cluster, resource, namespace, on_list=replace, on_event=change)

    @property
    def release(self) -> int:
        """Return the revision of the operator's Deployment that this pod is of; 0 outside a cluster."""
        own = self._own_set()
        return _revision(own) if own else 0

    @property
    def newest_release(self) -> int:
        """Return the greatest revision of the operator's Deployment that is to have pods, this one's at least."""
        own = self._own_set()
        sets = self._objects[REPLICASETS].values() if own else ()
        running = (each for each in sets if own and _owners(each) == _owners(own) and each["spec"].get("replicas"))
        return max((self.release, *map(_revision, running)))

    def operators(self) -> list[Json]:
        """Return the pods of the operator, this one included, Ready or not."""
        own = self._objects[PODS].get(self._pod_name)
        labels = _identity(own) if own else None
        return [pod for pod in self._objects[PODS].values() if labels and _identity(pod) == labels]

    def ready_operators(self, port: int) -> tuple[Address, ...]:
        """Return where the ready replicas of the operator listen, with *port* in place of that of their Service."""
        found = addresses(self._slices(f"{self._fullname}-xds"))
        return tuple(sorted({Address(each.ip, port, each.node) for each in found}))

    def gateways(self) -> tuple[Address, ...]:
        """Return the ready replicas of the gateway."""
        return addresses(self._slices(f"{self._fullname}-gateway"))

    def _own_set(self) -> Json | None:
        """Return the ReplicaSet of this pod."""
        pod = self._objects[PODS].get(self._pod_name)
        owners = pod["metadata"].get("ownerReferences") or () if pod else ()
        sets = (self._objects[REPLICASETS].get(owner["name"]) for owner in owners)
        return next((each for each in sets if each), None)

    def _slices(self, service: str) -> list[Json]:
        return [each for each in self._objects[ENDPOINTSLICES].values() if service_of(each) == service]


def _revision(replica_set: Json) -> int:
    text = (replica_set["metadata"].get("annotations") or {}).get(REVISION_ANNOTATION) or ""
    return int(text) if text.isdigit() else 0


def _owners(obj: Json) -> set[str]:
    return {owner["uid"] for owner in obj["metadata"].get("ownerReferences") or ()}


def _identity(pod: Json) -> tuple[str | None, ...]:
    """Return the labels that all pods of a component of a release share."""
    labels = pod["metadata"].get("labels") or {}
    return tuple(labels.get(f"app.kubernetes.io/{key}") for key in ("name", "instance", "component"))
