"""What holds for every model on every accelerator."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.workload.fit.cases import CATALOGUE, accelerator, fit_input

from modelfleet.api.v1alpha1.architecture import Architecture, Experts, LatentAttention, SlidingWindow
from modelfleet.workload.fit import FitInput, fit_row, fit_table
from modelfleet.workload.fit.precision import METHODS

RANK = {"False": 0, "Unknown": 1, "True": 2}
ENGINES = ("0.9.2", "0.11.0", "0.17.1", "0.19.1", "0.22.1", "0.33.0", "1.0.0")


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    kv_heads = draw(st.sampled_from([1, 2, 4, 8, 10]))
    layers = draw(st.integers(2, 96))
    experts = (
        Experts(count=draw(st.sampled_from([8, 64, 128])), intermediate_size=1536) if draw(st.booleans()) else None
    )
    latent = LatentAttention(kv_lora_rank=512, qk_rope_head_dim=64) if draw(st.booleans()) else None
    window = SlidingWindow(tokens=1024, full_attention_layers=draw(st.integers(0, layers))) if latent is None else None
    return Architecture(
        parameters_millions=draw(st.integers(500, 800_000)),
        layers=layers,
        hidden_size=draw(st.sampled_from([2048, 4096, 5120, 8192])),
        heads=kv_heads * draw(st.sampled_from([1, 4, 8])),
        kv_heads=kv_heads,
        head_dim=128,
        vocab_size=draw(st.integers(1000, 260_000)),
        intermediate_size=draw(st.sampled_from([None, 8192, 14336, 18944])),
        max_position_embeddings=draw(st.sampled_from([8192, 131072])),
        tied_embeddings=draw(st.booleans()),
        latent_attention=latent,
        sliding_window=window if draw(st.booleans()) else None,
        experts=experts,
        quantization=draw(st.sampled_from([None, *METHODS, "unheard-of"])),
    )


@st.composite
def inputs(draw: st.DrawFn) -> FitInput:
    name = draw(st.sampled_from(CATALOGUE.accelerators.names))
    return fit_input(
        None,
        architecture=draw(architectures()),
        on=accelerator(name),
        engine=draw(st.sampled_from(ENGINES)),
        max_num_seqs=draw(st.sampled_from([1, 32, 256, 1024])),
        max_num_batched_tokens=draw(st.sampled_from([2048, 8192])),
        pipeline_parallel_size=draw(st.sampled_from([1, 1, 2])),
        data_parallel_size=draw(st.sampled_from([1, 1, 2])),
        expert_parallel=draw(st.booleans()),
        speculative_method=draw(st.sampled_from([None, "Ngram", "Eagle3", "Mtp"])),
    )


@settings(max_examples=150, deadline=None)
@given(inputs(), st.integers(0, 200_000))
def test_more_memory_never_fits_less(fit: FitInput, more_mib: int) -> None:
    larger = fit.accelerator.model_copy(update={"memory_mib": fit.accelerator.memory_mib + more_mib})
    rows = zip(fit_table(fit), fit_table(replace(fit, accelerator=larger)), strict=True)

    assert all(RANK[before.fits] <= RANK[after.fits] for before, after in rows)


@settings(max_examples=150, deadline=None)
@given(inputs())
def test_more_ranks_never_need_more_weights_each(fit: FitInput) -> None:
    weights = [row.weights_mib_per_gpu for row in fit_table(fit) if row.weights_mib_per_gpu is not None]

    assert all(more <= fewer for fewer, more in pairwise(weights))


@settings(max_examples=150, deadline=None)
@given(inputs(), st.integers(1, 131072))
def test_a_shorter_limit_never_fits_less(fit: FitInput, shorter: int) -> None:
    longest = fit.architecture.max_position_embeddings if fit.architecture else 0
    rows = zip(fit_table(fit), fit_table(replace(fit, max_model_len=min(shorter, longest))), strict=True)

    assert all(RANK[before.fits] <= RANK[after.fits] for before, after in rows)


@settings(max_examples=150, deadline=None)
@given(inputs())
def test_a_row_says_what_its_verdict_means(fit: FitInput) -> None:
    for row in fit_table(fit):
        if row.fits == "True":
            assert row.max_concurrent_requests is not None
            assert row.max_concurrent_requests >= 1
        assert row.message.endswith(".")
        assert (row.kv_cache_tokens or 0) >= 0


@settings(max_examples=50, deadline=None)
@given(inputs())
def test_the_same_input_gives_the_same_table(fit: FitInput) -> None:
    assert fit_table(fit) == fit_table(replace(fit))
    assert all(fit_row(fit, row.tensor_parallel_size) == row for row in fit_table(fit))
