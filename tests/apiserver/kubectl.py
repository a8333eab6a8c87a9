"""kubectl, as users run it."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command said, and whether it succeeded."""

    succeeded: bool
    text: str
    """Both streams, the answer first."""


@dataclass(frozen=True, slots=True)
class Kubectl:
    """One binary and one cluster."""

    binary: Path
    kubeconfig: Path
    cache: Path

    def __call__(self, *arguments: str, stdin: str = "") -> Outcome:
        """Run kubectl with *arguments*."""
        command = [str(self.binary), f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.cache}", *arguments]
        done = subprocess.run(  # noqa: S603 (no shell)
            command, input=stdin, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
        )
        return Outcome(done.returncode == 0, done.stdout + done.stderr)

    def apply(self, manifest: Mapping[str, Any]) -> Outcome:
        """Apply *manifest* as `kubectl apply -f -` does."""
        return self("apply", "-f", "-", stdin=yaml.safe_dump(dict(manifest)))
