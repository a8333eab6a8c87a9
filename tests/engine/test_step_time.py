"""The pace of the engine against published and measured figures."""

import pytest
from e2e.engine.core.step_time import StepTime, accelerator, step_time
from e2e.engine.models import find


def _pace(name: str, *, memory_gib: float, tensor_parallel: int = 1, scale: float = 1.0) -> StepTime:
    model = find(name)
    return step_time(
        model,
        gpu=accelerator(memory_gib),
        weight_bytes=model.weight_bytes(name=name, quantization=None),
        kv_bytes_per_token=model.kv_bytes_per_token(
            tensor_parallel=tensor_parallel, pipeline_parallel=1, element_bytes=2
        ),
        tensor_parallel=tensor_parallel,
        scale=scale,
    )


@pytest.mark.parametrize(
    ("memory_gib", "milliseconds"),
    [pytest.param(79.18, 6.5, id="H100"), pytest.param(39.38, 12.0, id="A100")],
)
def test_an_8b_decodes_at_the_known_floor(memory_gib: float, milliseconds: float) -> None:
    seconds = _pace("Llama-3.1-8B", memory_gib=memory_gib).seconds(tokens=1, kv_tokens=0, chunks=())

    assert seconds * 1000 == pytest.approx(milliseconds, rel=0.1)


@pytest.mark.parametrize(
    ("name", "tensor_parallel", "microseconds"),
    [pytest.param("Llama-3.1-8B", 1, 0.048, id="8B on one"), pytest.param("Llama-3.1-70B", 4, 0.031, id="70B on four")],
)
def test_a_kv_token_costs_what_was_measured_on_h100(name: str, tensor_parallel: int, microseconds: float) -> None:
    pace = _pace(name, memory_gib=79.18, tensor_parallel=tensor_parallel)

    assert pace.seconds_per_kv_token * 1e6 == pytest.approx(microseconds, rel=0.05)


def test_many_tokens_are_bound_by_compute_and_few_by_the_weights() -> None:
    pace = _pace("Llama-3.1-8B", memory_gib=79.18)
    one, two = (pace.seconds(tokens=n, kv_tokens=0, chunks=()) for n in (1, 2))
    many, twice = (pace.seconds(tokens=n, kv_tokens=0, chunks=()) for n in (4096, 8192))

    assert two / one < 1.01
    assert twice / many > 1.9


def test_the_scale_stretches_every_step_alike() -> None:
    real, slow = (_pace("Llama-3.1-8B", memory_gib=79.18, scale=scale) for scale in (1.0, 4.0))
    ratios = {
        round(
            slow.seconds(tokens=n, kv_tokens=k, chunks=((n, k),))
            / real.seconds(tokens=n, kv_tokens=k, chunks=((n, k),)),
            9,
        )
        for n, k in ((1, 0), (100, 1000), (8192, 100_000))
    }

    assert ratios == {4.0}
