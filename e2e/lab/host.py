"""What the lab needs from the machine, and what it must give back to it."""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from e2e.lab.errors import LabError
from e2e.lab.layout import LABS, existing

KERNEL_SETTINGS = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
"""Settings of the whole machine that a kubelet writes when it starts (pkg/kubelet/cm of Kubernetes 1.36)."""

FIXED_PLACES = (
    "/run/containerd/s",  # sockets of containerd's shims
    "/run/containerd",
    "/var/lib/cni/results",  # what the network plugins remember
    "/var/lib/cni",
    "/var/lib/kubelet/device-plugins/kubelet.sock",
    "/var/lib/kubelet/device-plugins",
    "/var/lib/kubelet",
    "/var/log/containers",  # links to pods' logs
)
"""Where containerd, the kubelet and the network plugins write whatever they are told; children before parents."""

_OWN_CLUSTER = "to use a cluster of your own instead, set KUBECONFIG to its kubeconfig and leave the lab alone"


def require_linux() -> None:
    """Raise LabError on an operating system that cannot have a lab."""
    if sys.platform != "linux":
        raise LabError(
            f"the lab must run on Linux (it needs network namespaces), found {sys.platform!r}; {_OWN_CLUSTER}"
        )


def require_capable() -> None:
    """Raise LabError on a machine, or for a user, that cannot have a lab."""
    require_linux()
    if os.geteuid() != 0:
        found = f"found user id {os.geteuid()}"
        raise LabError(f"the lab must run as root (it makes network namespaces and mounts), {found}; {_OWN_CLUSTER}")


def remember() -> None:
    """Write down, before the first lab, what of the machine the labs are going to change."""
    if _memory().exists():
        return
    settings = {name: setting(name) for name in KERNEL_SETTINGS}
    absent = [place for place in FIXED_PLACES if not Path(place).exists()]
    draft = _memory().with_suffix(".draft")
    draft.write_text(json.dumps({"settings": settings, "absent": absent}))
    draft.replace(_memory())


def restore_after_last_lab() -> None:
    """Give the machine back as it was before the first lab, if no lab is left."""
    if existing() or not LABS.exists():
        return
    if _memory().exists():
        _restore(json.loads(_memory().read_text()))
    _memory().unlink(missing_ok=True)
    _memory().with_suffix(".draft").unlink(missing_ok=True)
    LABS.rmdir()


def _restore(memory: dict[str, Any]) -> None:
    for name, value in memory["settings"].items():
        _setting_file(name).write_text(value)
    for place in map(Path, memory["absent"]):
        with suppress(OSError):  # somebody else may use the directory by now
            _remove(place)


def _remove(place: Path) -> None:
    if place.is_dir():
        place.rmdir()
    else:
        place.unlink(missing_ok=True)


def _memory() -> Path:
    return LABS / "machine.json"


def setting(name: str) -> str:
    """Return the value of the kernel setting called *name*, such as ``kernel/panic``."""
    return _setting_file(name).read_text()


def _setting_file(name: str) -> Path:
    return Path("/proc/sys") / name
