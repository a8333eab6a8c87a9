"""
The children of whole manifests, written down.

`UPDATE_GOLDENS=1 pytest tests/workload/test_goldens.py` writes them anew. Where the pods themselves change, every fleet
in use would be replaced by the next release: that takes `UPDATE_GOLDENS=roll`, and a line in the changelog.
"""

import json
import os
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.workload.fleets import planned, setting

from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.workload.cache_policies import in_force
from modelfleet.workload.children.compile import children
from modelfleet.workload.plan import digest

GOLDENS = Path(__file__).parent / "goldens"
SAMPLES = Path(__file__).parents[2] / "manifests" / "samples"
DIGESTS = GOLDENS / "template-digests.json"
CASES = sorted(
    {path.parent.name for path in GOLDENS.glob("*/input.yaml")}
    | {path.stem for path in SAMPLES.glob("*.yaml") if "kind: ModelDeployment" in path.read_text()}
)
UPDATE = os.environ.get("UPDATE_GOLDENS")
PEERS = [{"namespaceLabels": {"kubernetes.io/metadata.name": "monitoring"}}]


class _Dumper(yaml.SafeDumper):
    """Writes lines as lines, and no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, "|" if "\n" in text else None)
)


def rendered(case: str) -> list[dict[str, Any]]:
    """Return the children of all fleets of a case."""
    path = GOLDENS / case / "input.yaml"
    documents = [*yaml.safe_load_all((path if path.exists() else SAMPLES / f"{case}.yaml").read_text())]
    fleets = [ModelDeployment.model_validate(one) for one in documents if one["kind"] == "ModelDeployment"]
    policies = [CachePolicy.model_validate(one) for one in documents if one["kind"] == "CachePolicy"]
    surrounding = setting(network={"allowedPeers": PEERS})
    found: list[dict[str, Any]] = []
    for fleet in fleets:
        policy = in_force(policies, fleet.metadata.name)
        found += children(planned(fleet, policy.spec.engine if policy else None, surrounding))
    return found


def written(objects: list[dict[str, Any]]) -> str:
    """Return *objects* as YAML, with the names of scripts in place of their text."""
    text = json.dumps(objects)
    for script in ("drain.py", "liveness.py"):
        content = resources.files("modelfleet.workload.scripts").joinpath(script).read_text()
        text = text.replace(json.dumps(content), json.dumps(f"<text of {script}>"))
    return yaml.dump_all(json.loads(text), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def templates(case: str) -> dict[str, str]:
    """Return the digest of every pod template of a case."""
    deployments = (obj for obj in rendered(case) if obj["kind"] == "Deployment")
    return {obj["metadata"]["name"]: digest(obj["spec"]["template"]) for obj in deployments}


@pytest.mark.parametrize("case", CASES)
def test_the_children_are_as_written_down(case: str) -> None:
    path, now = GOLDENS / case / "expected.yaml", written(rendered(case))
    if UPDATE:
        path.parent.mkdir(exist_ok=True)
        path.write_text(now)

    assert path.read_text() == now


def test_no_pod_changes_unnoticed() -> None:
    now = {case: templates(case) for case in CASES}
    if UPDATE == "roll":
        DIGESTS.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n")
    recorded = json.loads(DIGESTS.read_text())

    changed = [case for case in recorded if recorded[case] != now.get(case)]
    new = sorted(now.keys() - recorded)

    assert changed == [], "the pods of these fleets would be replaced: if that is meant, set UPDATE_GOLDENS=roll"
    assert new == [], "these cases are new: set UPDATE_GOLDENS=roll"


def test_every_golden_has_its_case() -> None:
    assert {path.parent.name for path in GOLDENS.glob("*/expected.yaml")} == set(CASES)
