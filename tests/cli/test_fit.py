"""`modelfleet fit` prints the fit table, for people and for programs."""

import json

import pytest
from tests.cli.running import FLEET, SAMPLES, modelfleet

LLAMA_70B = ("--model", "meta-llama/Llama-3.3-70B-Instruct", "--accelerator", "nvidia-h100-80gb")


def test_table_has_a_row_for_each_size() -> None:
    result = modelfleet("fit", *LLAMA_70B)

    header, *rows = result.output.splitlines()
    assert result.exit_code == 0
    assert header.split()[:2] == ["TP", "FITS"]
    assert [row.split()[:2] for row in rows] == [["1", "no"], ["2", "no"], ["4", "yes"], ["8", "yes"]]


def test_json_has_the_documented_keys() -> None:
    rows = json.loads(modelfleet("fit", *LLAMA_70B, "-o", "json").output)

    keys = ["tensorParallelSize", "fits", "weightsMiBPerGpu", "kvCacheTokens", "maxConcurrentRequests", "message"]
    assert [list(row) for row in rows] == [keys] * 4
    assert [row["fits"] for row in rows] == [False, False, True, True]


def test_options_change_the_answer() -> None:
    rows = json.loads(
        modelfleet("fit", *LLAMA_70B, "--quantization", "fp8", "--max-model-len", "8192", "-o", "json").output
    )

    assert [row["fits"] for row in rows] != [False, False, True, True]


def test_declared_fleet_is_read_from_a_manifest() -> None:
    by_file = modelfleet("fit", "-f", "-", "-o", "json", stdin=FLEET)
    by_name = modelfleet(
        "fit", "--model", "hf://meta-llama/Llama-3.1-8B-Instruct", "--accelerator", "nvidia-l40s-48gb", "-o", "json"
    )

    assert by_file.exit_code == 0
    assert json.loads(by_file.output) == json.loads(by_name.output)


def test_one_of_several_fleets_is_chosen_by_name() -> None:
    assert modelfleet("fit", "-f", SAMPLES, "--name", "llama-8b").exit_code == 0
    assert modelfleet("fit", "-f", SAMPLES).exit_code == 2


def test_model_that_fits_nowhere_is_exit_code_1() -> None:
    result = modelfleet("fit", "--model", "meta-llama/Llama-3.1-405B-Instruct", "--accelerator", "nvidia-l4-24gb")

    assert result.exit_code == 1


def test_unknown_model_may_fit() -> None:
    result = modelfleet("fit", "--model", "nobody/knows", "--accelerator", "nvidia-l4-24gb", "-o", "json")

    assert result.exit_code == 0
    assert {row["fits"] for row in json.loads(result.output)} == {None}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param((), "-f, or both --model and --accelerator", id="nothing"),
        pytest.param(("--model", "a/b"), "-f, or both --model and --accelerator", id="no accelerator"),
        pytest.param(
            ("--model", "a/b", "--accelerator", "nvidia-h10-80gb"),
            'did you mean "nvidia-h100-80gb"',
            id="an unknown accelerator",
        ),
        pytest.param(
            ("--model", "a/b/c", "--accelerator", "nvidia-l4-24gb"), "must be one of hf://", id="no model's name"
        ),
        pytest.param(
            (*LLAMA_70B, "--gpu-memory-percent", "100"), "must be at most 99, found 100", id="too much memory"
        ),
        pytest.param((*LLAMA_70B, "--image", "vllm:latest"), "`version` must be set", id="an image without a version"),
        pytest.param((*LLAMA_70B, "-f", str(SAMPLES / "llama-8b.yaml")), "must not be given together", id="both ways"),
    ],
)
def test_usage_errors_say_what_to_do(arguments: tuple[str, ...], words: str) -> None:
    result = modelfleet("fit", *arguments)

    assert result.exit_code == 2
    assert words in result.output
