"""Settings that vLLM gives up on, and how the log ends then."""

import os
from pathlib import Path

import pytest
from e2e.engine.cli import main
from e2e.engine.launch.config import EngineConfig
from e2e.engine.launch.contradictions import first_contradiction
from e2e.engine.launch.failure import LaunchError
from e2e.engine.launch.settings import from_environment
from e2e.engine.launch.surroundings import check_internal_port, check_shared_memory, check_variables
from tests.engine.servers import config_of

_MOE = "Qwen/Qwen3-30B-A3B"


def _error(config: EngineConfig, **env: str) -> str | None:
    error = first_contradiction(config, from_environment(env))
    return error.error if error else None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        pytest.param("--enable-expert-parallel", "Number of experts in the model must be greater than 0", id="experts"),
        pytest.param("-tp 3", "attention heads (32) must be divisible by tensor parallel size (3)", id="heads"),
        pytest.param("--max-num-batched-tokens 64 --max-num-seqs 128", "must be greater than or equal to", id="batch"),
        pytest.param("--enable-auto-tool-choice", "requires --tool-call-parser", id="tool parser"),
        pytest.param("--max-model-len 131073", "is greater than the derived max_model_len", id="context"),
        pytest.param("--lora-modules a=/x", "LoRA is not enabled", id="adapter without LoRA"),
        pytest.param("--quantization int3", "Unknown quantization method: int3", id="quantization"),
        pytest.param("--kv-cache-dtype int3", "Unknown kv cache dtype: int3", id="KV dtype"),
        pytest.param("--gpu-memory-utilization 1.5", "must be less than 1.0", id="utilization"),
        pytest.param("-dp 2 --data-parallel-external-lb", "only supported for MoE", id="external balancer"),
        pytest.param("-tp 2 --nnodes 3", "must be divisible by the number of nodes", id="nodes"),
        pytest.param('--speculative-config {"method":"guess"}', "known methods", id="speculation"),
        pytest.param('--speculative-config {"method":"ngram"}', "num_speculative_tokens", id="speculative tokens"),
        pytest.param('--kv-transfer-config {"kv_connector":"X"}', "specify kv_role", id="connector without role"),
        pytest.param(
            "--no-enable-chunked-prefill --max-num-batched-tokens 2048",
            "is smaller than max_model_len (131072)",
            id="prompt larger than a step",
        ),
    ],
)
def test_a_contradiction_is_refused_with_vllms_words(line: str, message: str) -> None:
    assert message in (_error(config_of(line.split())) or "")


@pytest.mark.parametrize(
    "line",
    [
        "-tp 8 --shutdown-timeout 30",
        "--enable-auto-tool-choice --tool-call-parser hermes",
        "--no-enable-chunked-prefill",
        "--enable-lora --lora-modules a=/x",
        '--speculative-config {"method":"ngram","num_speculative_tokens":3}',
        "--quantization fp8 --kv-cache-dtype fp8",
    ],
)
def test_what_goes_together_is_accepted(line: str) -> None:
    assert _error(config_of(line.split())) is None


def test_experts_in_parallel_need_a_mixture_of_experts() -> None:
    assert _error(config_of(["--enable-expert-parallel", "-tp", "4"], model=_MOE)) is None


def test_more_gpus_than_given_are_refused() -> None:
    config = config_of(["-tp", "4", "-dp", "2"])

    assert "World size (8) is larger than the number of available GPUs (4)" in (
        _error(config, VLLM_STANDIN_GPUS="4") or ""
    )
    assert _error(config, VLLM_STANDIN_GPUS="8") is None
    assert _error(config) is None


def test_ranks_in_other_pods_need_no_gpus_here() -> None:
    config = config_of(["-dp", "4", "--data-parallel-size-local", "2", "-tp", "2"], model=_MOE)

    assert _error(config, VLLM_STANDIN_GPUS="4") is None


def test_a_longer_context_is_allowed_on_request() -> None:
    config = config_of(["--max-model-len", "200000"])

    assert _error(config, VLLM_ALLOW_LONG_MAX_MODEL_LEN="1") is None


def test_a_service_named_vllm_ends_the_engine() -> None:
    with pytest.raises(LaunchError, match="appears to be a URI"):
        check_internal_port(from_environment({"VLLM_PORT": "tcp://10.0.0.1:8000"}))
    check_internal_port(from_environment({"VLLM_PORT": "9000"}))


def test_service_links_are_fatal_only_on_request() -> None:
    env = {"VLLM_SERVICE_HOST": "10.0.0.1"}
    check_variables(config_of([]), from_environment(env))

    with pytest.raises(LaunchError, match="VLLM_SERVICE_HOST"):
        check_variables(config_of(["--fail-on-environ-validation"]), from_environment(env))


def test_tensor_parallelism_needs_shared_memory() -> None:
    check_shared_memory(config_of([]), size_bytes=64 << 20)

    with pytest.raises(LaunchError, match="Bus error"):
        check_shared_memory(config_of(["-tp", "2"]), size_bytes=64 << 20)


class Ended:
    """Runs a launch in this process, up to its failure."""

    def __init__(self, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch, home: Path) -> None:
        self._capsys = capsys
        for name in [name for name in os.environ if name.startswith(("VLLM_", "HF_"))]:
            patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("VLLM_STANDIN_COLD_START_SECONDS", "0")
        self._patch = patch

    def __call__(self, *arguments: str, **environment: str) -> tuple[int, list[str]]:
        """Return the exit code and the lines of the log."""
        for name, value in environment.items():
            self._patch.setenv(name, value)
        code = main(["serve", *arguments, "--port", "0"])
        return code, self._capsys.readouterr().out.splitlines()


@pytest.fixture
def ended(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ended:
    """A launch that fails."""
    return Ended(capsys, monkeypatch, tmp_path)


def test_a_name_without_a_positional_model_is_refused(ended: Ended) -> None:
    code, lines = ended("--served-model-name", "a")

    assert code == 1
    assert "positional" in lines[-1]


def test_a_configuration_error_ends_in_a_validation_error(ended: Ended) -> None:
    code, lines = ended("some/model", "-tp", "3")

    assert code == 1
    assert "1 validation error for VllmConfig" in lines[-3]
    assert "must be divisible by tensor parallel size" in lines[-2]


def test_a_kv_head_mismatch_is_a_bare_assertion_that_the_last_line_does_not_show(ended: Ended) -> None:
    code, lines = ended("microsoft/phi-4", "-tp", "4")

    assert code == 1
    assert any("AssertionError" in line and "EngineCore" in line for line in lines)
    assert "Engine core initialization failed. See root cause above." in lines[-1]
    assert not any("AssertionError" in line for line in lines[-30:])


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        pytest.param(("m/Llama-3.1-70B",), {}, "CUDA out of memory", id="weights do not fit"),
        pytest.param(("m/Qwen3-32B",), {"VLLM_STANDIN_GPU_MEMORY_GIB": "66"}, "No available memory", id="no KV cache"),
        pytest.param(("m/Llama-3.1-8B",), {"VLLM_STANDIN_GPU_MEMORY_GIB": "23.5"}, "To serve at least one", id="short"),
        pytest.param(("m/m",), {"VLLM_PORT": "tcp://10.0.0.1:80"}, "appears to be a URI", id="service link"),
        pytest.param(("m/m",), {"VLLM_RPC_BASE_PATH": "/proc"}, "Errno", id="no place for sockets"),
        pytest.param(("m/m",), {"HF_HOME": "/proc/x"}, "Errno", id="weights cache not writable"),
        pytest.param(("m/m",), {"VLLM_CACHE_ROOT": "/proc/x"}, "Errno", id="compile cache not writable"),
    ],
)
def test_what_fails_in_the_engine_is_said_there(
    ended: Ended, arguments: tuple[str, ...], environment: dict[str, str], message: str
) -> None:
    code, lines = ended(*arguments, **environment)

    assert code == 1
    assert any(message in line and "(EngineCore" in line for line in lines)


def test_a_gated_model_needs_a_token(ended: Ended) -> None:
    code, lines = ended("meta-llama/Llama-3.1-8B", VLLM_STANDIN_GATED="1")

    assert code == 1
    assert "GatedRepoError" in lines[-2]
    assert "gated repo" in lines[-1]


def test_nothing_is_fetched_offline(ended: Ended) -> None:
    code, lines = ended("some/model", HF_HUB_OFFLINE="1")

    assert code == 1
    assert "LocalEntryNotFoundError" in lines[-1]
