"""Why a pod does not serve, in words a user can act on."""

from typing import Any

import pytest
from e2e.engine.launch import failure
from e2e.engine.launch.failure import LaunchError
from tests.workload.status.pods import Pod, crashed, engine, pod, unschedulable, waiting

from modelfleet.workload.status.failures import (
    Failure,
    failure_of,
    has_crashed,
    is_live,
    is_ready,
    last_words,
    worst_failure,
)

NO_NODE = "0/4 nodes are available: 4 Insufficient nvidia.com/gpu. preemption: 0/4 nodes are available."
NO_CLAIM = 'persistentvolumeclaim "models" not found'
CUDA = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 224.00 MiB."
NO_CACHE = "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization`."
TOO_LONG = (
    "ValueError: To serve at least one request with the models's max seq len (131072), (16.00 GiB KV cache is needed, "
    "which is larger than the available KV cache memory (5.20 GiB)."
)
GATED = "OSError: You are trying to access a gated repo."
LENGTH = "User-specified max_model_len (131073) is greater than the derived max_model_len"


def told(of: Pod, said: str = "") -> Failure:
    found = failure_of(of, said)

    assert found is not None

    return found


def log_of(error: LaunchError, capsys: pytest.CaptureFixture[str]) -> str:
    """Return what the engine prints when it gives up."""
    failure.report(error)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("of", "reason", "message"),
    [
        pytest.param(
            unschedulable(NO_NODE), "Unschedulable", f"Pod llama-1 cannot be scheduled: {NO_NODE}", id="no node"
        ),
        pytest.param(unschedulable(NO_CLAIM), "Unschedulable", NO_CLAIM, id="no such claim"),
        pytest.param(
            waiting("ImagePullBackOff", 'Back-off pulling image "x": not found'),
            "ImagePull",
            'Pod llama-1 cannot pull `engine.image`: Back-off pulling image "x": not found',
            id="image",
        ),
        pytest.param(waiting("ErrImageNeverPull"), "ImagePull", "ErrImageNeverPull", id="image, without a message"),
        pytest.param(waiting("InvalidImageName"), "ImagePull", "InvalidImageName", id="name of an image"),
        pytest.param(
            waiting("CreateContainerConfigError", 'secret "hugging-face" not found'),
            "ContainerConfigError",
            'Pod llama-1 cannot start: secret "hugging-face" not found',
            id="no such Secret",
        ),
        pytest.param(
            waiting("RunContainerError", "unable to start", lastState={"terminated": {"exitCode": 128}}),
            "ContainerConfigError",
            "Pod llama-1 cannot start: unable to start",
            id="container",
        ),
        pytest.param(
            crashed(exitCode=0), "CrashLoop", "Pod llama-1 ended with code 0 again and again", id="the engine died"
        ),
        pytest.param(crashed(restarts=1), "CrashLoop", "Pod llama-1 ended with code 1", id="the first crash"),
        pytest.param(
            engine(state={"terminated": {"exitCode": 1, "message": "ValueError: bad flag"}}),
            "CrashLoop",
            "Pod llama-1 ended with code 1; it said: ValueError: bad flag",
            id="ended, and not yet started again",
        ),
        pytest.param(
            engine(state={"running": {}}, lastState={"terminated": {"exitCode": 1}}),
            "CrashLoop",
            "Pod llama-1 ended with code 1",
            id="loading again after a crash",
        ),
        pytest.param(
            crashed(reason="OOMKilled", exitCode=137),
            "OutOfMemory",
            "killed for want of memory",
            id="the node's memory",
        ),
    ],
)
def test_a_failure_has_its_reason_and_its_words(of: Pod, reason: str, message: str) -> None:
    found = told(of)

    assert (found.reason.value, message in found.message) == (reason, True), found.message


@pytest.mark.parametrize(
    ("said", "reason", "advice"),
    [
        pytest.param(CUDA, "OutOfMemory", "lower `engine.maxNumSeqs` or `engine.gpuMemoryPercent`", id="activations"),
        pytest.param(NO_CACHE, "OutOfMemory", "or raise `engine.gpuMemoryPercent`", id="no room for the cache"),
        pytest.param(TOO_LONG, "OutOfMemory", "lower `engine.maxModelLen`", id="no room for one request"),
        pytest.param(
            "ValueError: Free memory on device (20.1/79.2 GiB) on startup is less than desired GPU memory utilization",
            "OutOfMemory",
            "Somebody else uses memory of the accelerator",
            id="a neighbour",
        ),
        pytest.param(GATED, "GatedModel", "set `model.tokenSecretRef` to a token", id="gated"),
        pytest.param(
            "huggingface_hub.errors.HfHubHTTPError: 403 Client Error: Forbidden",
            "GatedModel",
            "check the name in `model.source`",
            id="forbidden",
        ),
    ],
)
def test_known_last_words_come_with_advice(said: str, reason: str, advice: str) -> None:
    by_log, by_message = told(crashed(), said), told(crashed(message=f"INFO loading\n{said}\n"))

    assert by_log == by_message
    assert (by_log.reason.value, advice in by_log.message) == (reason, True)
    assert by_log.message.endswith(f"Pod llama-1 said: {said}")


@pytest.mark.parametrize(
    "healthy",
    [
        pytest.param(pod(), id="without a container yet"),
        pytest.param(pod(containerStatuses=None, conditions=None), id="without a status yet"),
        pytest.param({"metadata": {"name": "llama-1"}}, id="just created"),
        pytest.param(waiting("ContainerCreating"), id="being created"),
        pytest.param(engine(state={"running": {}}), id="loading"),
    ],
)
def test_a_pod_that_only_needs_time_has_no_failure(healthy: Pod) -> None:
    assert failure_of(healthy) is None
    assert not is_ready(healthy)
    assert not has_crashed(healthy)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(LaunchError(NO_CACHE, in_engine=True), NO_CACHE, id="the engine's process"),
        pytest.param(LaunchError("AssertionError", in_engine=True), "AssertionError", id="without a word"),
        pytest.param(LaunchError(LENGTH, validates="ModelConfig"), f"Value error, {LENGTH}", id="its configuration"),
        pytest.param(LaunchError("ValueError: no such parser"), "ValueError: no such parser", id="the server"),
    ],
)
def test_the_cause_is_found_wherever_vllm_prints_it(
    error: LaunchError, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert last_words(log_of(error, capsys)).startswith(words)


@pytest.mark.parametrize(
    ("log", "words"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("a\n\n  b  \n\n", "b", id="the last line that says something"),
        pytest.param("usage: vllm\nvllm serve: error: no --x", "vllm serve: error: no --x", id="unknown flag"),
        pytest.param("ValueError: first\nKeyError: second\nbye", "KeyError: second", id="the last exception"),
        pytest.param("(APIServer pid=1) INFO 11-20 10:00:00 [api.py:1] bye", "bye", id="without what precedes a line"),
        pytest.param(f"{GATED}\n401 Client Error.\nOSError: other", "401 Client Error.", id="a known cause"),
        pytest.param("x" * 600, "x" * 500, id="a long line"),
    ],
)  # fmt: skip
def test_last_words(log: str, words: str) -> None:
    assert last_words(log) == words


def test_the_first_failing_pod_by_name_speaks_for_the_fleet() -> None:
    pods = [crashed("llama-3"), unschedulable(NO_NODE, "llama-2"), pod("llama-1", ready=True)]

    assert worst_failure(pods, {}) == failure_of(pods[1])
    assert worst_failure(pods[:1], {"llama-3": GATED}) == failure_of(pods[0], GATED)
    assert worst_failure(pods[2:], {}) is None


def test_a_ready_pod_that_crashed_before_is_no_failure() -> None:
    recovered: dict[str, Any] = crashed()
    recovered["status"]["conditions"] = [{"type": "Ready", "status": "True"}]

    assert worst_failure([recovered], {}) is None


@pytest.mark.parametrize(
    ("of", "counts"),
    [
        pytest.param(pod(), True, id="running"),
        pytest.param(pod(phase="Pending"), True, id="pending"),
        pytest.param(pod(phase="Failed"), False, id="evicted"),
        pytest.param(pod(phase="Succeeded"), False, id="ended"),
        pytest.param({"metadata": {"name": "p", "deletionTimestamp": "now"}}, False, id="on its way out"),
    ],
)
def test_which_pods_count(of: Pod, *, counts: bool) -> None:
    assert is_live(of) is counts
