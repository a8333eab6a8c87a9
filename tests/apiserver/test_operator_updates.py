"""A new operator or catalogue replaces no pods by surprise: it waits for its turn, and users need not."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.apiserver.namespace import ACCELERATOR, Namespace, template
from tests.apiserver.operator_process import Operators
from tests.apiserver.waiting import eventually

from modelfleet.api.names import OPERATOR_CHANGE_ANNOTATION, TENSOR_PARALLEL_ANNOTATION

NEW_CONSTANT = """
from modelfleet.workload import pod
pod.POD_SECURITY |= {"fsGroupChangePolicy": "Always"}
"""
"""An operator of another version, whose pods differ."""
FLEETS = ("one", "two", "three", "four")


@pytest.fixture
def fleets(namespace: Namespace, nobody: Operators) -> Operators:
    """Make fleets with the operator as it is, stop it, and return what starts the next."""
    old = nobody.start()
    for name in FLEETS:
        namespace.fleet(name)
    for name in FLEETS:
        namespace.await_deployment(name, replicas=1)
        namespace.finish_rollout(name)
        namespace.await_report(name)
    old.stop()
    return nobody


def test_new_template_waits_for_its_turn_and_not_for_users(
    namespace: Namespace, fleets: Operators, tmp_path: Path
) -> None:
    before = generations(namespace)
    holding = fleets.start(prelude=NEW_CONSTANT, platform_file=platform(tmp_path, most=0))

    await_pending(namespace, FLEETS, why="they are held")
    assert generations(namespace) == before
    namespace.edit("two", engine={"maxModelLen": 4096})
    eventually(lambda: updated(namespace) == ["two"], "what the user changed is applied with the rest")
    assert "4096" in template(namespace.get("Deployment", "two"))["args"]
    namespace.edit("three", replicas=2)
    namespace.await_deployment("three", replicas=2)
    assert updated(namespace) == ["two"]

    holding.stop()
    fleets.start(prelude=NEW_CONSTANT, platform_file=platform(tmp_path, most=1))

    done = ["two"]
    for turn in range(1, len(FLEETS)):
        rolling = next_turn(namespace, [name for name in FLEETS if name not in done], turn)
        done.append(rolling)
        await_pending(namespace, [name for name in FLEETS if name not in done], why="waits for its turn")
        assert updated(namespace) == sorted(done)
        namespace.finish_rollout(rolling)
        eventually(lambda: marked(namespace) == [], f"{rolling} gives its turn back")


def test_chosen_size_outlives_a_catalogue_until_the_user_changes_what_justified_it(
    namespace: Namespace, nobody: Operators, tmp_path: Path
) -> None:
    small = {"accelerators": {ACCELERATOR: {"memoryMiB": 16_000}}}
    first = nobody.start(platform_file=platform(tmp_path, most=1, catalogue=small))
    namespace.fleet(engine={"maxModelLen": 8192})
    chosen = size(namespace.await_deployment())
    before = namespace.get("Deployment")["metadata"]["generation"]
    first.stop()

    nobody.start()

    namespace.fleet("fresh", engine={"maxModelLen": 8192})
    assert size(namespace.await_deployment("fresh")) == "1"
    namespace.edit(suspend=False)
    namespace.await_report()
    assert chosen == "2"
    assert size(namespace.get("Deployment")) == "2"
    assert namespace.get("Deployment")["metadata"]["generation"] == before
    namespace.edit(engine={"maxModelLen": 4096})
    namespace.await_report()
    assert size(namespace.get("Deployment")) == "1"


def platform(directory: Path, *, most: int, catalogue: dict[str, Any] | None = None) -> Path:
    """Write what the platform team sets, and return where."""
    path = directory / f"platform-{most}.yaml"
    content = {"rollouts": {"maxConcurrentOperatorChanges": most}, "catalogue": catalogue or {}}
    path.write_text(yaml.safe_dump(content))
    return path


def generations(namespace: Namespace) -> dict[str, int]:
    """Return the generation of every fleet's Deployment: it counts changes of the spec."""
    return {name: namespace.get("Deployment", name)["metadata"]["generation"] for name in FLEETS}


def updated(namespace: Namespace) -> list[str]:
    """Return the fleets whose pods are the new operator's."""
    templates = {name: namespace.get("Deployment", name)["spec"]["template"]["spec"] for name in FLEETS}
    return sorted(n for n, spec in templates.items() if spec["securityContext"]["fsGroupChangePolicy"] == "Always")


def await_pending(namespace: Namespace, names: Iterable[str], *, why: str) -> None:
    """Return once the fleets say that they wait, and why."""
    for name in names:
        namespace.await_condition("Progressing", "True", name=name, words=why)


def next_turn(namespace: Namespace, waiting: list[str], turn: int) -> str:
    """Let the fleets that wait look at once, and return the one whose turn it is then."""
    for name in waiting:
        namespace.patch("ModelDeployment", {"metadata": {"annotations": {"example.com/turn": str(turn)}}}, name)
    return eventually(lambda: marked(namespace), "a fleet whose turn it is")[0]


def marked(namespace: Namespace) -> list[str]:
    """Return the fleets whose pods are being replaced for an operator's change."""
    annotations = {name: namespace.get("Deployment", name)["metadata"]["annotations"] for name in FLEETS}
    return [name for name in FLEETS if OPERATOR_CHANGE_ANNOTATION in annotations[name]]


def size(deployment: dict[str, Any]) -> str:
    """Return the tensor-parallel size that a Deployment remembers."""
    annotations: dict[str, str] = deployment["metadata"]["annotations"]
    return annotations[TENSOR_PARALLEL_ANNOTATION]
