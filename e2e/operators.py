"""The operator's own pods, and what they write."""

from collections.abc import Iterable
from dataclasses import dataclass

from e2e.cluster import Json, Namespace, name_of, ready
from e2e.installation import OPERATOR_NAMESPACE
from e2e.lab import Lab
from e2e.lab.audit import Write
from e2e.lab.commands import run
from e2e.lab.lab import binary

ACCOUNT = f"system:serviceaccount:{OPERATOR_NAMESPACE}:modelfleet-operator"
SELECTOR = "app.kubernetes.io/component=operator"
LEASE, LEASE_SECONDS = "modelfleet-operator", 15


@dataclass(frozen=True, slots=True)
class Operators:
    """The replicas of the operator in a lab."""

    lab: Lab

    @property
    def home(self) -> Namespace:
        """The namespace they run in."""
        return Namespace(self.lab, OPERATOR_NAMESPACE)

    def pods(self) -> list[Json]:
        """Return their pods, those that are going left out."""
        pods = self.home.find_all("pods", selector=SELECTOR)
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def are_ready(self, count: int = 2) -> bool:
        """Return whether *count* pods exist, all of them Ready."""
        pods = self.pods()
        return len(pods) == count and all(map(ready, pods))

    def leader(self) -> str:
        """Return the name of the pod that holds the Lease, empty while none does."""
        lease = self.home.find("leases", LEASE) or {}
        return str(lease.get("spec", {}).get("holderIdentity") or "").partition("_")[0]

    def defects(self) -> list[str]:
        """Return the log lines of their pods that only a defect explains."""
        logs = "".join(self.home.kubectl("logs", name_of(pod), "--tail=-1") for pod in self.pods())
        return [line for line in logs.splitlines() if "Traceback" in line or '"level": "ERROR"' in line]

    def kill(self, name: str) -> None:
        """End a pod's process with SIGKILL, and its pod with it, so that it does not come back under its name."""
        pod = self.home.get("pods", name)
        [status] = pod["status"]["containerStatuses"]
        container = status["containerID"].rpartition("/")[2]
        containerd(self.lab, "tasks", "kill", "--signal", "SIGKILL", container)
        self.home.kubectl("delete", "pod", name_of(pod), "--grace-period=0", "--force")

    def writes(self, *, after: int) -> list[Write]:
        """Return what they wrote since the mark *after*, besides their Lease."""
        return list(_of_operators(self.lab.writes(after=after)))


@dataclass(frozen=True, slots=True)
class Untouched:
    """Fleets that nobody touches any more: "quiet" serves, and the engine of "hung" hangs."""

    namespace: Namespace
    since: float
    """Of the monotonic clock, in seconds."""
    mark: int
    """What was written since then, in the audit log."""


def containerd(lab: Lab, *arguments: str) -> None:
    """Tell the node's containerd something."""
    address = ("--address", str(lab.layout.containerd_socket), "--namespace", "k8s.io")
    run((binary("ctr"), *address, *arguments))


def _of_operators(writes: Iterable[Write]) -> Iterable[Write]:
    return (write for write in writes if write.user == ACCOUNT and write.resource != "leases")
