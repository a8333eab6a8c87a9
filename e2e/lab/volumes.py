"""Persistent volumes: a handful of empty directories on the node, behind the default storage class."""

from pathlib import Path
from typing import Any

from e2e.lab.layout import NODE_NAME, Layout

STORAGE_CLASS = "standard"
_COUNT = 32
"""Enough for one run of all stories: a released volume is not used again, as nobody empties it."""
_SIZE = "2Ti"
_MODES = ["ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany"]


def objects(layout: Layout) -> list[tuple[str, dict[str, Any]]]:
    """Make the directories, and return the storage class and the volumes, each with the path to create it at."""
    volumes = [("/api/v1/persistentvolumes", _volume(layout, index)) for index in range(_COUNT)]
    return [("/apis/storage.k8s.io/v1/storageclasses", _storage_class()), *volumes]


def _storage_class() -> dict[str, Any]:
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": STORAGE_CLASS, "annotations": default},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def _volume(layout: Layout, index: int) -> dict[str, Any]:
    """Return a `local` volume: unlike `hostPath`, the kubelet gives its files to the pod's `fsGroup`."""
    directory = _directory(layout, index)
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE_NAME]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"lab-{index}"},
        "spec": {
            "accessModes": _MODES,
            "capacity": {"storage": _SIZE},
            "storageClassName": STORAGE_CLASS,
            "persistentVolumeReclaimPolicy": "Retain",
            "local": {"path": str(directory)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }


def _directory(layout: Layout, index: int) -> Path:
    path = layout.root / "volumes" / str(index)
    path.mkdir(parents=True, exist_ok=True)
    return path
