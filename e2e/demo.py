"""
From a fresh machine to a streamed chat completion, every step told with its time: `make demo`.

Everything is real but the engine and the GPUs: the node advertises 8 GPUs that it does not have, and the image under
vLLM's name holds the stand-in engine.
"""

import subprocess
import sys
import time

from e2e import installation
from e2e.installation import SAMPLES
from e2e.lab import Lab, LabError, Progress

LAB_NAME = "demo"
NAMESPACE = "models"
ENGINE_VERSIONS = ("0.33.0",)
FLEETS = {
    "llama-8b": "an 8B model on one GPU",
    "llama-70b": "a 70B model in FP8, split over 4 GPUs",
    "qwen3-30b-a3b": "a mixture of experts, its experts spread over 2 GPUs",
}
QUESTION = '{"model": "llama-8b", "stream": true, "max_tokens": 24, "messages": [{"role": "user", "content": "Hello"}]}'


def main() -> int:
    """Run the demo; the lab stays up for a look around."""
    started = time.monotonic()
    progress = Progress()
    try:
        lab = Lab.up(name=LAB_NAME, progress=progress)
        installation.load_images(lab, engine_versions=ENGINE_VERSIONS, progress=progress)
        installation.install_chart(lab, progress=progress)
        apply_samples(lab, progress)
        stream_a_completion(lab, progress)
        progress.note(f"first streamed token after {time.monotonic() - started:.0f} s")
        show_the_fleets(lab, progress)
    except (LabError, subprocess.CalledProcessError) as error:
        print(f"\nthe demo ended early: {error}\nlook around with: python -m e2e.lab status --name {LAB_NAME}")
        return 1
    tell_what_next(lab)
    return 0


def apply_samples(lab: Lab, progress: Progress) -> None:
    """Apply one sample per idea that fits on the node together with the others."""
    if NAMESPACE not in lab.kubectl("get", "namespaces", "--output", "name"):
        installation.make_models_namespace(lab, NAMESPACE)
    for name, idea in FLEETS.items():
        with progress.step(f"kubectl apply: {name}, {idea}"):
            lab.kubectl("apply", "--namespace", NAMESPACE, "--filename", str(sample_of(name)))
    with progress.step("llama-8b is Ready"):
        lab.kubectl("wait", "--namespace", NAMESPACE, "--for=condition=Ready", "--timeout=90s", "mdep/llama-8b")


def sample_of(name: str) -> str:
    """Return the path of the sample that declares the fleet *name*."""
    return next(str(path) for path in sorted(SAMPLES.glob("*.yaml")) if f"\n  name: {name}\n" in path.read_text())


def stream_a_completion(lab: Lab, progress: Progress) -> None:
    """Ask the fleet's own Service with curl, as any pod in the cluster could."""
    address = lab.kubectl("get", "service", "llama-8b", "-n", NAMESPACE, "-o", "jsonpath={.spec.clusterIP}")
    command = [
        "curl",
        "-sSN",
        f"http://{address}/v1/chat/completions",
        "-H",
        "Content-Type: application/json",
        "-d",
        QUESTION,
    ]
    progress.note(f"$ curl -N http://llama-8b.{NAMESPACE}.svc/v1/chat/completions -d '{QUESTION}'")
    print(lab.run_in(command).stdout)


def show_the_fleets(lab: Lab, progress: Progress) -> None:
    """Show what `kubectl` says of the fleets."""
    with progress.step("all three fleets are Ready"):
        lab.kubectl("wait", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=90s", "mdep", "--all")
    for command in (("get", "mdep"), ("describe", "mdep", "llama-70b")):
        progress.note(f"$ kubectl {' '.join(command)} -n {NAMESPACE}")
        print(lab.kubectl(*command, "--namespace", NAMESPACE))


def tell_what_next(lab: Lab) -> None:
    """Print what a curious person would try."""
    print(
        f"""The lab stays up. Try:
  export KUBECONFIG={lab.kubeconfig}
  kubectl scale mdep llama-8b -n {NAMESPACE} --replicas 2
  kubectl get pods -n {NAMESPACE} -w
  kubectl patch mdep llama-8b -n {NAMESPACE} --type merge -p '{{"spec": {{"hardware": {{"accelerator": "h100"}}}}}}'
  kubectl get mdep llama-8b -n {NAMESPACE} -o wide     # what was wrong with that, and what still serves
  .venv/bin/modelfleet fit --model meta-llama/Llama-3.1-70B-Instruct --accelerator nvidia-h100-80gb
End it with: make demo-down""",
    )


if __name__ == "__main__":
    sys.exit(main())
