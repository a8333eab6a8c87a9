"""The few requests the tests make, in terms of our kinds."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from modelfleet.api.names import GROUP, VERSION

NAMESPACE = "default"
PLURALS = {"ModelDeployment": "modeldeployments", "CachePolicy": "cachepolicies", "RoutePolicy": "routepolicies"}
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


@dataclass(frozen=True, slots=True)
class Client:
    """Requests to one API server; safe to use from several threads."""

    http: httpx.Client

    def dry_run(self, manifest: Mapping[str, Any]) -> httpx.Response:
        """Return the answer to a strict creation of *manifest* that is not stored."""
        query = {"dryRun": "All", "fieldValidation": "Strict"}
        return self.http.post(collection(manifest["kind"]), json=manifest, params=query)

    def create(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Create *manifest* and return it as stored."""
        return _body(self.http.post(collection(manifest["kind"]), json=manifest))

    def get(self, kind: str, name: str) -> dict[str, Any]:
        """Return an object of ours."""
        return _body(self.http.get(f"{collection(kind)}/{name}"))

    def delete(self, kind: str, name: str) -> None:
        """Delete an object of ours."""
        _body(self.http.delete(f"{collection(kind)}/{name}"))

    def patch_status(self, kind: str, name: str, status: Mapping[str, Any]) -> httpx.Response:
        """Return the answer to a merge patch of the status subresource."""
        headers = {"Content-Type": "application/merge-patch+json"}
        return self.http.patch(f"{collection(kind)}/{name}/status", json={"status": status}, headers=headers)

    def scale(self, kind: str, name: str) -> dict[str, Any]:
        """Return the scale subresource of an object of ours."""
        return _body(self.http.get(f"{collection(kind)}/{name}/scale"))

    def install(self, crd: Mapping[str, Any]) -> None:
        """Apply a CustomResourceDefinition and return once it is served."""
        path = f"{CRDS}/{crd['metadata']['name']}"
        query = {"fieldManager": "tests", "force": "true", "fieldValidation": "Strict"}
        applied = {"Content-Type": "application/apply-patch+yaml"}
        _body(self.http.patch(path, json=crd, params=query, headers=applied))
        self._wait_until_established(crd["metadata"]["name"])

    def _wait_until_established(self, name: str) -> None:
        """Follow the definition until its `Established` condition is True."""
        query = {"watch": "true", "fieldSelector": f"metadata.name={name}", "timeoutSeconds": "30"}
        with self.http.stream("GET", CRDS, params=query) as events:
            for line in events.iter_lines():
                if _is_established(json.loads(line)["object"]):
                    return
        raise TimeoutError(f"`{name}` must be established within 30 s")


def collection(kind: str) -> str:
    """Return the path of the objects of *kind* in the tests' namespace."""
    return f"/apis/{GROUP}/{VERSION}/namespaces/{NAMESPACE}/{PLURALS[kind]}"


def _is_established(crd: Mapping[str, Any]) -> bool:
    conditions = crd.get("status", {}).get("conditions") or []
    return any(condition["type"] == "Established" and condition["status"] == "True" for condition in conditions)


def _body(response: httpx.Response) -> dict[str, Any]:
    if response.is_error:
        raise RuntimeError(f"{response.request.method} {response.request.url}: {response.status_code} {response.text}")
    body: dict[str, Any] = response.json()
    return body
