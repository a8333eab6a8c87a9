"""modelfleet in a lab: its images on the node, and the operator installed the way users install it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from e2e.images import engine, envoy_image, operator_image
from e2e.lab import Lab, Progress
from e2e.lab.lab import binary

REPOSITORY = Path(__file__).parents[1]
CHART = REPOSITORY / "charts" / "modelfleet"
MANIFEST = REPOSITORY / "manifests" / "install.yaml"
SAMPLES = REPOSITORY / "manifests" / "samples"
OPERATOR_NAMESPACE = "modelfleet-system"
RELEASE = "modelfleet"
IMAGE_TAG = "dev"
READY_TIMEOUT = "120s"


def load_images(lab: Lab, *, engine_versions: tuple[str, ...], progress: Progress) -> None:
    """Make the images of the operator, the stand-in engine and Envoy, and give them to the node, each once."""
    for archive in (
        engine.archive(engine_versions, progress=progress),
        operator_image.archive(progress=progress),
        envoy_image.archive(progress=progress),
    ):
        mark = lab.layout.root / f"{archive.stem}.loaded"
        if not mark.exists():
            with progress.step(f"gave the node {archive.name}"):
                lab.load_image(archive)
            mark.touch()


def install_chart(
    lab: Lab, *, progress: Progress, values: tuple[str, ...] = (), with_gateway: bool = False, waits: bool = True
) -> None:
    """Install or upgrade the Helm chart, and return when all replicas are ready, or at once when it *waits* not."""
    # The tag stays the same, so that an upgrade with another image must change something else of the pods.
    image = (f"image.tag={IMAGE_TAG}", f"podAnnotations.image={operator_image.archive().stem}")
    given = (*image, *(gateway_values() if with_gateway else ("gateway.enabled=false",)), *values)
    settings = [word for value in given for word in ("--set", value)]
    what = "operator and gateway" if with_gateway else "operator"
    with progress.step(f"{what} installed with the chart{', 2 replicas ready' if waits else ''}"):
        command = ["upgrade", "--install", RELEASE, str(CHART), "--namespace", OPERATOR_NAMESPACE, "--create-namespace"]
        helm(lab, *command, *(("--wait", "--timeout", READY_TIMEOUT) if waits else ()), *settings)


def gateway_values() -> tuple[str, ...]:
    """Return the values that add a gateway, with its image by digest as a platform team would name it."""
    return ("gateway.enabled=true", f"gateway.image.digest={envoy_image.digest()}")


def helm(lab: Lab, *arguments: str) -> str:
    """Return what helm prints; CalledProcessError with its complaint on standard error when it fails."""
    done = subprocess.run(
        [binary("helm"), *arguments], env=lab.environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout


def make_models_namespace(lab: Lab, namespace: str) -> None:
    """Make a namespace with the Secret that the samples name; the token opens nothing."""
    lab.kubectl("create", "namespace", namespace)
    lab.kubectl("create", "secret", "generic", "huggingface", "--namespace", namespace, "--from-literal=token=hf_lab")


@contextmanager
def namespace(lab: Lab, name: str) -> Iterator[str]:
    """Make a namespace for the body, and remove it with its fleets; their pods are not given time to drain."""
    make_models_namespace(lab, name)
    try:
        yield name
    finally:
        lab.kubectl("delete", "mdep,cpol", "--all", "--namespace", name, "--wait=false", check=False)
        # A namespace that is on its way out takes no new pods, so that those that end now get no successors.
        lab.kubectl("delete", "namespace", name, "--wait=false")
        lab.kubectl("delete", "pods", "--all", "--namespace", name, "--grace-period=0", "--force", check=False)
