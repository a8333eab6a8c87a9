"""manifests/samples: one idea each, valid, and the main three fit on one node together."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from charts.generate.files import ROOT
from tests.chart.rendering import Object

from modelfleet.api.catalogue import Catalogue, load_catalogue
from modelfleet.api.kinds import KINDS
from modelfleet.api.platform import Platform
from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.route_policy import RoutePolicy
from modelfleet.workload.plan import Plan, Setting, plan

SAMPLES = sorted((ROOT / "manifests" / "samples").glob("*.yaml"))
MAIN = ("llama-8b", "llama-70b", "qwen3-30b-a3b")
MODELS = {kind.name: kind.model for kind in KINDS}


def documents(path: Path) -> list[Object]:
    return list(yaml.safe_load_all(path.read_text()))


def fleets() -> Iterator[ModelDeployment]:
    for path in SAMPLES:
        for document in documents(path):
            if document["kind"] == "ModelDeployment":
                yield ModelDeployment.model_validate(document, extra="forbid")


def policies() -> Iterator[CachePolicy]:
    for path in SAMPLES:
        for document in documents(path):
            if document["kind"] == "CachePolicy":
                yield CachePolicy.model_validate(document, extra="forbid")


def route_policies() -> Iterator[RoutePolicy]:
    for path in SAMPLES:
        for document in documents(path):
            if document["kind"] == "RoutePolicy":
                yield RoutePolicy.model_validate(document, extra="forbid")


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in SAMPLES])
def test_a_sample_is_valid_to_the_letter(path: Path) -> None:
    for document in documents(path):
        if document["kind"] != "Secret":
            assert MODELS[document["kind"]].model_validate(document, extra="forbid")


@pytest.mark.parametrize("path", [pytest.param(path, id=path.stem) for path in SAMPLES])
def test_a_sample_says_what_it_is_about(path: Path) -> None:
    assert path.read_text().startswith("# ")


def test_samples_can_be_applied_together() -> None:
    names = [(d["kind"], d["metadata"]["name"]) for path in SAMPLES for d in documents(path)]

    assert len(names) == len(set(names))
    assert not [d for path in SAMPLES for d in documents(path) if "namespace" in d["metadata"]]


def test_a_policy_comes_with_its_fleets() -> None:
    targets = {ref.name for policy in policies() for ref in policy.spec.target_refs}
    steps = (
        step for policy in route_policies() for rule in policy.spec.rules for step in (*rule.backends, *rule.fallback)
    )
    backends = {step.model_deployment for step in steps if step.model_deployment}

    assert targets | backends <= {fleet.metadata.name for fleet in fleets()}


def test_keys_come_with_a_policy_that_accepts_them() -> None:
    accepted = [policy.spec.auth.api_keys for policy in route_policies() if policy.spec.auth]
    labels = [keys.secret_selector.match_labels for keys in accepted if keys]

    for secret in (d for path in SAMPLES for d in documents(path) if d["kind"] == "Secret"):
        assert secret["type"] == "modelfleet.dev/api-keys"
        assert any(wanted.items() <= secret["metadata"]["labels"].items() for wanted in labels)


@pytest.mark.parametrize("fleet", [pytest.param(fleet, id=fleet.metadata.name) for fleet in fleets()])
def test_a_sample_fits_its_accelerator(fleet: ModelDeployment, catalogue: Catalogue) -> None:
    cache = next(
        (p.spec.engine for p in policies() if fleet.metadata.name in {r.name for r in p.spec.target_refs}), None
    )

    planned = plan(fleet, cache, Setting(Platform(), catalogue))

    assert isinstance(planned, Plan)
    assert planned.sized.row.fits == "True"


def test_the_main_three_fit_on_one_node(catalogue: Catalogue) -> None:
    setting = Setting(Platform(), catalogue)
    plans = [plan(fleet, None, setting) for fleet in fleets() if fleet.metadata.name in MAIN]
    accelerators = [planned.accelerators for planned in plans if isinstance(planned, Plan)]

    assert sorted(accelerators) == [1, 2, 4]
    assert len({fleet.spec.hardware.accelerator for fleet in fleets() if fleet.metadata.name in MAIN}) == 1
