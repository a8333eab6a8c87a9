"""
Take a lab down and leave nothing behind.

Nothing here trusts that the start went to its end: each step finds its subject by the lab's name, and does nothing when
there is none.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from e2e.lab import cgroups, host, network
from e2e.lab.commands import run
from e2e.lab.layout import Layout
from e2e.lab.locks import exclusive
from e2e.lab.progress import Progress

_CNI_RESULTS = Path("/var/lib/cni/results")
_LEGACY_POD_LOGS = Path("/var/log/containers")
_BUNDLES = "state/io.containerd.runtime.v2.task/k8s.io"


def is_anything_left(layout: Layout) -> bool:
    """Whether the lab, or any remains of one, are on this machine."""
    return layout.root.exists() or cgroups.exists(layout)


def take_down(layout: Layout, *, progress: Progress) -> None:
    """Remove the lab with its processes, mounts, namespace, control groups and files."""
    with progress.step("processes ended"):
        cgroups.kill(layout)
    with progress.step("mounts, network namespace, control groups and files removed"):
        _remove_strays(layout)
        network.remove(layout)
        _unmount(layout)
        cgroups.remove(layout)
        with exclusive("slots", progress=progress):
            if layout.root.exists():
                shutil.rmtree(layout.root)
            host.restore_after_last_lab()


def _remove_strays(layout: Layout) -> None:
    """Remove what containerd, the kubelet and the network plugins keep at places that one cannot choose."""
    for bundle in (layout.containerd / _BUNDLES).glob("*"):
        _remove_shim_socket(bundle)
        for result in _CNI_RESULTS.glob(f"*-{bundle.name}-*"):
            result.unlink(missing_ok=True)
    for link in _LEGACY_POD_LOGS.glob("*.log"):
        if link.readlink().is_relative_to(layout.pod_logs):
            link.unlink(missing_ok=True)


def _remove_shim_socket(bundle: Path) -> None:
    """Remove the socket of a container's shim, which the shim wrote into its *bundle*."""
    named = bundle / "bootstrap.json"
    if not named.exists() or not (text := named.read_text()):
        return
    kind, _, path = json.loads(text).get("address", "").partition("://")
    if kind == "unix":
        Path(path).unlink(missing_ok=True)


def _unmount(layout: Layout) -> None:
    """Unmount whatever is below the lab's directory, innermost first."""
    for target in sorted(_mounts_below(layout.root), key=len, reverse=True):
        run(("umount", "--lazy", target), check=False)


def _mounts_below(root: Path) -> Iterator[str]:
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        target = line.split()[4].encode().decode("unicode_escape")  # spaces are written as \040
        if target.startswith(f"{root}/"):
            yield target
