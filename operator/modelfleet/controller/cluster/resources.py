"""The API resources the operator reads or writes, each with its request path."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

Json = dict[str, Any]
"""An object as the API server sends it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind at one API version, as the API server's paths name it."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def group(self) -> str:
        """Return the API group; the core group is the empty string."""
        return self.api_version.rpartition("/")[0]

    @property
    def version(self) -> str:
        """Return the version without its group."""
        return self.api_version.rpartition("/")[2]

    @property
    def root(self) -> str:
        """Return the path under which the API server describes this group and version."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.api_version}"

    def path(self, namespace: str | None = None, name: str | None = None, *, subresource: str | None = None) -> str:
        """Return the path of the collection, of one object, or of one of its subresources."""
        parts = [self.root]
        if namespace and self.namespaced:
            parts += ["namespaces", quote(namespace, safe="")]
        parts.append(self.plural)
        parts += [quote(part, safe="") for part in (name, subresource) if part]
        return "/".join(parts)

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


def with_kind(resource: Resource, obj: Json) -> Json:
    """Return *obj* with the `apiVersion` and `kind` that items of a list lack."""
    obj.setdefault("apiVersion", resource.api_version)
    obj.setdefault("kind", resource.kind)
    return obj


CRDS = Resource("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions", namespaced=False)
DEPLOYMENTS = Resource("apps/v1", "Deployment", "deployments")
ENDPOINTSLICES = Resource("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
EVENTS = Resource("events.k8s.io/v1", "Event", "events")
LEASES = Resource("coordination.k8s.io/v1", "Lease", "leases")
NETWORKPOLICIES = Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
NODES = Resource("v1", "Node", "nodes", namespaced=False)
PERSISTENTVOLUMECLAIMS = Resource("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
PODDISRUPTIONBUDGETS = Resource("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
PODMONITORS = Resource("monitoring.coreos.com/v1", "PodMonitor", "podmonitors")
PODS = Resource("v1", "Pod", "pods")
REPLICASETS = Resource("apps/v1", "ReplicaSet", "replicasets")
SECRETS = Resource("v1", "Secret", "secrets")
SERVICEACCOUNTS = Resource("v1", "ServiceAccount", "serviceaccounts")
SERVICES = Resource("v1", "Service", "services")
