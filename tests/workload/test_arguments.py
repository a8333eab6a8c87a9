"""Every field that asks for an argument gets it, and knows that it asked."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workload.fleets import container, engine_cache, fleet, merged, planned, refused

from modelfleet.workload.arguments import LORA_RANKS, Argument, command_line, declared, reserved_rank

OLD = "vllm/vllm-openai:v0.9.2"
ADAPTERS = [{"name": f"a{i}", "source": f"hf://team/a{i}", "rank": 8} for i in range(10)]


def words(fleet_spec: dict[str, Any], **cache: Any) -> list[str]:
    wanted = fleet(**fleet_spec)
    arguments = declared(wanted, engine_cache(**cache) if cache else None, tensor_parallel_size=1)
    return command_line(wanted, arguments, has_flag=lambda _: True)


def following(line: list[str], flag: str) -> list[str]:
    """Return the values of *flag*."""
    after = line[line.index(flag) + 1 :]
    end = next((i for i, word in enumerate(after) if word.startswith("--")), len(after))
    return after[:end]


@pytest.mark.parametrize(
    ("engine", "expected"),
    [
        pytest.param({"tensorParallelSize": 4}, "--tensor-parallel-size 1", id="the size that was chosen"),
        pytest.param({"pipelineParallelSize": 2}, "--pipeline-parallel-size 2", id="pipeline"),
        pytest.param({"dataParallelSize": 2}, "--data-parallel-size 2", id="data"),
        pytest.param({"expertParallel": True}, "--enable-expert-parallel", id="experts"),
        pytest.param({"gpuMemoryPercent": 9}, "--gpu-memory-utilization 0.09", id="a small share of the memory"),
        pytest.param({"maxModelLen": 4096}, "--max-model-len 4096", id="length"),
        pytest.param({"maxNumSeqs": 64}, "--max-num-seqs 64", id="sequences"),
        pytest.param({"maxNumBatchedTokens": 8192}, "--max-num-batched-tokens 8192", id="tokens of a step"),
        pytest.param({"dtype": "float16"}, "--dtype float16", id="dtype"),
        pytest.param({"quantization": "fp8"}, "--quantization fp8", id="quantization"),
        pytest.param({"kvCacheDtype": "fp8"}, "--kv-cache-dtype fp8", id="KV dtype"),
        pytest.param({"chunkedPrefill": True}, "--enable-chunked-prefill", id="chunked prefill"),
        pytest.param({"chunkedPrefill": False}, "--no-enable-chunked-prefill", id="no chunked prefill"),
        pytest.param({"enforceEager": True}, "--enforce-eager", id="eager"),
        pytest.param({"toolCallParser": "hermes"}, "--enable-auto-tool-choice --tool-call-parser hermes", id="tools"),
        pytest.param({"reasoningParser": "qwen3"}, "--reasoning-parser qwen3", id="reasoning"),
        pytest.param({"chatTemplate": "/t/x.jinja"}, "--chat-template /t/x.jinja", id="chat template"),
        pytest.param({"extraArgs": ["--seed", "7"]}, "--seed 7", id="extra"),
    ],
)
def test_a_field_becomes_its_flag(engine: dict[str, Any], expected: str) -> None:
    assert expected in " ".join(words({"engine": engine}))


def test_the_smallest_fleet_asks_for_little_and_always_for_usage() -> None:
    line = words({})

    assert line == [
        "meta-llama/Llama-3.1-8B-Instruct",
        *("--served-model-name", "llama", "models/llama"),
        *("--port", "8000"),
        *("--tensor-parallel-size", "1"),
        *("--gpu-memory-utilization", "0.90"),
        "--enable-force-include-usage",
        "--enable-prompt-tokens-details",
        *("--shutdown-timeout", "120"),
        *("--disable-access-log-for-endpoints", "/health,/metrics"),
    ]


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        pytest.param({"servedNames": ["chat", "team/chat"]}, ["chat", "team/chat", "models/llama"], id="names"),
        pytest.param({}, ["llama", "models/llama"], id="its own name"),
    ],
)
def test_the_canonical_name_always_works(model: dict[str, Any], expected: list[str]) -> None:
    assert following(words({"model": model}), "--served-model-name") == expected


@pytest.mark.parametrize(
    ("source", "argument", "load_format"),
    [
        pytest.param("hf://org/model", "org/model", None, id="a hub"),
        pytest.param("s3://bucket/a/b/", "s3://bucket/a/b", ["runai_streamer"], id="a bucket"),
        pytest.param("gs://bucket", "gs://bucket", ["runai_streamer"], id="the whole of a bucket"),
        pytest.param("oci://r.example/m:v1", "/models/model", None, id="an image"),
        pytest.param("pvc://store", "/models/model", None, id="a claim"),
        pytest.param("pvc://store/a/b/", "/models/model/a/b", None, id="a folder of a claim"),
    ],
)
def test_a_source_becomes_what_the_engine_reads(source: str, argument: str, load_format: list[str] | None) -> None:
    line = words({"model": {"source": source}})

    assert line[0] == argument
    assert (following(line, "--load-format") if "--load-format" in line else None) == load_format


def test_a_revision_is_handed_on() -> None:
    assert following(words({"model": {"revision": "v1.0"}}), "--revision") == ["v1.0"]


@pytest.mark.parametrize(
    ("speculative", "config"),
    [
        pytest.param(
            {"method": "Ngram", "tokens": 4},
            {"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_max": 4},
            id="a lookup",
        ),
        pytest.param({"method": "Mtp"}, {"method": "mtp", "num_speculative_tokens": 3}, id="the model's own layers"),
        pytest.param(
            {"method": "Eagle3", "model": "hf://team/head"},
            {"method": "eagle3", "num_speculative_tokens": 3, "model": "team/head"},
            id="a head from a hub",
        ),
        pytest.param(
            {"method": "DraftModel", "model": "pvc://store/draft", "tokens": 5},
            {"method": "draft_model", "num_speculative_tokens": 5, "model": "/models/draft/draft"},
            id="a draft model from a claim",
        ),
    ],
)
def test_speculative_decoding_is_configured_in_json(speculative: dict[str, Any], config: dict[str, Any]) -> None:
    [value] = following(words({"engine": {"speculative": speculative}}), "--speculative-config")

    assert json.loads(value) == config


def test_adapters_are_named_and_room_is_reserved_for_a_batch_of_them() -> None:
    adapters = [*ADAPTERS, {"name": "law", "source": "oci://r.example/law:v1", "rank": 48}]
    line = words({"model": {"adapters": adapters}})

    assert following(line, "--lora-modules") == [*(f"a{i}=team/a{i}" for i in range(10)), "law=/models/adapters/10"]
    assert [following(line, flag) for flag in ("--max-loras", "--max-cpu-loras", "--max-lora-rank")] == [
        ["8"],
        ["11"],
        ["64"],
    ]
    assert "--enable-lora" in line


@given(st.lists(st.integers(1, 512), max_size=4))
def test_the_reserved_rank_is_the_smallest_supported_one_that_holds_all(ranks: list[int]) -> None:
    adapters = [{"name": f"a{i}", "source": "hf://a/b", "rank": rank} for i, rank in enumerate(ranks)]

    reserved = reserved_rank(fleet(model={"adapters": adapters}).spec.model.adapters)

    assert reserved in (0, *LORA_RANKS)
    assert max(ranks, default=0) <= reserved
    assert not [rank for rank in LORA_RANKS if max(ranks, default=0) <= rank < reserved]


@pytest.mark.parametrize(
    ("cache", "expected"),
    [
        pytest.param({"prefixCaching": True}, "--enable-prefix-caching", id="on"),
        pytest.param({"prefixCaching": False}, "--no-enable-prefix-caching", id="off"),
        pytest.param(
            {"kvOffload": {"cpuGiB": 64, "backend": "LMCache"}},
            "--kv-offloading-size 64 --kv-offloading-backend lmcache",
            id="offload",
        ),
    ],
)
def test_a_cache_policy_becomes_flags(cache: dict[str, Any], expected: str) -> None:
    assert expected in " ".join(words({}, **cache))


def test_a_template_reaches_the_engine_as_it_was_written() -> None:
    template = "{% if x %}$$\\frac{1}{2}$$ and $(HOME) and $x{% endif %}"

    args = container(fleet(engine={"chatTemplate": template}))["args"]

    assert expanded(following(args, "--chat-template")[0]) == template


def expanded(text: str) -> str:
    """Return what the kubelet makes of an argument whose references name no variable."""
    return text.replace("$$", "$")


def test_what_the_operator_adds_is_left_out_where_the_version_lacks_it() -> None:
    wanted = fleet(engine={"image": OLD})
    arguments = declared(wanted, None, tensor_parallel_size=1)

    line = command_line(wanted, arguments, has_flag=lambda flag: flag != "--shutdown-timeout")

    assert "--shutdown-timeout" not in line
    assert "120" not in line


@pytest.mark.parametrize(
    ("flag", "name"),
    [
        ("--no-enable-chunked-prefill", "--enable-chunked-prefill"),
        ("--dtype", "--dtype"),
        ("--node-rank", "--node-rank"),
    ],
)
def test_catalogues_know_a_negative_flag_under_its_positive_name(flag: str, name: str) -> None:
    assert Argument(flag).name == name


def test_a_field_of_a_later_version_is_refused_once_with_both_versions() -> None:
    offload = engine_cache(kvOffload={"cpuGiB": 8})

    accepted = refused(fleet(engine={"image": OLD}), offload).accepted

    assert accepted.reason == "EngineVersion"
    assert accepted.message == (
        "`engine.kvOffload` of the CachePolicy must be absent: it needs `--kv-offloading-size`, which exists from "
        "vLLM 0.11.2 on, and the image is vLLM 0.9.2."
    )


@pytest.mark.parametrize(
    ("spec", "version", "message"),
    [
        pytest.param(
            {"engine": {"speculative": {"method": "Mtp"}}},
            "0.10.2",
            '`engine.speculative.method` must not be "Mtp": it exists from vLLM 0.11.0 on, and the image is',
            id="a method for all models",
        ),
        pytest.param(
            {"engine": {"speculative": {"method": "DraftModel", "model": "hf://Qwen/Qwen3-0.6B"}}},
            "0.13.0",
            '`engine.speculative.method` must not be "DraftModel": it exists from vLLM 0.14.0 on, and the image is',
            id="draft models",
        ),
        pytest.param(
            {"model": {"source": "gs://models/llama"}},
            "0.10.2",
            '`model.source` must not be "gs://": it exists from vLLM 0.11.0 on, and the image is vLLM 0.10.2.',
            id="buckets",
        ),
    ],
)
def test_a_value_of_a_later_version_is_refused_with_both_versions(
    spec: dict[str, Any], version: str, message: str
) -> None:
    old = merged(spec, {"engine": {"image": f"vllm/vllm-openai:v{version}"}})

    accepted = refused(fleet(**old)).accepted

    assert (accepted.reason, accepted.message.startswith(message)) == ("EngineVersion", True), accepted.message


def test_data_parallel_ranks_share_what_is_offloaded() -> None:
    wanted, cache = fleet(engine={"dataParallelSize": 2}), engine_cache(kvOffload={"cpuGiB": 65})
    line = command_line(wanted, declared(wanted, cache, tensor_parallel_size=1), has_flag=lambda _: True)

    assert following(line, "--kv-offloading-size") == ["32.5"]


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        pytest.param(["--max-model", "1"], "must be the full name of a flag", id="a prefix"),
        pytest.param(["--max-model-len", "1"], "use `engine.maxModelLen`", id="a flag that a field sets"),
        pytest.param(["--no-such-flag"], 'must be a flag of vLLM 0.33.0, not "--no-such-flag"', id="no flag"),
        pytest.param(["--swap-space", "4"], "--swap-space", id="a flag of another version"),
        pytest.param(["7"], "`engine.extraArgs[0]`", id="no flag at all"),
    ],
)
def test_extra_arguments_are_refused_by_their_index(extra: list[str], message: str) -> None:
    accepted = refused(fleet(engine={"extraArgs": extra})).accepted

    assert accepted.reason == "InvalidSpec"
    assert accepted.message.startswith("`engine.extraArgs[0]` must ")
    assert message in accepted.message


def test_every_wrong_argument_is_named() -> None:
    message = refused(fleet(engine={"extraArgs": ["--no-such-flag", "--seed"]})).accepted.message

    assert message.count("`engine.extraArgs[") == 2
    assert '"--no-such-flag"; `engine.extraArgs[1]` must be followed by a value' in message


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        pytest.param({"image": "vllm/vllm-openai:v0.8.5"}, "`engine.image` must be vLLM 0.9.2 or newer", id="too old"),
        pytest.param(
            {"image": "r.example/x:v9", "version": "0.8.5"},
            "`engine.version` must be vLLM 0.9.2",
            id="declared too old",
        ),
    ],
)
def test_a_version_that_is_too_old_is_refused(engine: dict[str, str], message: str) -> None:
    accepted = refused(fleet(engine=engine)).accepted

    assert (accepted.reason, message in accepted.message) == ("EngineVersion", True)


def test_an_unknown_accelerator_is_refused_with_the_nearest_names() -> None:
    accepted = refused(fleet(hardware={"accelerator": "nvidia-h100-80g"})).accepted

    assert accepted.reason == "UnknownAccelerator"
    assert accepted.message.startswith('`hardware.accelerator` "nvidia-h100-80g" is not in the accelerator catalogue')
    assert '"nvidia-h100-80gb"' in accepted.message


def test_an_accepted_plan_has_the_whole_line() -> None:
    plan = planned(fleet(engine={"extraArgs": ["--seed", "7"]}))

    assert plan.arguments[0] == "meta-llama/Llama-3.1-8B-Instruct"
    assert plan.arguments[-2:] == ("--seed", "7")
