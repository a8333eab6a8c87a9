"""`modelfleet render` prints what the operator would apply."""

import json

import yaml
from tests.cli.running import FLEET, POLICY, SAMPLES, modelfleet


def test_prints_the_children_as_a_yaml_stream() -> None:
    result = modelfleet("render", "-f", "-", stdin=FLEET)

    objects = list(yaml.safe_load_all(result.stdout))
    assert result.exit_code == 0
    assert {obj["kind"] for obj in objects} >= {"Deployment", "Service", "ServiceAccount", "PodDisruptionBudget"}
    assert {(obj["metadata"]["name"], obj["metadata"]["namespace"]) for obj in objects} == {("llama-8b", "models")}


def test_what_only_the_cluster_knows_is_left_out() -> None:
    objects = list(yaml.safe_load_all(modelfleet("render", "-f", "-", stdin=FLEET).stdout))

    assert not any("ownerReferences" in obj["metadata"] for obj in objects)


def test_policy_beside_the_fleet_takes_part() -> None:
    alone = modelfleet("render", "-f", "-", stdin=FLEET).stdout
    together = modelfleet("render", "-f", "-", stdin=f"{FLEET}---\n{POLICY}").stdout

    assert "--no-enable-prefix-caching" in together
    assert "--no-enable-prefix-caching" not in alone


def test_pod_monitors_are_rendered_for_clusters_that_have_them() -> None:
    assert "kind: PodMonitor" not in modelfleet("render", "-f", "-", stdin=FLEET).stdout
    assert "kind: PodMonitor" in modelfleet("render", "-f", "-", "--pod-monitors", stdin=FLEET).stdout


def test_json_is_one_list() -> None:
    result = modelfleet("render", "-f", "-", "-o", "json", stdin=FLEET)

    assert json.loads(result.stdout)["kind"] == "List"


def test_samples_render() -> None:
    result = modelfleet("render", "-f", SAMPLES)

    assert (result.exit_code, result.stderr) == (0, "")


def test_fleet_that_cannot_start_is_told_and_the_others_are_printed() -> None:
    broken = FLEET.replace("name: llama-8b", "name: broken").replace("l40s", "l4000")

    result = modelfleet("render", "-f", "-", stdin=f"{broken}---\n{FLEET}")

    assert result.exit_code == 1
    assert "ModelDeployment/broken: spec.hardware.accelerator" in result.stderr
    assert {obj["metadata"]["name"] for obj in yaml.safe_load_all(result.stdout)} == {"llama-8b"}


def test_invalid_manifest_is_told() -> None:
    result = modelfleet("render", "-f", "-", stdin=FLEET + "  replicas: -1\n")

    assert result.exit_code == 1
    assert "spec.replicas: must be at least 0" in result.stderr
    assert result.stdout == ""
