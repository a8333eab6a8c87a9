"""The environment of the engine's container."""

from collections.abc import Iterator
from typing import Any

from modelfleet.api.catalogue.engine_version import EngineVersion
from modelfleet.workload import traces
from modelfleet.workload.plan import Plan
from modelfleet.workload.volumes import CACHE_PATH

ACCEPTS_ANY_NAME = EngineVersion(0, 21, 0)
"""From here on VLLM_SKIP_MODEL_NAME_VALIDATION makes the engine answer to every name; adapters resolve first."""

Variable = dict[str, Any]


def variables(plan: Plan) -> list[Variable]:
    """Return the container's `env`: the operator's variables, then the user's, which win where both have one."""
    users = [*_users(plan)]
    taken = {variable["name"] for variable in users}
    return [*(own for own in (*_own(plan), *_token(plan)) if own["name"] not in taken), *users]


def _own(plan: Plan) -> Iterator[Variable]:
    yield _variable("HF_HOME", f"{CACHE_PATH}/huggingface")
    # The root file system is read-only and the user has no entry in /etc/passwd: libraries that keep caches of
    # their own (Triton, FlashInfer, Inductor) look for a home directory and a user's name.
    yield _variable("HOME", f"{CACHE_PATH}/home")
    yield _variable("USER", "vllm")
    yield _variable("VLLM_CACHE_ROOT", f"{CACHE_PATH}/vllm")
    yield _variable("VLLM_ENGINE_READY_TIMEOUT_S", str(plan.sized.startup_seconds))
    yield _variable("VLLM_NO_USAGE_STATS", "1")
    if plan.flags.version >= ACCEPTS_ANY_NAME:
        yield _variable("VLLM_SKIP_MODEL_NAME_VALIDATION", "1")
    if sent_to := traces.endpoint(plan.setting.platform, plan.flags.version):
        yield from (_variable(*each) for each in traces.variables(sent_to, plan.fleet.canonical_name))


def _token(plan: Plan) -> Iterator[Variable]:
    if ref := plan.fleet.spec.model.token_secret_ref:
        yield {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": ref.name, "key": ref.key}}}


def _users(plan: Plan) -> Iterator[Variable]:
    for variable in plan.fleet.spec.engine.env:
        yield variable.model_dump(by_alias=True, exclude_none=True)


def _variable(name: str, value: str) -> Variable:
    return {"name": name, "value": value}
