"""
Why a pod does not serve, in words a user can act on.

Exit codes do not tell: vLLM ends with 0 when its engine dies. Its last words do.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from modelfleet.api.conditions import Reason
from modelfleet.api.names import ENGINE_CONTAINER

Pod = Mapping[str, Any]

IMAGE_REASONS = (
    "ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError",
    "RegistryUnavailable", "SignatureValidationFailed",
)  # fmt: skip
BACKING_OFF = re.compile(r'^Back-off pulling image "[^"]*": \w+: ')
"""What the kubelet puts before the error between two tries; without it the words stay the same."""
CONFIG_REASONS = ("CreateContainerConfigError", "CreateContainerError", "RunContainerError")
NEVER_STARTED = ("StartError", "ContainerCannotRun")
"""Reasons with which a container runtime ends a container whose program it could not start."""
LONGEST_LINE = 500

LOG_CLUES: tuple[tuple[Reason, re.Pattern[str], str], ...] = (
    (
        Reason.OUT_OF_MEMORY,
        re.compile(r"CUDA out of memory|OutOfMemoryError", re.IGNORECASE),
        (
            "The engine ran out of accelerator memory: lower `engine.maxNumSeqs` or `engine.gpuMemoryPercent`, or "
            "raise `engine.tensorParallelSize`."
        ),
    ),
    (
        Reason.OUT_OF_MEMORY,
        re.compile(r"No available memory for the cache blocks|larger than the available KV cache memory"),
        (
            "The weights leave too little accelerator memory for the KV cache: lower `engine.maxModelLen`, or raise "
            "`engine.gpuMemoryPercent` or `engine.tensorParallelSize`."
        ),
    ),
    (
        Reason.OUT_OF_MEMORY,
        re.compile(r"less than desired GPU memory utilization"),
        "Somebody else uses memory of the accelerator: end that, or lower `engine.gpuMemoryPercent`.",
    ),
    (
        Reason.GATED_MODEL,
        re.compile(r"GatedRepoError|gated repo|40[13] Client Error|not a valid model identifier", re.IGNORECASE),
        (
            "The hub refuses the model: check the name in `model.source`, and set `model.tokenSecretRef` to a token "
            "whose account may read it and accepted its licence."
        ),
    ),
)


PROCESS = re.compile(r"^\(\w+ pid=\d+\) (?:[A-Z]+ \d\d-\d\d \d\d:\d\d:\d\d \[[^]]*\] )?")
"""What vLLM puts before its lines: the process, and of log lines their level, time and place."""
RAISED = re.compile(r"^(?:[A-Za-z_][\w.]*(?:Error|Exception)(?:: |$)|Value error, |Assertion failed, )")
REFERS_ELSEWHERE = re.compile(r"See root cause above|Engine core initialization failed|\d validation errors? for")
"""Exceptions that say nothing themselves; those of pydantic are followed by what is wrong."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one pod does not serve."""

    reason: Reason
    message: str


def is_live(pod: Pod) -> bool:
    """Return whether a pod counts: it is not on its way out, and has not ended. An evicted pod stays as Failed."""
    return "deletionTimestamp" not in pod["metadata"] and _status(pod).get("phase") not in ("Failed", "Succeeded")


def is_ready(pod: Pod) -> bool:
    """Return whether the pod's Ready condition is True."""
    return any(c["type"] == "Ready" and c["status"] == "True" for c in _status(pod).get("conditions") or ())


def is_unschedulable(pod: Pod) -> bool:
    """Return whether the scheduler found no node for the pod so far."""
    return _unschedulable(pod) is not None


def has_crashed(pod: Pod) -> bool:
    """Return whether the engine's container ended before, so that its log says why."""
    engine = engine_of(pod)
    return "terminated" in (engine.get("lastState") or {}) or "terminated" in (engine.get("state") or {})


def worst_failure(pods: Iterable[Pod], said: Mapping[str, str]) -> Failure | None:
    """Return the failure of the first pod, by name, that has one; *said* are crashed pods' last words, by name."""
    for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"])):
        if not is_ready(pod) and (failure := failure_of(pod, said.get(pod["metadata"]["name"], ""))):
            return failure
    return None


def failure_of(pod: Pod, said: str = "") -> Failure | None:
    """Return why *pod* does not serve, or None when it is just not ready yet."""
    name = pod["metadata"]["name"]
    if message := _unschedulable(pod):
        return Failure(Reason.UNSCHEDULABLE, f"Pod {name} cannot be scheduled: {message}")
    engine = engine_of(pod)
    waiting = (engine.get("state") or {}).get("waiting") or {}
    if waiting.get("reason") in IMAGE_REASONS:
        text = BACKING_OFF.sub("", waiting.get("message", waiting["reason"]))
        return Failure(Reason.IMAGE_PULL, f"Pod {name} cannot pull `engine.image`: {text}")
    if waiting.get("reason") in CONFIG_REASONS:
        return Failure(Reason.CONTAINER_CONFIG, f"Pod {name} cannot start: {waiting.get('message', waiting['reason'])}")
    if has_crashed(pod):
        return _crash(name, engine, said)
    return None


def _crash(name: str, engine: Mapping[str, Any], said: str) -> Failure:
    states = (engine.get("state") or {}, engine.get("lastState") or {})
    ended = next(state["terminated"] for state in states if "terminated" in state)
    if ended.get("reason") in NEVER_STARTED:  # as while it waits with RunContainerError, which comes and goes
        return Failure(Reason.CONTAINER_CONFIG, f"Pod {name} cannot start: {ended.get('message', ended['reason'])}")
    text = said or last_words(ended.get("message", ""))
    for reason, clue, advice in LOG_CLUES:
        if clue.search(ended.get("message", "")) or clue.search(text):
            return Failure(reason, f"{advice} Pod {name} said: {text}")
    if ended.get("reason") == "OOMKilled":
        advice = "raise the node's share with `hardware.memory`, or lower what the engine keeps in memory"
        return Failure(Reason.OUT_OF_MEMORY, f"Pod {name} was killed for want of memory: {advice}.")
    restarts = engine.get("restartCount", 0)
    words = f"; it said: {text}" if text else ""
    return Failure(Reason.CRASH_LOOP, f"Pod {name} ended with code {ended.get('exitCode')}{_times(restarts)}{words}")


def last_words(log: str) -> str:
    """
    Return the line of *log* that says most about a crash, cut to a readable length.

    A known cause wins; then the last exception that does not merely refer to another; then the last line. When
    vLLM's engine dies, some forty lines of its API server's traceback follow the cause.
    """
    lines = [text for line in log.splitlines() if (text := PROCESS.sub("", line.strip()).strip())]
    known = [line for line in lines if any(clue.search(line) for _, clue, _ in LOG_CLUES)]
    raised = [line for line in lines if RAISED.search(line) and not REFERS_ELSEWHERE.search(line)]
    best = known or raised or lines
    return best[-1][:LONGEST_LINE] if best else ""


def _times(restarts: int) -> str:
    return " again and again" if restarts > 1 else ""


def _unschedulable(pod: Pod) -> str | None:
    for condition in _status(pod).get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition.get("message") or condition.get("reason", ""))
    return None


def engine_of(pod: Pod) -> Mapping[str, Any]:
    """Return the status of the engine's container, empty while there is none."""
    statuses = _status(pod).get("containerStatuses") or ()
    return next((status for status in statuses if status["name"] == ENGINE_CONTAINER), {})


def _status(pod: Pod) -> Mapping[str, Any]:
    return pod.get("status") or {}
