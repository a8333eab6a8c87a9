"""The command line, release by release."""

import json
from pathlib import Path

import pytest
from e2e.engine.flags.catalogue import flags_of
from e2e.engine.flags.parser import parse
from e2e.engine.release import Release

_DATA = Path(__file__).resolve().parents[2] / "e2e/engine/data"
SAMPLED = (
    "0.9.2 0.10.2 0.11.0 0.11.2 0.12.0 0.13.0 0.14.1 0.15.1 0.16.0 0.17.1 0.18.1 0.19.1 0.20.2 0.21.0 0.22.1 0.23.0 "
    "0.24.0 0.25.1 0.26.0 0.27.1 0.28.0 0.29.0 0.30.0 0.31.0 0.32.0 0.33.0"
)


def _parse(line: str, release: str = "0.33.0") -> object:
    return parse(["serve", "some/model", *line.split()], release=Release.parse(release))


def _history() -> dict[str, tuple[str, str]]:
    entries = json.loads((_DATA / "flag_history.json").read_text())
    return {name: (first, last) for name, (first, last) in entries.items()}


@pytest.mark.parametrize("release", SAMPLED.split())
def test_every_release_has_exactly_the_flags_sampled_in_it(release: str) -> None:
    version = Release.parse(release)
    known = {name for flag in flags_of(version) for name in (*flag.names, *flag.clears)}
    alive = {
        name
        for name, (first, last) in _history().items()
        if Release.parse(first) <= version and (last == "0.33.0" or version <= Release.parse(last))
    }
    gone = set(_history()) - alive
    aliases = {"--disable-log-requests", "--enable-log-requests"}  # the one is the other's opposite in 0.33

    assert alive <= known
    assert not (gone & known) - aliases


@pytest.mark.parametrize("release", SAMPLED.split())
def test_every_flag_of_a_release_can_be_given(release: str) -> None:
    version = Release.parse(release)
    values = {"int": "1", "float": "1", "text": "x", "json": "{}", "json_or_text": "{}"}
    line: list[str] = []
    for flag in flags_of(version):
        value = str(flag.choices[0]) if flag.choices else values.get(flag.kind, "1")
        line += [flag.names[0]] if flag.kind in ("bool", "switch") else [flag.names[0], value]
    parsed = parse(["serve", "some/model", *line], release=version)

    assert [flag.dest for flag in flags_of(version) if getattr(parsed, flag.dest) is None] == []


@pytest.mark.parametrize("release", SAMPLED.split())
def test_negative_booleans_are_spelled_no_enable_in_every_release(release: str) -> None:
    parsed = _parse("--no-enable-prefix-caching --no-enable-chunked-prefill", release)

    assert (parsed.enable_prefix_caching, parsed.enable_chunked_prefill) == (False, False)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("line", "release", "message"),
    [
        pytest.param("--nonsense 1", "0.33.0", "unrecognized arguments: --nonsense 1", id="unknown"),
        pytest.param("--shutdown-timeout 3", "0.17.1", "unrecognized arguments: --shutdown-timeout", id="too young"),
        pytest.param("--swap-space 4", "0.18.1", "unrecognized arguments: --swap-space", id="removed"),
        pytest.param("--disable-prefix-caching", "0.32.0", "unrecognized arguments", id="opposite before 0.33"),
        pytest.param("--max-lora-rank 48", "0.33.0", "invalid choice: 48", id="rank not in the list"),
        pytest.param("--dtype int3", "0.33.0", "invalid choice: 'int3'", id="choice"),
        pytest.param("--port eight", "0.33.0", "invalid int value: 'eight'", id="not a number"),
        pytest.param("--max-num 3", "0.33.0", "ambiguous option: --max-num could match", id="ambiguous prefix"),
        pytest.param("--kv-transfer-config {", "0.33.0", "cannot be converted", id="not JSON"),
        pytest.param("--max-model-len 1.5K", "0.33.0", "Decimals are not allowed", id="binary fraction"),
        pytest.param("--kv-cache-dtype int3", "0.32.0", "invalid choice: 'int3'", id="choice before 0.33"),
    ],
)
def test_a_bad_flag_ends_with_code_2_and_its_message(
    line: str, release: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        _parse(line, release)

    assert ended.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        pytest.param("--max-model-len 8k", "max_model_len", 8000, id="decimal size"),
        pytest.param("--max-model-len 8K", "max_model_len", 8192, id="binary size"),
        pytest.param("--max-model-len auto", "max_model_len", -1, id="automatic"),
        pytest.param("--max-model 4096", "max_model_len", 4096, id="prefix"),
        pytest.param("--tensor_parallel_size 2", "tensor_parallel_size", 2, id="underscores"),
        pytest.param("-tp 4", "tensor_parallel_size", 4, id="short"),
        pytest.param("-O3", "optimization_level", "3", id="optimisation level"),
        pytest.param("--disable-prefix-caching", "enable_prefix_caching", False, id="opposite in 0.33"),
        pytest.param("--served-model-name a b", "served_model_name", ["a", "b"], id="several names"),
        pytest.param('--kv-transfer-config {"a":1}', "kv_transfer_config", {"a": 1}, id="JSON"),
        pytest.param("--kv-transfer-config.a.b 1", "kv_transfer_config", {"a": {"b": 1}}, id="dotted JSON"),
        pytest.param("--compilation-config.sizes+=1,2", "compilation_config", {"sizes": [1, 2]}, id="list in JSON"),
        pytest.param("--hf-overrides x", "hf_overrides", "x", id="JSON or text"),
    ],
)
def test_a_value_is_read_as_vllm_reads_it(line: str, name: str, value: object) -> None:
    assert getattr(_parse(line), name) == value


def test_memory_utilization_defaults_to_less_before_0_20() -> None:
    older, newer = _parse("", "0.19.1"), _parse("", "0.20.2")

    assert (older.gpu_memory_utilization, newer.gpu_memory_utilization) == (0.9, 0.92)  # type: ignore[attr-defined]
