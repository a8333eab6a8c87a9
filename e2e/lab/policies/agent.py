"""Follow the cluster and keep the node's rules current: ``python -m e2e.lab.policies.agent KUBECONFIG``."""

import http.client
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from e2e.lab.commands import run
from e2e.lab.errors import LabError
from e2e.lab.kube import Api
from e2e.lab.layout import NODE_NAME
from e2e.lab.policies.ruleset import Pod, World

_PATHS = {
    "policies": "/apis/networking.k8s.io/v1/networkpolicies",
    # Pods of fake nodes have no packets.
    "pods": f"/api/v1/pods?fieldSelector=spec.nodeName%3D{NODE_NAME}",
    "namespaces": "/api/v1/namespaces",
}
_RETRY_SECONDS = 1
_CALM_SECONDS = 0.05
"""Changes come in bursts: one script for each burst is enough."""


@dataclass(slots=True)
class Collection:
    """The objects at one path, as of now."""

    path: str
    changed: Callable[[], None]
    objects: dict[str, dict[str, Any]] = field(default_factory=dict)
    listed: bool = False

    def follow(self, api: Api) -> None:
        """List, then watch, for ever; a server that is away is asked again."""
        while True:
            try:
                self._follow_once(api)
            except (OSError, http.client.HTTPException, LabError):
                time.sleep(_RETRY_SECONDS)

    def _follow_once(self, api: Api) -> None:
        found = api.get(self.path) or {}
        self.objects = {body["metadata"]["uid"]: body for body in found["items"]}
        self.listed = True
        self.changed()
        for event in api.watch(self.path, after=found["metadata"]["resourceVersion"]):
            if event["type"] == "ERROR":
                return
            self._take(event["type"], event["object"])
            self.changed()

    def _take(self, kind: str, body: dict[str, Any]) -> None:
        uid = body["metadata"]["uid"]
        others = {key: value for key, value in self.objects.items() if key != uid}
        # Replaced as a whole, since another thread reads it.
        self.objects = others if kind == "DELETED" else {**others, uid: body}


def main(kubeconfig: Path) -> None:
    """Keep the rules current until this process is ended."""
    api, changed = Api.of(kubeconfig), threading.Event()
    collections = {name: Collection(path, changed.set) for name, path in _PATHS.items()}
    for collection in collections.values():
        threading.Thread(target=collection.follow, args=(api,), daemon=True).start()
    in_force = ""
    while True:
        changed.wait()
        time.sleep(_CALM_SECONDS)
        changed.clear()
        if all(collection.listed for collection in collections.values()):
            in_force = _enforce(_world(collections).script(), in_force)


def _world(collections: dict[str, Collection]) -> World:
    pods = [Pod.of(body) for body in collections["pods"].objects.values()]
    namespaces = [body["metadata"] for body in collections["namespaces"].objects.values()]
    return World(
        policies=list(collections["policies"].objects.values()),
        pods=[pod for pod in pods if pod is not None],
        namespaces={metadata["name"]: metadata.get("labels") or {} for metadata in namespaces},
    )


def _enforce(script: str, in_force: str) -> str:
    """Put *script* in force unless it is, and return what is in force afterwards."""
    if script == in_force:
        return in_force
    try:
        run(("nft", "-f", "-"), stdin=script)
    except LabError as error:
        print(error, script, sep="\n", flush=True)
        return in_force
    return script


if __name__ == "__main__":
    main(Path(sys.argv[1]))
