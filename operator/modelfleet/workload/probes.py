"""How the kubelet learns that an engine has started, is ready, makes progress, and may be stopped."""

from functools import cache
from importlib import resources
from math import ceil
from typing import Any

from modelfleet.api.names import ENGINE_PORT, ENGINE_PORT_NAME
from modelfleet.workload import rollout
from modelfleet.workload.plan import Plan

SERVER = f"http://127.0.0.1:{ENGINE_PORT}"

STARTUP_PERIOD_SECONDS = 2
READINESS_PERIOD_SECONDS = 5
LIVENESS_PERIOD_SECONDS = 60
LIVENESS_ANSWER_SECONDS = 25
LIVENESS_TIMEOUT_SECONDS = 2 * LIVENESS_ANSWER_SECONDS + 5
"""Reading the counters and one completion, each within its time, and the start of the interpreter."""


def startup(plan: Plan) -> dict[str, Any]:
    """Return the probe that gives the engine its start-up budget; connections are refused until it is ready."""
    failures = ceil(plan.sized.startup_seconds / STARTUP_PERIOD_SECONDS)
    return _health(STARTUP_PERIOD_SECONDS) | {"failureThreshold": failures}


def readiness() -> dict[str, Any]:
    """Return the probe that puts the pod into the Service."""
    return _health(READINESS_PERIOD_SECONDS) | {"failureThreshold": 3}


def liveness(plan: Plan) -> dict[str, Any]:
    """Return the probe that restarts an engine that hangs: after three rounds without progress, never a busy one."""
    arguments = (SERVER, plan.fleet.served_names[0], str(LIVENESS_ANSWER_SECONDS))
    return {
        "exec": {"command": _script("liveness.py", *arguments)},
        "periodSeconds": LIVENESS_PERIOD_SECONDS,
        "timeoutSeconds": LIVENESS_TIMEOUT_SECONDS,
        "failureThreshold": 3,
        # A hung engine finishes nothing: its time to drain would only keep its clients waiting.
        "terminationGracePeriodSeconds": rollout.PROPAGATION_SECONDS + rollout.TEARDOWN_SECONDS,
    }


def before_stop(plan: Plan) -> dict[str, Any]:
    """
    Return the preStop hook: an engine that loads is ended, else the proxies forget the pod before SIGTERM comes.

    Engines that know `--shutdown-timeout` drain by themselves after SIGTERM; older ones are waited for here.
    """
    waits = 0 if plan.flags.has("--shutdown-timeout") else rollout.drain_seconds(plan.fleet)
    return {"exec": {"command": _script("drain.py", SERVER, str(rollout.PROPAGATION_SECONDS), str(waits))}}


def _health(period: int) -> dict[str, Any]:
    return {"httpGet": {"path": "/health", "port": ENGINE_PORT_NAME}, "periodSeconds": period, "timeoutSeconds": 5}


def _script(name: str, *arguments: str) -> list[str]:
    return ["python3", "-c", _text(name), *arguments]


@cache
def _text(name: str) -> str:
    return resources.files("modelfleet.workload.scripts").joinpath(name).read_text(encoding="utf-8")
