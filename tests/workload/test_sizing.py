"""Over how many accelerators a model is split: asked for, kept, or the smallest that fits."""

from typing import Any

import pytest
from tests.workload.fleets import built_in_catalogue, fleet, planned, refused, setting

from modelfleet.api.catalogue import EngineVersion, load_catalogue
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.workload.fit import FitInput
from modelfleet.workload.plan import KeptSize, sizing_inputs
from modelfleet.workload.sizing import fit_input

LARGE = "hf://meta-llama/Llama-3.3-70B-Instruct"
L4: dict[str, Any] = {"accelerator": "nvidia-l4-24gb"}
SMALLER_GPUS = load_catalogue({"accelerators": {"nvidia-h100-80gb": {"memoryMiB": 16_000}}})
SHORT: dict[str, Any] = {"engine": {"maxModelLen": 8192}}
EAGLE = {"method": "Eagle3", "model": "hf://team/head", "tokens": 3}


def kept(size: int, wanted: ModelDeployment) -> KeptSize:
    return KeptSize(size, sizing_inputs(wanted))


def fit_of(wanted: ModelDeployment) -> FitInput:
    catalogue = built_in_catalogue()
    accelerator = catalogue.accelerators.find(wanted.spec.hardware.accelerator)
    return fit_input(wanted, accelerator, EngineVersion(0, 33, 0), catalogue)


@pytest.mark.parametrize(
    ("wanted", "size"),
    [
        pytest.param(fleet(), 1, id="the smallest that fits"),
        pytest.param(fleet(model={"source": LARGE}), 4, id="a larger model"),
        pytest.param(fleet(model={"source": LARGE}, engine={"quantization": "fp8"}), 2, id="a smaller format"),
        pytest.param(fleet(engine={"tensorParallelSize": 8}), 8, id="what the spec says"),
        pytest.param(fleet(model={"source": "hf://some/model"}), 1, id="a model nobody knows"),
    ],
)
def test_the_size(wanted: ModelDeployment, size: int) -> None:
    assert planned(wanted).sized.tensor_parallel_size == size


def test_a_size_in_use_is_kept_while_its_inputs_stay() -> None:
    wanted = fleet()

    sizes = {
        "the same inputs": planned(wanted, kept=kept(2, wanted)),
        "other inputs": planned(wanted, kept=KeptSize(2, "older")),
        "the spec says": planned(fleet(engine={"tensorParallelSize": 4}), kept=kept(2, wanted)),
        "a newer image": planned(fleet(engine={"image": "vllm/vllm-openai:v0.32.0"}), kept=kept(2, wanted)),
    }

    assert {why: plan.sized.tensor_parallel_size for why, plan in sizes.items()} == {
        "the same inputs": 2,
        "other inputs": 1,
        "the spec says": 4,
        "a newer image": 2,
    }


def test_a_catalogue_edit_does_not_change_a_size_that_may_still_run() -> None:
    wanted = fleet(**SHORT)

    assert planned(wanted, surrounding=setting(catalogue=SMALLER_GPUS)).sized.tensor_parallel_size == 2
    assert planned(wanted, surrounding=setting(catalogue=SMALLER_GPUS), kept=kept(4, wanted)).sized.row.fits == "True"


@pytest.mark.parametrize("size", [3, 1, 16, 999_999])
def test_a_kept_size_that_certainly_cannot_start_is_chosen_anew(size: int) -> None:
    wanted = fleet(**SHORT)

    assert planned(wanted, surrounding=setting(catalogue=SMALLER_GPUS), kept=kept(size, wanted)).accelerators == 2


def test_a_refusal_names_the_size_that_comes_closest() -> None:
    too_large = refused(fleet(model={"source": LARGE}, hardware=L4, engine={"pipelineParallelSize": 2}))

    assert too_large.fits is not None
    assert too_large.fits.reason == "NoRoomForCache"
    assert "at `tensorParallelSize` 4 on nvidia-l4-24gb" in too_large.fits.message


def test_a_pod_that_is_too_large_at_any_size_is_refused_with_the_fewest_accelerators() -> None:
    assert "would need 64 accelerators" in refused(fleet(engine={"pipelineParallelSize": 64})).accepted.message


def test_a_fleet_that_only_warns_starts_with_the_size_that_comes_closest() -> None:
    plan = planned(fleet(model={"source": LARGE}, hardware=L4, engine={"fitCheck": "Warn", "pipelineParallelSize": 2}))

    assert (plan.accelerators, plan.sized.is_refused) == (8, True)
    assert planned(plan.fleet, kept=kept(1, plan.fleet)).sized.tensor_parallel_size == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"engine": {"tensorParallelSize": 3}}, "32 attention heads, which 3 does not divide", id="heads"),
        pytest.param({"engine": {"tensorParallelSize": 16}}, "would need 16 accelerators", id="more than a node has"),
        pytest.param(
            {"engine": {"tensorParallelSize": 4, "dataParallelSize": 4}},
            "would need 16 accelerators (`tensorParallelSize` 4 × `pipelineParallelSize` 1 × `dataParallelSize` 4)",
            id="ranks and sizes together",
        ),
        pytest.param({"model": {"source": LARGE}, "hardware": L4}, "it fits on", id="too large, with what would fit"),
        pytest.param({"engine": {"expertParallel": True}}, "`expertParallel` must be false", id="experts"),
    ],
)
def test_what_certainly_cannot_start_is_refused_in_both_conditions(change: dict[str, Any], message: str) -> None:
    refusal = refused(fleet(**change))

    assert refusal.fits is not None
    assert (refusal.accepted.status, refusal.accepted.reason) == ("False", refusal.fits.reason)
    assert message in refusal.accepted.message


@pytest.mark.parametrize(
    "change",
    [
        {"model": {"source": LARGE}},
        {"model": {"architecture": {"parametersMillions": 1, "layers": 2, "hiddenSize": 64, "heads": 2, "kvHeads": 2,
                                    "headDim": 32, "vocabSize": 64, "maxPositionEmbeddings": 64}}},
        {"model": {"adapters": [{"name": "a", "source": "hf://a/b"}]}},
        {"hardware": L4},
        {"engine": {"pipelineParallelSize": 2}},
        {"engine": {"dataParallelSize": 2}},
        {"engine": {"expertParallel": True}},
        {"engine": {"maxModelLen": 4096}},
        {"engine": {"gpuMemoryPercent": 80}},
        {"engine": {"maxNumSeqs": 64}},
        {"engine": {"maxNumBatchedTokens": 4096}},
        {"engine": {"chunkedPrefill": False}},
        {"engine": {"dtype": "float16"}},
        {"engine": {"quantization": "fp8"}},
        {"engine": {"kvCacheDtype": "fp8"}},
        {"engine": {"enforceEager": True}},
        {"engine": {"speculative": EAGLE}},
    ],
    ids=lambda change: ".".join((next(iter(change)), next(iter(next(iter(change.values()))))))
)  # fmt: skip
def test_what_the_fit_check_looks_at_justifies_the_size(change: dict[str, Any]) -> None:
    assert fit_of(fleet(**change)) != fit_of(fleet())
    assert sizing_inputs(fleet(**change)) != sizing_inputs(fleet())


@pytest.mark.parametrize(
    "change",
    [
        {"engine": {"toolCallParser": "hermes", "reasoningParser": "qwen3", "chatTemplate": "x"}},
        {"engine": {"image": "vllm/vllm-openai:v0.18.1", "extraArgs": ["--seed", "1"]}},
        {"engine": {"env": [{"name": "A", "value": "b"}], "fitCheck": "Warn"}},
        {"model": {"servedNames": ["chat"], "revision": "main"}},
        {"replicas": 4, "suspend": True, "rollout": {"drainSeconds": 1}, "pod": {"labels": {"team": "a"}}},
        {"hardware": {"capacityType": "Spot", "memory": "1Ti"}, "weights": {"cache": {"claimName": "shared"}}},
    ],
    ids=str,
)
def test_nothing_else_does(change: dict[str, Any]) -> None:
    assert sizing_inputs(fleet(**change)) == sizing_inputs(fleet())


def test_adapters_count_as_the_engine_reserves_them() -> None:
    adapters = [{"name": f"a{i}", "source": f"hf://a/b{i}", "rank": rank} for i, rank in enumerate((8, 48, *[16] * 10))]

    fit = fit_of(fleet(model={"adapters": adapters}))

    assert (fit.adapters, fit.adapter_rank) == (8, 64)
    assert sizing_inputs(fleet(model={"adapters": adapters[:9]})) == sizing_inputs(fleet(model={"adapters": adapters}))
