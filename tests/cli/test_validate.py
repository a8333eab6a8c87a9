"""`modelfleet validate` finds what the API server and the operator would find, with file and line."""

import json
from pathlib import Path

import pytest
from tests.cli.running import FLEET, POLICY, SAMPLES, modelfleet


def validate(text: str, *options: str) -> tuple[int, list[str]]:
    result = modelfleet("validate", "-f", "-", *options, stdin=text)
    return result.exit_code, result.output.splitlines()


def test_samples_are_valid() -> None:
    result = modelfleet("validate", "-f", SAMPLES)

    assert (result.exit_code, result.output) == (0, "")


def test_remark_has_file_line_object_field_and_message() -> None:
    code, lines = validate(FLEET + "  replicas: -1\n")

    assert code == 1
    assert lines == ["<stdin>:11: ModelDeployment/llama-8b: spec.replicas: must be at least 0, found -1"]


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        pytest.param(
            ("nvidia-l40s-48gb", "nvidia-l40-48gb"),
            10,
            "spec.hardware.accelerator: `hardware.accelerator`",
            id="an unknown accelerator",
        ),
        pytest.param(
            ("spec:\n", "spec:\n  engine: {maxModelLenght: 1}\n"),
            7,
            "did you mean `maxModelLen`?",
            id="a misspelt field",
        ),
        pytest.param(
            ("spec:\n", "spec:\n  engine:\n    extraArgs: [--swap-spaces, '4']\n"),
            8,
            "--swap-spaces",
            id="an unknown flag",
        ),
        pytest.param(
            ("spec:\n", "spec:\n  engine:\n    tensorParallelSize: 3\n"),
            8,
            "spec.engine.tensorParallelSize",
            id="a size that does not divide",
        ),
        pytest.param(("Llama-3.1-8B", "Llama-3.1-405B"), 6, "does not fit", id="a model that is too large"),
        pytest.param(("llama-8b\n", "8b\n"), 1, "`metadata.name` must be at most 40 characters", id="a bad name"),
        pytest.param(
            ("spec:\n", "spec:\n  suspend: y\n  suspend: n\n"),
            8,
            "spec.suspend: must not be set twice",
            id="a field set twice",
        ),
        pytest.param(
            ("v1alpha1", "v1"),
            2,
            "must be ModelDeployment or CachePolicy or RoutePolicy of modelfleet.dev/v1alpha1",
            id="a version that does not exist",
        ),
        pytest.param(("kind: Model", "kind: Modle"), 2, 'found "ModleDeployment"', id="a kind that does not exist"),
    ],
)
def test_error_is_found_in_its_line(change: tuple[str, str], line: int, words: str) -> None:
    code, lines = validate(FLEET.replace(*change))

    assert code == 1
    assert len(lines) == 1
    assert lines[0].startswith(f"<stdin>:{line}: ")
    assert words in lines[0]


def test_object_that_is_declared_twice_is_an_error() -> None:
    code, lines = validate(f"{FLEET}---\n{FLEET}")

    assert code == 1
    assert "metadata.name: must not be declared twice; <stdin>:1 declares it too" in lines[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(POLICY, 'found none called "llama-8b"', id="a policy for a fleet that is elsewhere"),
        pytest.param(
            FLEET
            + "---\n"
            + FLEET.replace("name: llama-8b", "name: other").replace(
                "model:\n", "model:\n    servedNames: [llama-8b]\n"
            ),
            'warning: "llama-8b" belongs to models/llama-8b',
            id="one served name for two fleets",
        ),
        pytest.param(
            "\n---\n".join([FLEET, POLICY, POLICY.replace("offload", "zeta")]),
            "`targetRefs` must not name a fleet that has a policy",
            id="two policies for one fleet",
        ),
        pytest.param(
            FLEET.replace("meta-llama/Llama-3.1-8B-Instruct", "nobody/knows"),
            "is not in the model catalogue",
            id="an unknown model",
        ),
    ],
)
def test_what_depends_on_the_rest_of_the_cluster_only_warns(text: str, words: str) -> None:
    code, lines = validate(text)

    assert code == 0
    assert len(lines) == 1
    assert ": warning: " in lines[0]
    assert words in lines[0]


def test_policy_takes_part_in_the_check_of_its_fleet() -> None:
    old = FLEET.replace("spec:\n", "spec:\n  engine: {image: 'vllm/vllm-openai:v0.9.2'}\n")
    offload = POLICY.replace("{prefixCaching: false}", "{kvOffload: {cpuGiB: 8}}")

    code, lines = validate(f"{old}---\n{offload}")

    assert code == 1
    assert "the image is vLLM 0.9.2" in lines[0]


def test_other_kinds_are_passed_over_and_lists_are_opened() -> None:
    items = FLEET.replace("\n", "\n  ").rstrip()
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {no: such}\n"

    assert validate(service) == (0, [])
    code, lines = validate(f"apiVersion: v1\nkind: List\nitems:\n- {items}\n    replicas: -1\n")
    assert code == 1
    assert lines == ["<stdin>:14: ModelDeployment/llama-8b: spec.replicas: must be at least 0, found -1"]


def test_text_that_is_not_yaml_is_an_error_with_its_line() -> None:
    code, lines = validate("a: b\nc: [\n")

    assert code == 1
    assert lines[0].startswith("<stdin>:3: must be YAML: ")


def test_directories_are_searched_and_files_sorted(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.yml").write_text(FLEET.replace("name: llama-8b", "name: b") + "  replicas: -1\n")
    (tmp_path / "a.yaml").write_text(FLEET.replace("name: llama-8b", "name: a") + "  replicas: -1\n")
    (tmp_path / "notes.txt").write_text("not YAML: [")

    result = modelfleet("validate", "-f", tmp_path)

    assert [line.split(":")[0] for line in result.output.splitlines()] == [
        f"{tmp_path}/a.yaml",
        f"{tmp_path}/deep/b.yml",
    ]


def test_several_paths_may_follow_one_option(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(FLEET.replace("name: llama-8b", f"name: {name}"))

    result = modelfleet("validate", "-f", tmp_path / "a.yaml", tmp_path / "b.yaml")

    assert result.exit_code == 0


def test_remarks_can_be_printed_as_json() -> None:
    result = modelfleet("validate", "-f", "-", "-o", "json", stdin=FLEET + "  replicas: -1\n")

    assert result.exit_code == 1
    assert json.loads(result.output) == [
        {
            "file": "<stdin>",
            "line": 11,
            "kind": "ModelDeployment",
            "name": "llama-8b",
            "field": "spec.replicas",
            "severity": "error",
            "message": "must be at least 0, found -1",
        }
    ]


def test_nothing_to_report_is_an_empty_list_as_json() -> None:
    assert modelfleet("validate", "-f", "-", "-o", "json", stdin=FLEET).output == "[]\n"


@pytest.mark.parametrize(
    "values",
    [
        pytest.param("catalogue: {accelerators: {my-gpu: %s}}", id="the operator's platform file"),
        pytest.param(
            "image: {tag: x}\nfleets: {podMonitors: false}\ncatalogue: {accelerators: {my-gpu: %s}}",
            id="the chart's values",
        ),
    ],
)
def test_values_add_accelerators(tmp_path: Path, values: str) -> None:
    entry = "{resourceName: example.com/gpu, memoryMiB: 49152, gpusPerNode: 8, hourlyCents: {onDemand: 1, spot: 1}}"
    path = tmp_path / "values.yaml"
    path.write_text(values % entry)

    result = modelfleet("validate", "-f", "-", "--values", path, stdin=FLEET.replace("nvidia-l40s-48gb", "my-gpu"))

    assert (result.exit_code, result.output) == (0, "")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        pytest.param("catalog: {}", "must have one of `catalogue`", id="a misspelt key"),
        pytest.param(
            "rollouts: {maxConcurrentOperatorChanges: -1}", "must be at least 0, found -1", id="a number out of bounds"
        ),
        pytest.param(
            "catalogue: {accelerators: {my-gpu: {}}}", "catalogue.accelerators.my-gpu", id="an incomplete accelerator"
        ),
        pytest.param("- a", "must be an object", id="a list"),
        pytest.param("a: [", "values.yaml", id="no YAML"),
    ],
)
def test_values_that_are_wrong_are_named(tmp_path: Path, values: str, words: str) -> None:
    path = tmp_path / "values.yaml"
    path.write_text(values)

    result = modelfleet("validate", "-f", "-", "--values", path, stdin=FLEET)

    assert result.exit_code == 1
    assert words in result.output


def test_chart_values_are_understood() -> None:
    result = modelfleet(
        "validate", "-f", SAMPLES, "--values", SAMPLES.parents[1] / "charts" / "modelfleet" / "values.yaml"
    )

    assert result.exit_code == 0
    assert all("`gateway.external.allowedHosts`" in line for line in result.output.splitlines())


def test_a_path_is_needed() -> None:
    assert modelfleet("validate").exit_code == 2
    assert modelfleet("validate", "-f", "/no/such/file").exit_code == 2


ROUTES = """\
apiVersion: modelfleet.dev/v1alpha1
kind: RoutePolicy
metadata: {name: chat, namespace: models}
spec:
  models: [chat]
  rules:
  - name: all
    backends:
    - modelDeployment: gone
    - external:
        url: https://api.example.com/v1
---
apiVersion: v1
kind: Secret
type: modelfleet.dev/api-keys
metadata: {name: keys, namespace: models}
stringData: {ada: short}
"""


def test_what_a_policy_would_be_told_is_a_warning_in_its_line() -> None:
    code, lines = validate(ROUTES)

    assert code == 0
    policy, secret = lines
    assert policy.startswith("<stdin>:9: RoutePolicy/chat: spec.rules[0].backends[0].modelDeployment: warning: ")
    assert policy.endswith('must name a ModelDeployment of this namespace, found none called "gone".')
    assert secret == '<stdin>:13: Secret/keys: warning: `data["ada"]` must have 16 to 512 characters, found 5.'


def test_host_is_judged_where_the_platform_is_known(tmp_path: Path) -> None:
    values = tmp_path / "platform.yaml"
    values.write_text("gateway: {allowedHosts: [api.example.org]}\n")

    _, lines = validate(ROUTES, "--values", str(values))

    assert [line for line in lines if "spec.rules[0].backends[1].external.url: warning: " in line]


def test_name_of_a_fleet_that_a_policy_elsewhere_has_is_a_warning() -> None:
    elsewhere = ROUTES.partition("---")[0].replace("namespace: models", "namespace: early")
    _, lines = validate(FLEET + "---\n" + elsewhere.replace("models: [chat]", "models: [llama-8b]"))

    assert [line for line in lines if 'warning: "llama-8b" belongs to RoutePolicy early/chat' in line]


def test_name_that_is_granted_to_another_namespace_is_a_warning(tmp_path: Path) -> None:
    values = tmp_path / "platform.yaml"
    values.write_text('gateway: {names: {"llama-*": elsewhere}}\n')
    _, unknown = validate(FLEET)
    _, known = validate(FLEET, "--values", str(values))

    assert [line for line in known if 'warning: "llama-8b" belongs to namespace "elsewhere"' in line]
    assert not [line for line in unknown if "belongs to" in line]
