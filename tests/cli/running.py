"""The command line, run in this process."""

from pathlib import Path

from click.testing import CliRunner, Result

from modelfleet.cli import main

SAMPLES = Path(__file__).parents[2] / "manifests" / "samples"

FLEET = """\
apiVersion: modelfleet.dev/v1alpha1
kind: ModelDeployment
metadata:
  name: llama-8b
  namespace: models
spec:
  model:
    source: hf://meta-llama/Llama-3.1-8B-Instruct
  hardware:
    accelerator: nvidia-l40s-48gb
"""

POLICY = """\
apiVersion: modelfleet.dev/v1alpha1
kind: CachePolicy
metadata: {name: offload, namespace: models}
spec:
  targetRefs: [{name: llama-8b}]
  engine: {prefixCaching: false}
"""


def modelfleet(*arguments: str | Path, stdin: str = "") -> Result:
    """Run `modelfleet` with *arguments*; what it did not catch is raised."""
    return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin, catch_exceptions=False)
