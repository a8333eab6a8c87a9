"""Any cluster that a kubeconfig names: the lab, or one of your own."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from e2e.lab import provision
from e2e.lab.errors import LabError
from e2e.lab.progress import Progress
from e2e.lab.tools import TOOLS

KUBECONFIG = "KUBECONFIG"


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster, used as its administrator through kubectl."""

    kubeconfig: Path

    @property
    def environment(self) -> dict[str, str]:
        """The environment for programs that talk to the cluster."""
        return {**os.environ, KUBECONFIG: str(self.kubeconfig)}

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """Return what kubectl prints for *arguments*; LabError with its complaint when it fails and *check* is set."""
        words = [str(binary("kubectl")), *arguments]
        done = subprocess.run(words, env=self.environment, input=stdin, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise LabError(f"`kubectl {' '.join(arguments)}` ended with code {done.returncode}: {done.stderr.strip()}")
        return done.stdout


def given() -> Cluster | None:
    """Return the cluster that the environment's KUBECONFIG names; None when it names none."""
    path = os.environ.get(KUBECONFIG)
    return Cluster(Path(path)) if path else None


def binary(name: str) -> Path:
    """Return the path of one of the lab's programs, such as ``kubectl`` or ``helm``; fetched or built if need be."""
    tool = next((tool for tool in TOOLS if name in tool.binaries), None)
    if tool is None:
        raise LabError(f"{name!r} must be one of {', '.join(name for tool in TOOLS for name in tool.binaries)}")
    return provision.ensure([tool], progress=Progress())[name]
