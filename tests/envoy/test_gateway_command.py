"""The static bootstrap that `modelfleet gateway` prints is one that the real Envoy accepts."""

import subprocess
from pathlib import Path

import pytest
from tests.cli.running import SAMPLES, modelfleet
from tests.envoy.envoy_process import BINARY

PLATFORM = 'gateway: {allowedHosts: ["*.example.com"]}\n'


@pytest.mark.parametrize("output", ["yaml", "json"])
def test_bootstrap_of_the_samples_is_valid_as_it_is_printed(tmp_path: Path, output: str) -> None:
    """Envoy reads the file itself: what one writer of YAML leaves bare is a boolean to another reader."""
    values, bootstrap = tmp_path / "platform.yaml", tmp_path / f"bootstrap.{output}"
    values.write_text(PLATFORM)

    printed = modelfleet("gateway", "-f", SAMPLES, "--values", values, "--envoy-bootstrap", "-o", output).stdout

    bootstrap.write_text(printed)
    command = [str(BINARY), "-c", str(bootstrap), "--mode", "validate", "--disable-hot-restart", "-l", "error"]
    validated = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (no shell)
    assert validated.returncode == 0, f"{validated.stdout[-500:]}{validated.stderr[:500]}"
    assert "external/default/" in printed
