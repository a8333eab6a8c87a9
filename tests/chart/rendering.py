"""The chart as Helm renders it."""

import functools
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from charts.generate.files import CHART

RELEASE = "modelfleet"
NAMESPACE = "modelfleet-system"
OPERATOR = "modelfleet-operator"
GATEWAY = "modelfleet-gateway"
RESTRICTED_CONTAINER = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}

Object = dict[str, Any]


class HelmError(Exception):
    """Helm refused; the message is its own."""


@dataclass(frozen=True, slots=True)
class Helm:
    """One Helm program."""

    binary: Path

    def __call__(self, *arguments: str, stdin: str = "") -> str:
        """Return what Helm prints; raise HelmError when it fails."""
        command = [str(self.binary), *arguments]
        done = subprocess.run(  # noqa: S603 (no shell)
            command, input=stdin, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise HelmError(done.stderr + done.stdout)
        return done.stdout

    @functools.cache  # noqa: B019 (one Helm a session; no test changes the chart, so the answer stays the same)
    def template(self, *arguments: str, values: str = "{}") -> str:
        """Return the text of what the chart installs with *values*, which are YAML."""
        return self("template", *arguments, str(CHART), "--values", "-", stdin=values)

    def render(
        self, values: Mapping[str, Any] | None = None, *, release: str = RELEASE, namespace: str = NAMESPACE
    ) -> list[Object]:
        """Return the objects the chart installs with *values*."""
        text = self.template(release, "--namespace", namespace, values=yaml.safe_dump(dict(values or {})))
        return parsed(text)


def parsed(text: str) -> list[Object]:
    """Return the objects of a YAML stream; the loader in C takes a tenth of the time."""
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


def nested(name: str, value: Any) -> dict[str, Any]:
    """Return values in which *name*, dotted as `--set` takes it, is *value*."""
    for key in reversed(name.split(".")):
        value = {key: value}
    result: dict[str, Any] = value
    return result


def merged(*parts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of all *parts*; later ones win."""
    result: dict[str, Any] = {}
    for part in parts:
        for key, value in part.items():
            both_maps = isinstance(value, dict) and isinstance(result.get(key), dict)
            result[key] = merged(result[key], value) if both_maps else value
    return result


def find(objects: list[Object], kind: str, name: str = OPERATOR) -> Object:
    """Return the one object of *kind* called *name*."""
    [found] = [obj for obj in objects if obj["kind"] == kind and obj["metadata"]["name"] == name]
    return found


def pod(objects: list[Object], name: str = OPERATOR) -> Object:
    """Return what the pods of a Deployment are made from."""
    spec: Object = find(objects, "Deployment", name)["spec"]["template"]["spec"]
    return spec


def container(objects: list[Object], name: str = OPERATOR) -> Object:
    """Return the one container of a Deployment's pods."""
    [only] = pod(objects, name)["containers"]
    found: Object = only
    return found


def environment(objects: list[Object]) -> dict[str, str]:
    """Return the operator's environment variables; those the cluster fills in have the path of their field."""
    return {
        variable["name"]: variable.get("value") or variable["valueFrom"]["fieldRef"]["fieldPath"]
        for variable in container(objects)["env"]
    }


def gateway_files(objects: list[Object]) -> dict[str, str]:
    """Return the files that the gateway's Envoy starts with, by their names."""
    files: dict[str, str] = find(objects, "ConfigMap", GATEWAY)["data"]
    return files


def bootstrap(objects: list[Object]) -> Object:
    """Return Envoy's bootstrap."""
    parsed: Object = yaml.safe_load(gateway_files(objects)["envoy.yaml"])
    return parsed


def platform_file(objects: list[Object]) -> Object:
    """Return the platform file the operator reads."""
    text = find(objects, "ConfigMap", "modelfleet-platform")["data"]["platform.yaml"]
    parsed: Object = yaml.safe_load(text)
    return parsed


def labels_of(objects: list[Object]) -> Iterator[Mapping[str, str]]:
    """Yield the labels of every object and pod template."""
    for obj in objects:
        yield obj["metadata"]["labels"]
        if "template" in obj.get("spec", {}):
            yield obj["spec"]["template"]["metadata"]["labels"]
