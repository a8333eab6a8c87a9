"""The samples run as real pods, stream tokens, and say the truth in their status."""

import pytest

from e2e.cluster import Json, Namespace
from e2e.installation import SAMPLES
from e2e.streams import complete

MAIN_SAMPLES = {
    "llama-8b": ("llama-8b.yaml", 1),
    "llama-70b": ("llama-70b-fp8-tp4.yaml", 4),
    "qwen3-30b-a3b": ("qwen3-30b-a3b-expert-parallel.yaml", 2),
}
"""Fleets with their file and the GPUs of one replica."""


@pytest.fixture(scope="module")
def samples(shared_namespace: Namespace) -> Namespace:
    """The three main samples, applied as they are, and Ready."""
    files = [word for file, _ in MAIN_SAMPLES.values() for word in ("--filename", str(SAMPLES / file))]
    shared_namespace.kubectl("apply", *files)
    shared_namespace.kubectl("wait", "--for=condition=Ready", "--timeout=90s", "mdep", *MAIN_SAMPLES)
    return shared_namespace


@pytest.mark.parametrize("fleet", MAIN_SAMPLES)
def test_a_sample_streams_tokens_through_its_service(samples: Namespace, fleet: str) -> None:
    """Every stream ends with [DONE] and the reason of a whole answer."""
    outcome = complete(samples.lab, samples.url(fleet), fleet, tokens=20)

    assert outcome.is_whole, str(outcome)
    assert outcome.finish_reason == "length"


@pytest.mark.parametrize("fleet", MAIN_SAMPLES)
def test_a_sample_runs_with_the_gpus_it_pays_for(samples: Namespace, fleet: str) -> None:
    """The pod's GPUs, the fit and the price are about the same tensor-parallel size."""
    _, gpus = MAIN_SAMPLES[fleet]
    [pod] = samples.pods(fleet)
    status = samples.status(fleet)

    assert _engine(pod)["resources"]["limits"]["nvidia.com/gpu"] == str(gpus)
    assert status["fit"]["tensorParallelSize"] == gpus
    assert status["fit"]["kvCacheTokens"] > 0
    assert status["cost"]["hourlyCents"] % gpus == 0 < status["cost"]["hourlyCents"]
    assert status["readyReplicas"] == status["replicas"] == status["desiredReplicas"] == 1


def test_the_fit_predicts_the_cache_that_the_engine_logs(samples: Namespace) -> None:
    """`status.fit.kvCacheTokens` is within a tenth of what the engine found."""
    predicted = samples.status("llama-8b")["fit"]["kvCacheTokens"]
    log = samples.kubectl("logs", "deployment/llama-8b")
    logged = next(line for line in log.splitlines() if "GPU KV cache size" in line)
    measured = int(logged.rpartition(":")[2].replace(" tokens", "").replace(",", ""))

    assert abs(predicted - measured) < measured / 10


def test_get_shows_a_fleet_on_one_line(samples: Namespace) -> None:
    """The columns of `kubectl get mdep` say model, size and readiness."""
    header, *rows = samples.kubectl("get", "mdep").splitlines()

    assert {"NAME", "READY"} <= set(header.split())
    assert {row.split()[0] for row in rows} == set(MAIN_SAMPLES)


def test_the_endpoint_in_the_status_is_the_service(samples: Namespace) -> None:
    """What the status shows is what clients in the cluster dial."""
    endpoint = samples.status("llama-8b")["endpoint"]

    assert f"llama-8b.{samples.name}.svc" in endpoint


def _engine(pod: Json) -> Json:
    engine: Json = next(c for c in pod["spec"]["containers"] if c["name"] == "engine")
    return engine
