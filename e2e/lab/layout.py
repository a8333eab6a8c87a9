"""Where a lab keeps its things: every path and name follows from the lab's name alone."""

import re
from dataclasses import dataclass
from pathlib import Path

from e2e.lab.errors import LabError

LABS = Path("/var/lib/modelfleet-lab")
"""Parent of every lab's directory: on disk, since images would fill a tmpfs; short, since socket paths are too."""

NODE_NAME = "node-0"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,14}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Layout:
    """
    The paths and the kernel names of one lab.

    They need no record on disk, so a lab whose start was killed at any moment can be found and removed by name.
    """

    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise LabError(
                f"the lab's name must be 1 to 16 lower-case letters, digits and inner dashes, found {self.name!r}"
            )

    @property
    def root(self) -> Path:
        """Everything the lab writes."""
        return LABS / self.name

    @property
    def logs(self) -> Path:
        """One log file per component, and the audit log."""
        return self.root / "log"

    @property
    def pki(self) -> Path:
        """Certificates and keys."""
        return self.root / "pki"

    @property
    def records(self) -> Path:
        """One JSON file per started component."""
        return self.root / "processes"

    @property
    def kubeconfig(self) -> Path:
        """For people and tests, from outside the network namespace."""
        return self.root / "kubeconfig"

    @property
    def inner_kubeconfig(self) -> Path:
        """For the components, which live inside the network namespace."""
        return self.root / "kubeconfig.inner"

    @property
    def outside_hosts(self) -> Path:
        """Hosts outside of the cluster that pods find, in the form of /etc/hosts."""
        return self.root / "hosts"

    @property
    def audit_log(self) -> Path:
        """One JSON event per write to the API server."""
        return self.logs / "audit.jsonl"

    @property
    def containerd(self) -> Path:
        """Root, state and sockets of containerd."""
        return self.root / "containerd"

    @property
    def containerd_socket(self) -> Path:
        """The address that kubelet and ctr dial."""
        return self.containerd / "containerd.sock"

    @property
    def kubelet(self) -> Path:
        """The kubelet's configuration and volumes."""
        return self.root / "kubelet"

    @property
    def pod_logs(self) -> Path:
        """What containers print."""
        return self.root / "pods"

    @property
    def cni(self) -> Path:
        """Network configuration of pods, and the addresses given out."""
        return self.root / "cni"

    @property
    def slot_file(self) -> Path:
        """Holds the lab's slot number: the third octet of the link to the host depends on it."""
        return self.root / "slot"

    @property
    def ready_file(self) -> Path:
        """Exists once `up` has finished; holds what it was asked for."""
        return self.root / "up.json"

    @property
    def cluster(self) -> str:
        """What the cluster is called in kubeconfig files and in the pods' network."""
        return f"modelfleet-{self.name}"

    @property
    def namespace_path(self) -> Path:
        """The network namespace, as the file that ``nsenter --net`` takes."""
        return self.root / "netns"

    @property
    def cgroup(self) -> str:
        """Path of the lab's control group below every hierarchy's root."""
        return f"modelfleet-lab/{self.name}"

    def log(self, component: str) -> Path:
        """Return the log file of *component*."""
        return self.logs / f"{component}.log"


def existing() -> list[Layout]:
    """Return the labs of this machine that left a directory, running or not, by name."""
    if not LABS.is_dir():
        return []
    return [Layout(path.name) for path in sorted(LABS.iterdir()) if path.is_dir() and _NAME.fullmatch(path.name)]
