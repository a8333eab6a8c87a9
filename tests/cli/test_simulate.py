"""`modelfleet simulate` runs the product's scaler on a simulated fleet."""

import json
import re
import xml.dom.minidom
from pathlib import Path

import pytest
from click.testing import Result
from tests.cli.running import FLEET, modelfleet

from modelfleet.api.names import API_VERSION
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.cli.platform import setting
from modelfleet.cli.simulate_fleet import simulated_fleet
from modelfleet.workload.plan import Plan, plan

TRACES = Path(__file__).parents[2] / "docs" / "traces"
SCALED = f"{FLEET}  autoscaling: {{minReplicas: 1, maxReplicas: 6, mode: Advisory}}\n"
SHORT = ("--shape", "constant:rate=2", "--minutes", "1")


def simulated(*arguments: str | Path, fleet: str = SCALED) -> Result:
    return modelfleet("simulate", "-f", "-", *arguments, stdin=fleet)


def test_table_compares_with_a_fixed_size_and_foresight() -> None:
    result = simulated(*SHORT)

    header, *rows = result.stdout.splitlines()
    assert result.exit_code == 0
    assert header.split()[:3] == ["SCALER", "GPU", "HOURS"]
    assert [re.split(r"\s{2,}", row)[0] for row in rows] == ["modelfleet", "fixed at 1", "clairvoyant"]


def test_json_has_the_figures_and_every_change_with_its_reason() -> None:
    found = json.loads(
        simulated("--shape", "step:before=1,after=12,minute=1", "--minutes", "4", "--no-compare", "-o", "json").stdout
    )

    assert list(found) == ["engine", "load", "slo", "assumptions", "results", "changes"]
    assert [result["scaler"] for result in found["results"]] == ["modelfleet"]
    assert found["changes"][0]["from"] == 1
    assert all(change["reason"] and change["message"] for change in found["changes"])


def test_same_seed_gives_the_same_run() -> None:
    first, second = (simulated(*SHORT, "--no-compare", "-o", "json").stdout for _ in range(2))

    assert first == second


@pytest.mark.parametrize("name", ["morning", "gusts", "office"])
def test_sample_traces_run(name: str) -> None:
    found = json.loads(simulated("--trace", TRACES / f"{name}.csv", "--no-compare", "-o", "json").stdout)

    assert found["results"][0]["withinSlo"] > 0.9
    assert (TRACES / f"{name}.csv").stat().st_size < 6_000


def test_copies_make_a_larger_load_of_a_trace() -> None:
    found = json.loads(simulated("--trace", TRACES / "gusts.csv", "--copies", "3", "--no-compare", "-o", "json").stdout)

    assert found["load"]["requests"] == 3 * (len((TRACES / "gusts.csv").read_text().splitlines()) - 1)


def test_report_is_one_file_with_charts_and_decisions(tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    result = simulated(*SHORT, "--no-compare", "--html", report)

    page = report.read_text()
    charts = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert result.exit_code == 0
    assert len(charts) == 5
    assert all("<title>" in xml.dom.minidom.parseString(chart).toxml() for chart in charts)  # noqa: S318 - our own page
    assert not re.search(r"(src|href)=|<script|url\(", page)


def test_fleet_without_autoscaling_keeps_its_size() -> None:
    result = simulated(*SHORT, "--no-compare", fleet=FLEET)

    assert result.stdout.splitlines()[1].startswith("fixed at 1 ")


def test_accelerator_without_data_sheet_is_said_to_be_assumed(tmp_path: Path) -> None:
    values = tmp_path / "values.yaml"
    values.write_text(
        "catalogue: {accelerators: {own-80gb: {resourceName: own.example/gpu, memoryMiB: 81000, gpusPerNode: 8, "
        "hourlyCents: {onDemand: 100, spot: 50}}}}\n"
    )
    fleet = SCALED.replace("nvidia-l40s-48gb", "own-80gb")
    result = simulated(*SHORT, "--no-compare", "--values", values, fleet=fleet)

    assert "own-80gb has no data sheet here: simulated as nvidia-h100-80gb" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param((), "either --trace or --shape must be given", id="no load"),
        pytest.param((*SHORT, "--trace", str(TRACES / "gusts.csv")), "either --trace or --shape", id="two loads"),
        pytest.param(("--shape", "circle"), "must be one of constant, ramp, step", id="unknown shape"),
        pytest.param(("--shape", "constant:speed=3"), 'must have only rate, found "speed"', id="unknown parameter"),
        pytest.param(("--shape", "constant:rate=x"), '`rate` from 0 to 100000, found "x"', id="no number"),
        pytest.param(("--shape", "constant:rate=nan"), "`rate` from 0", id="not a number"),
        pytest.param(("--shape", "wave:swing=2"), "`swing` from 0 to 1", id="too much swing"),
        pytest.param(("--shape", "wave:minutes=0"), "`minutes` from 0.01", id="no period"),
        pytest.param(("--shape", "constant:rate=0"), "must have requests", id="no requests"),
        pytest.param(("--shape", "constant:rate=90000"), "at most 5000000 requests", id="too many requests"),
        pytest.param((*SHORT, "--name", "other"), "found none; choose with --name", id="no such fleet"),
    ],
)
def test_usage_errors_say_what_to_do(arguments: tuple[str, ...], words: str) -> None:
    result = simulated(*arguments)

    assert result.exit_code == 2
    assert words in result.output


def test_bad_trace_is_told_with_its_line(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("arrival_seconds,prompt_tokens,output_tokens\n1,2,3\n2,many,3\n")
    result = simulated("--trace", trace)

    assert result.exit_code == 1
    assert 'trace.csv: line 3: `prompt_tokens` must be a number from 1 to 10000000, found "many"' in result.output


def test_example_of_the_library_runs(capsys: pytest.CaptureFixture[str]) -> None:
    page = (TRACES.parent / "simulate.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    exec(example, {})  # noqa: S102 - our own page

    assert capsys.readouterr().out.startswith("Score(requests=")


@pytest.mark.parametrize(
    ("model", "accelerator", "floor_milliseconds", "kv_microseconds"),
    [
        pytest.param("meta-llama/Llama-3.1-8B-Instruct", "nvidia-a100-80gb", 12.0, 0.06, id="8B on A100"),
        pytest.param("meta-llama/Llama-3.1-8B-Instruct", "nvidia-h100-80gb", 6.5, 0.048, id="8B on H100"),
        pytest.param("meta-llama/Llama-3.3-70B-Instruct", "nvidia-h100-80gb", 15.3, 0.031, id="70B on 4 x H100"),
    ],
)
def test_pace_agrees_with_published_profiles_to_a_third(
    model: str, accelerator: str, floor_milliseconds: float, kv_microseconds: float
) -> None:
    spec = {"model": {"source": f"hf://{model}"}, "hardware": {"accelerator": accelerator}}
    fleet = {"apiVersion": API_VERSION, "kind": "ModelDeployment", "metadata": {"name": "pace"}, "spec": spec}
    planned = plan(ModelDeployment.model_validate(fleet), None, setting(None))
    assert isinstance(planned, Plan)
    profile = simulated_fleet(planned, setting(None), slo=None, cold_start_seconds=None, seed=1).model.profile

    assert 1000 * profile.step_seconds(tokens=1, kv_tokens=0) == pytest.approx(floor_milliseconds, rel=0.33)
    assert 1e6 * profile.seconds_per_kv_token == pytest.approx(kv_microseconds, rel=0.33)


def test_fleet_that_cannot_start_is_refused() -> None:
    result = simulated(*SHORT, fleet=SCALED.replace("Llama-3.1-8B-Instruct", "Llama-3.1-405B-Instruct"))

    assert result.exit_code == 1
    assert "cannot be simulated, since it would not start" in result.output
