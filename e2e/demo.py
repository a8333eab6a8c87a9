"""
From a fresh machine to chat completions through the gateway, every step told with its time: `make demo`.

Everything is real but the engine and the GPUs: the node advertises 8 GPUs that it does not have, and the image under
vLLM's name holds the stand-in engine. Run again, it starts from what is there.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator

from e2e import demo_gateway, installation
from e2e.cluster import Namespace
from e2e.installation import OPERATOR_NAMESPACE, SAMPLES
from e2e.lab import Lab, LabError, Progress, debian, netns
from e2e.lab.lab import binary

LAB_NAME = "demo"
NAMESPACE = "models"
ENGINE_VERSIONS = ("0.33.0",)
FLEETS = {
    "llama-8b": ("llama-8b.yaml", "an 8B model on one GPU"),
    "llama-70b": ("llama-70b-fp8-tp4.yaml", "a 70B model in FP8, split over 4 GPUs"),
    "qwen3-30b-a3b": ("qwen3-30b-a3b-expert-parallel.yaml", "a mixture of experts over 2 GPUs"),
}
"""The samples that fit on the node together; the others show one idea each."""
ASKED, EXPLAINED = "llama-8b", "llama-70b"
QUESTION = {
    "model": ASKED,
    "stream": True,
    "max_tokens": 40,
    "messages": [{"role": "user", "content": "What do you serve?"}],
}
NOT_ROOT = """\
The demo must run as root, found user id {uid}: it makes a network namespace, mounts and a node that runs containers.
Run `sudo --preserve-env=PATH make demo`. Without root, install modelfleet on a cluster of your own: docs/install.md."""


def main() -> int:
    """Run the demo, and return its exit code; the lab stays up for a look around."""
    if os.geteuid() != 0:
        print(NOT_ROOT.format(uid=os.geteuid()), file=sys.stderr)
        return 1
    progress = Progress()
    try:
        lab = _demonstrate(progress)
    except (AssertionError, LabError, subprocess.CalledProcessError) as error:
        print(f"\nThe demo ended early: {error}", file=sys.stderr)
        print(f"Look around with `python -m e2e.lab status --name {LAB_NAME}`; end it with `make demo-down`.")
        return 1
    _tell_what_next(lab)
    return 0


def _demonstrate(progress: Progress) -> Lab:
    _title("1. A cluster: a real control plane and a real node, whose 8 GPUs are only claimed")
    debian.ensure({"curl": "curl"}, progress=progress)
    lab = Lab.up(name=LAB_NAME, progress=progress)
    _title("2. The operator and its gateway, from their images and their chart")
    installation.load_images(lab, engine_versions=ENGINE_VERSIONS, progress=progress)
    _make_namespace(lab, progress)
    installation.install_chart(
        lab, progress=progress, with_gateway=True, values=(f"secrets.namespaces={{{NAMESPACE}}}",)
    )
    _show(lab, "get", "pods", "--namespace", OPERATOR_NAMESPACE)
    _title("3. Three fleets")
    _apply_samples(lab, progress)
    _title("4. A chat completion, streamed from a pod through its Service")
    _stream_a_completion(lab, progress)
    _title("5. What the fleets say of themselves")
    _wait_ready(lab, *FLEETS, progress=progress)
    _show(lab, "get", "mdep,pods", "--namespace", NAMESPACE)
    _show(lab, "describe", "mdep", EXPLAINED, "--namespace", NAMESPACE)
    _title("6. The gateway: one name for clients, with a key, a canary and a fallback")
    demo_gateway.demonstrate(Namespace(lab, NAMESPACE), progress)
    return lab


def _make_namespace(lab: Lab, progress: Progress) -> None:
    """Make the namespace before the chart gives the operator the right to read its Secrets."""
    if lab.api.get(f"/api/v1/namespaces/{NAMESPACE}") is None:
        with progress.step(f"namespace {NAMESPACE}, with a Secret `huggingface` whose token opens nothing"):
            installation.make_models_namespace(lab, NAMESPACE)


def _apply_samples(lab: Lab, progress: Progress) -> None:
    for file, idea in FLEETS.values():
        path = SAMPLES / file
        with progress.step(f"kubectl apply -f {path.relative_to(SAMPLES.parents[1])}: {idea}"):
            lab.kubectl("apply", "--namespace", NAMESPACE, "--filename", str(path))
    _wait_ready(lab, ASKED, progress=progress)


def _wait_ready(lab: Lab, *fleets: str, progress: Progress) -> None:
    with progress.step(f"kubectl wait --for=condition=Ready mdep {' '.join(fleets)}"):
        lab.kubectl("wait", "--namespace", NAMESPACE, "--for=condition=Ready", "--timeout=120s", "mdep", *fleets)


def _stream_a_completion(lab: Lab, progress: Progress) -> None:
    """Ask the fleet's Service with curl, as a client in the cluster would, and print the words as they come."""
    address = lab.kubectl("get", "service", ASKED, "--namespace", NAMESPACE, "-o", "jsonpath={.spec.clusterIP}")
    body = json.dumps(QUESTION)
    print(f"$ curl -N http://{ASKED}.{NAMESPACE}.svc/v1/chat/completions -d '{body}'")
    # A fleet is Ready a moment before the node's proxy knows its pods.
    patience = ("--retry", "20", "--retry-delay", "1", "--retry-connrefused")
    request = ("-H", "Content-Type: application/json", "-d", body)
    url = f"http://{address}/v1/chat/completions"
    command = netns.command(lab.layout, ("curl", "-sSN", "--fail-with-body", *patience, url, *request))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as curl:
        assert curl.stdout is not None
        for number, words in enumerate(_words(curl.stdout)):
            if not number:
                progress.note("the first token")
            print(words, end="", flush=True)
    print()
    if curl.returncode:
        raise LabError(f"the completion must be streamed, curl ended with code {curl.returncode}")


def _words(lines: Iterable[str]) -> Iterator[str]:
    """Yield the words of a stream as they come, and its end."""
    for line in lines:
        data = line.removeprefix("data: ").strip()
        if data == "[DONE]":
            yield " [DONE]"
        elif data.startswith("{"):
            yield from (words for choice in json.loads(data)["choices"] if (words := choice["delta"].get("content")))


def _show(lab: Lab, *words: str) -> None:
    print(f"\n$ kubectl {' '.join(words)}\n{lab.kubectl(*words)}", flush=True)


def _title(text: str) -> None:
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n{text}", flush=True)


def _tell_what_next(lab: Lab) -> None:
    print(
        f"""The lab stays up. Try next:
  export KUBECONFIG={lab.kubeconfig} PATH={binary("kubectl").parent}:$PATH
  kubectl config set-context --current --namespace {NAMESPACE}
  kubectl scale mdep llama-8b --replicas 2 && kubectl get pods --watch
  kubectl patch mdep llama-8b --type merge -p '{{"spec": {{"hardware": {{"accelerator": "nvidia-h100"}}}}}}'
  kubectl get mdep llama-8b -o yaml         # what is wrong with that, and that it serves on
  kubectl apply -f manifests/samples/spot.yaml   # no such node here: the status quotes the scheduler
  .venv/bin/modelfleet fit --model meta-llama/Llama-3.3-70B-Instruct --accelerator nvidia-h100-80gb
End it with: make demo-down"""
    )


if __name__ == "__main__":
    sys.exit(main())
