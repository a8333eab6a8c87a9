"""Where weights come from: what `vllm serve` is told, and which volume holds them."""

from dataclasses import dataclass
from typing import Any

from modelfleet.api.v1alpha1.model_deployment.model import path_of, scheme_of

STREAMED = ("s3", "gs")
"""Schemes that the engine streams into memory with the Run:ai streamer, without a local copy."""


@dataclass(frozen=True, slots=True)
class Source:
    """One set of weights as the engine sees it."""

    argument: str
    volume: dict[str, Any] | None = None
    mount: dict[str, Any] | None = None


def locate(source: str, *, volume: str, mount_path: str) -> Source:
    """
    Return how the engine reads *source*; volumes get the name *volume* and appear at *mount_path*.

    Hugging Face names and buckets are read by the engine itself. Image volumes need Kubernetes 1.33 or newer.
    """
    scheme, path = scheme_of(source), path_of(source)
    mount = {"name": volume, "mountPath": mount_path, "readOnly": True}
    if scheme == "hf":
        return Source(path)
    if scheme == "oci":
        image = {"reference": path, "pullPolicy": "IfNotPresent"}
        return Source(mount_path, {"name": volume, "image": image}, mount)
    if scheme == "pvc":
        claim, _, folder = path.partition("/")
        argument = f"{mount_path}/{folder}" if folder else mount_path
        return Source(
            argument, {"name": volume, "persistentVolumeClaim": {"claimName": claim, "readOnly": True}}, mount
        )
    return Source(source.rstrip("/"))


def is_streamed(source: str) -> bool:
    """Return whether the engine streams *source* instead of reading files."""
    return scheme_of(source) in STREAMED
