"""manifests/install.yaml: the chart rendered with its defaults, for clusters without Helm."""

import re
import subprocess
from pathlib import Path

RELEASE = "modelfleet"
NAMESPACE = "modelfleet-system"

EXTRA_LINES = re.compile(r"\n+---")
"""Helm puts a different number of empty lines before a separator from version to version."""

HEADER = f"""\
# modelfleet, rendered from charts/modelfleet with its default values by `make generate`: do not edit.
# Install or upgrade: kubectl apply --server-side -f manifests/install.yaml
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    # The operator runs under the strictest profile.
    pod-security.kubernetes.io/enforce: restricted
"""


def install_manifest(chart: Path, *, helm: Path) -> str:
    """Return the namespace and everything the chart installs into it; raise RuntimeError with Helm's own words."""
    command = [str(helm), "template", RELEASE, str(chart), "--namespace", NAMESPACE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (no shell, own arguments)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return HEADER + EXTRA_LINES.sub("\n---", done.stdout).rstrip("\n") + "\n"
