"""One namespace with the objects of one test, and what tests ask of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from tests.apiserver.kubectl import Kubectl, Outcome
from tests.apiserver.waiting import eventually

from modelfleet.api.names import MANAGED_BY_LABEL
from modelfleet.controller.cluster.resources import ENDPOINTSLICES, EVENTS, PODS, SECRETS, Resource
from modelfleet.controller.watched import CHILDREN, FLEETS, POLICIES, ROUTE_POLICIES

Json = dict[str, Any]

MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
RESOURCES = {resource.kind: resource for resource in (FLEETS, POLICIES, PODS, *CHILDREN)}
EVERY = RESOURCES | {resource.kind: resource for resource in (ROUTE_POLICIES, SECRETS, ENDPOINTSLICES)}
SOURCE = "hf://meta-llama/Llama-3.1-8B-Instruct"
ACCELERATOR = "nvidia-l40s-48gb"
SOMEBODY = "somebody"
"""The field manager of the tests' own writes."""


@dataclass(frozen=True, slots=True)
class Namespace:
    """Objects of one namespace, as an administrator sees and changes them."""

    name: str
    http: httpx.Client
    _kubectl: Kubectl

    def fleet(self, name: str = "fleet", **spec: Any) -> Json:
        """Create a ModelDeployment; *spec* replaces whole fields of the smallest one."""
        return self.create(manifest(name, **spec))

    def create(self, obj: Json) -> Json:
        """Create *obj* here, and return it as stored."""
        resource = EVERY[obj["kind"]]
        query = {"fieldManager": SOMEBODY, "fieldValidation": "Strict"}
        return _body(self.http.post(resource.path(self.name), json=obj, params=query))

    def find(self, kind: str, name: str = "fleet", *, subresource: str | None = None) -> Json | None:
        """Return an object, or None."""
        answer = self.http.get(EVERY[kind].path(self.name, name, subresource=subresource))
        return None if answer.status_code == httpx.codes.NOT_FOUND else _body(answer)

    def get(self, kind: str, name: str = "fleet", *, subresource: str | None = None) -> Json:
        """Return an object that exists."""
        found = self.find(kind, name, subresource=subresource)
        assert found is not None, f"{kind} {name}"
        return found

    def patch(self, kind: str, patch: Json, name: str = "fleet", *, subresource: str | None = None) -> Json:
        """Change an object by a JSON merge patch, as somebody who is not the operator."""
        path = EVERY[kind].path(self.name, name, subresource=subresource)
        query = {"fieldManager": SOMEBODY}
        return _body(self.http.patch(path, json=patch, params=query, headers={"Content-Type": MERGE}))

    def edit(self, name: str = "fleet", **spec: Any) -> Json:
        """Change fields of a fleet's spec, and return it as stored."""
        return self.patch("ModelDeployment", {"spec": spec}, name)

    def delete(self, kind: str, name: str = "fleet") -> None:
        """Delete an object."""
        _body(self.http.delete(EVERY[kind].path(self.name, name)))

    def delete_all(self, kind: str) -> None:
        """Delete all objects of a kind."""
        _body(self.http.delete(EVERY[kind].path(self.name)))

    def kubectl(self, *arguments: str, stdin: str = "") -> Outcome:
        """Run kubectl in this namespace."""
        return self._kubectl(f"--namespace={self.name}", *arguments, stdin=stdin)

    def children(self) -> list[Json]:
        """Return everything the operator labelled as its own, pods aside."""
        return [child for resource in CHILDREN for child in self._list(resource, f"{MANAGED_BY_LABEL}=modelfleet")]

    def versions(self) -> dict[tuple[str, str], str]:
        """Return the resource version of every child, by kind and name."""
        return {
            (_kind(child), child["metadata"]["name"]): child["metadata"]["resourceVersion"] for child in self.children()
        }

    def events(self, name: str = "fleet") -> list[Json]:
        """Return the Events about an object."""
        return [event for event in self._list(EVENTS) if event["regarding"]["name"] == name]

    def condition(self, kind: str, name: str = "fleet", *, of: str = "ModelDeployment") -> Json:
        """Return a condition of an object of ours, as it is; empty where it is not there yet."""
        return _condition(self.get(of, name), kind)

    def await_condition(
        self,
        kind: str,
        status: str,
        reason: str | None = None,
        *,
        name: str = "fleet",
        of: str = "ModelDeployment",
        words: str = "",
    ) -> Json:
        """Return a condition of an object of ours once it says this, in these *words*, about the latest generation."""
        seen: Json = {}

        def look() -> Json | None:
            obj = self.get(of, name)
            seen.update(obj.get("status") or {})
            found = _condition(obj, kind)
            said = found.get("status") == status and reason in (None, found.get("reason"))
            said = said and words in found["message"]
            return found if said and _is_up_to_date(obj) else None

        try:
            return eventually(look, f"{name}: {kind}={status} {reason or ''} {words}")
        except AssertionError as error:
            raise AssertionError(f"{error}; its status says {seen}") from None

    def await_report(self, name: str = "fleet", *, of: str = "ModelDeployment") -> Json:
        """Return an object of ours once the operator has reported on its latest generation."""

        def look() -> Json | None:
            obj = self.get(of, name)
            return obj if _is_up_to_date(obj) else None

        return eventually(look, f"a status of the latest generation of {name}")

    def await_deployment(self, name: str = "fleet", *, replicas: int | None = None) -> Json:
        """Return a fleet's Deployment once its size is handed over, and is *replicas*."""

        def look() -> Json | None:
            found = self.find("Deployment", name)
            settled = found is not None and owners(found, "replicas") == ["modelfleet-scale"]
            return found if settled and found and replicas in (None, found["spec"]["replicas"]) else None

        return eventually(look, f"Deployment {name} is handed over with {replicas} replicas")

    def finish_rollout(self, name: str = "fleet") -> None:
        """Say what a Deployment's controller says of one that is done, without any pods."""
        live = self.get("Deployment", name)
        size = live["spec"]["replicas"]
        counts = dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas"), size)
        status = counts | {"observedGeneration": live["metadata"]["generation"]}
        self.patch("Deployment", {"status": status}, name, subresource="status")

    def _list(self, resource: Resource, selector: str = "") -> list[Json]:
        answer = self.http.get(resource.path(self.name), params={"labelSelector": selector})
        if answer.status_code == httpx.codes.NOT_FOUND:
            return []
        return [{"kind": resource.kind} | item for item in _body(answer)["items"]]


def manifest(name: str = "fleet", *, namespace: str | None = None, **spec: Any) -> Json:
    """Return a ModelDeployment of one replica; *spec* replaces whole fields."""
    smallest = {"model": {"source": SOURCE, "revision": "main"}, "hardware": {"accelerator": ACCELERATOR}}
    meta = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {
        "apiVersion": "modelfleet.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": meta,
        "spec": smallest | spec,
    }


def policy(name: str, *targets: str, **engine: Any) -> Json:
    """Return a CachePolicy for *targets*."""
    spec = {"targetRefs": [{"name": target} for target in targets], "engine": engine or {"prefixCaching": True}}
    return {
        "apiVersion": "modelfleet.dev/v1alpha1",
        "kind": "CachePolicy",
        "metadata": {"name": name},
        "spec": spec,
    }


def owners(obj: Mapping[str, Any], field: str) -> list[str]:
    """Return the managers of a field directly under `spec`."""
    entries = obj["metadata"]["managedFields"]
    return [entry["manager"] for entry in entries if f"f:{field}" in entry["fieldsV1"].get("f:spec", {})]


def template(deployment: Mapping[str, Any]) -> Json:
    """Return the engine's container of a Deployment."""
    container: Json = deployment["spec"]["template"]["spec"]["containers"][0]
    return container


def _condition(obj: Json, kind: str) -> Json:
    conditions = (obj.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition["type"] == kind), {})


def _is_up_to_date(obj: Json) -> bool:
    return bool((obj.get("status") or {}).get("observedGeneration") == obj["metadata"]["generation"])


def _kind(obj: Json) -> str:
    return str(obj["kind"])


def _body(response: httpx.Response) -> Json:
    if response.is_error:
        raise RuntimeError(f"{response.request.method} {response.request.url}: {response.status_code} {response.text}")
    body: Json = response.json()
    return body
