"""The gateway's files as its container has them, below a directory of the test's own."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from tests.chart.rendering import GATEWAY, Object, container, gateway_files

from modelfleet.controller.cluster.pki import TlsSecret

MOUNTED = "/etc/modelfleet"
RUN = "/run/modelfleet"


def place(objects: list[Object], directory: Path, *, secret: TlsSecret | None = None) -> Path:
    """Write the files, with their paths below *directory* (which must have a short one), and return where they are."""
    config = directory / "gateway"
    for path in (config, directory / "gateway-tls", directory / "client-tls"):
        path.mkdir(exist_ok=True)
    for name, text in gateway_files(objects).items():
        (config / name).write_text(text.replace(MOUNTED, str(directory)).replace(RUN, str(directory)))
    if secret:
        _write_secret(directory / "gateway-tls", secret)
    return config


def bootstrap_in(config: Path) -> dict[str, Any]:
    """Return the bootstrap that was placed in *config*, with the node that the command line would add."""
    loaded: dict[str, Any] = yaml.safe_load((config / "envoy.yaml").read_text())
    return loaded | {"node": {"id": "modelfleet-gateway-0", "cluster": "modelfleet"}}


def drain_command(objects: list[Object], config: Path, *, binary: Path) -> list[str]:
    """Return what preStop runs, with *binary* and the files in *config*."""
    command: list[str] = container(objects, GATEWAY)["lifecycle"]["preStop"]["exec"]["command"]
    return [str(binary), *(word.replace(f"{MOUNTED}/gateway", str(config)) for word in command[1:])]


def _write_secret(directory: Path, secret: TlsSecret) -> None:
    parts: Mapping[str, bytes] = {
        "tls.crt": secret.certificate,
        "tls.key": secret.key,
        "ca.crt": secret.authorities,
    }
    for name, content in parts.items():
        (directory / name).write_bytes(content)
