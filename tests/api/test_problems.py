"""What is wrong with a manifest is said with the field, the value found and the remedy."""

from typing import Any

import pytest
from tests.api.specs.case import Case
from tests.api.specs.manifests import REMOVED, bases, changed, model_of, schema_of, schema_paths, steps_of
from tests.api.specs.rules import CASES
from tests.api.specs.walk import visited

from modelfleet.api.kinds import KINDS
from modelfleet.api.schema.problems import MAX_SHOWN_LENGTH, lint, shown


def said(base: str, path: str, value: Any) -> list[str]:
    manifest = changed(bases()[base], steps_of(path), value)
    return [str(problem) for problem in lint(model_of(manifest["kind"]), manifest)]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("spec.model", REMOVED, "spec.model: must be set"),
        ("spec.model", "llama", 'spec.model: must be an object, found "llama"'),
        ("spec.model.servedNames", "a", 'spec.model.servedNames: must be a list, found "a"'),
        ("spec.replicas", "3", 'spec.replicas: must be an integer, found "3"'),
        ("spec.replicas", -1, "spec.replicas: must be at least 0, found -1"),
        ("spec.engine.tensorParallelSize", 65, "spec.engine.tensorParallelSize: must be at most 64, found 65"),
        ("spec.engine.fitCheck", "Off", "spec.engine.fitCheck: must be 'Enforce' or 'Warn', found \"Off\""),
        ("spec.suspend", "yes", 'spec.suspend: must be true or false, found "yes"'),
        (
            "spec.hardware.memory",
            "lots",
            'spec.hardware.memory: must be a quantity such as `64Gi`, `500m` or `8`, found "lots"',
        ),
        ("spec.hardware.accelerator", "", 'spec.hardware.accelerator: must have at least 1 characters, found ""'),
        ("spec.engine.version", "1", r'spec.engine.version: must match ^[0-9]+\.[0-9]+\.[0-9]+$, found "1"'),
        (
            "spec.pod.imagePullSecrets",
            [{"name": "a"}] * 2,
            "spec.pod.imagePullSecrets: must not contain the same `name` twice, found a list of 2",
        ),
        (
            "spec.engine.extraArgs",
            ["a"] * 129,
            "spec.engine.extraArgs: must have at most 128 items, found a list of 129",
        ),
        ("spec.engine.maxModelLenght", 1, "spec.engine.maxModelLenght: is not a field; did you mean `maxModelLen`?"),
        (
            "spec.engine.gpu_memory_percent",
            1,
            "spec.engine.gpu_memory_percent: is not a field; did you mean `gpuMemoryPercent`?",
        ),
        ("spec.zzz", 1, "spec.zzz: is not a field; see `kubectl explain modeldeployment.spec`"),
        ("metadata.label", {}, "metadata.label: is not a field; did you mean `labels`?"),
        ("status.replica", 1, "status.replica: is not a field; did you mean `replicas`?"),
    ],
)
def test_message_names_the_field_the_value_and_what_must_hold(path: str, value: Any, message: str) -> None:
    assert said("smallest", path, value) == [message]


def test_rule_on_a_text_names_the_text() -> None:
    (message,) = said("smallest", "spec.model.source", "llama")

    assert message.startswith("spec.model.source: must be one of hf://")
    assert message.endswith('; found "llama"')


def test_rule_across_fields_names_their_values() -> None:
    (message,) = said("smallest", "spec.rollout", {"maxSurge": 0, "maxUnavailable": "0%"})

    assert message.startswith("spec.rollout: `maxSurge` and `maxUnavailable` must not both be 0")
    assert message.endswith('; found `maxSurge` "0" and `maxUnavailable` "0%"')


def test_every_problem_is_said_at_once() -> None:
    manifest = changed(bases()["smallest"], ("spec", "replicas"), -1) | {"metadata": {"name": "a", "namespaces": "b"}}

    assert len(lint(model_of("ModelDeployment"), manifest)) == 2


def test_open_objects_take_any_field() -> None:
    assert said("everything", "spec.pod.volumes[0].csi", {"driver": "x"}) == []
    assert said("everything", "spec.pod.affinity.podAffinity", {}) == []


def test_metadata_takes_what_kubernetes_writes_there() -> None:
    assert said("smallest", "metadata", {"name": "a", "uid": "1", "managedFields": [], "creationTimestamp": None}) == []


def test_long_value_is_cut() -> None:
    assert len(shown("a" * 1000)) <= MAX_SHOWN_LENGTH + 2


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.message)
def test_rule_is_broken_and_kept_as_its_examples_say(case: Case) -> None:
    for spec in case.specs_that_break_it():
        problems = lint(model_of(spec.manifest["kind"]), spec.manifest)

        assert [problem for problem in problems if problem.message.startswith(case.message)], spec.label
    for spec in case.specs_that_keep_it():
        assert lint(model_of(spec.manifest["kind"]), spec.manifest) == (), spec.label


def test_every_rule_has_examples() -> None:
    messages = {message for kind in KINDS for message in rules(schema_of(kind.name))}
    without = {message for message in messages if not any(message.startswith(case.message) for case in CASES)}

    assert without == set()


def test_bases_use_every_field() -> None:
    for kind in (ours.name for ours in KINDS):
        schema = schema_of(kind)
        manifests = [base for base in bases().values() if base["kind"] == kind]
        used = {plain(schema, steps) for base in manifests for steps, _, _ in visited(schema, base["spec"], ("spec",))}

        assert set(schema_paths(schema)) - used == set()


def rules(schema: Any) -> set[str]:
    """Return the messages of all rules in a schema, but the one every integer has."""
    if isinstance(schema, list):
        return {message for item in schema for message in rules(item)}
    if not isinstance(schema, dict):
        return set()
    own = {rule["message"] for rule in schema.get("x-kubernetes-validations", ())} - {"must be an integer"}
    return own | {message for child in schema.values() for message in rules(child)}


def plain(schema: Any, steps: tuple[str | int, ...]) -> str:
    """Return *steps* as `schema_paths` spells them."""
    path = ""
    for step in steps:
        if isinstance(step, int):
            path, schema = f"{path}[]", schema["items"]
        elif path and "properties" not in schema:
            path, schema = f"{path}{{}}", schema["additionalProperties"]
        else:
            schema = schema["properties"][step] if path else schema
            path = f"{path}.{step}" if path else str(step)
    return path
