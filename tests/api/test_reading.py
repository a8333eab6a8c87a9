"""Reading is tolerant where linting is strict, and both see the same values."""

import pytest
from pydantic import ValidationError
from tests.api.specs.manifests import bases, changed

from modelfleet.api.schema.patterns import matches
from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.model_deployment.model import path_of, scheme_of


def test_field_of_a_newer_version_is_ignored() -> None:
    newer = changed(bases()["smallest"], ("spec", "engine", "fromTheFuture"), 1)

    assert ModelDeployment.model_validate(newer) == ModelDeployment.model_validate(bases()["smallest"])


def test_null_means_absent() -> None:
    with_null = changed(bases()["smallest"], ("spec", "replicas"), None)

    assert ModelDeployment.model_validate(with_null).spec.replicas == 1


def test_objects_are_frozen() -> None:
    fleet = ModelDeployment.model_validate(bases()["smallest"])

    with pytest.raises(ValidationError):
        fleet.spec.replicas = 2


def test_names_of_a_fleet() -> None:
    fleet = ModelDeployment.model_validate(bases()["everything"] | {"metadata": {"name": "a", "namespace": "models"}})

    assert fleet.served_names == ("chat", "team/chat-large")
    assert fleet.canonical_name == "models/a"


def test_object_without_a_status_is_pending() -> None:
    for model, base in ((ModelDeployment, "smallest"), (CachePolicy, "cache-policy")):
        (condition,) = model.model_validate(bases()[base]).status.conditions

        assert (condition.type, condition.status, condition.reason) == ("Ready", "Unknown", "Pending")


@pytest.mark.parametrize(
    ("source", "scheme", "path"),
    [
        ("hf://a/b", "hf", "a/b"),
        ("s3://bucket/x/", "s3", "bucket/x"),
        ("oci://r:5000/a@sha256:0", "oci", "r:5000/a@sha256:0"),
    ],
)
def test_source_has_a_scheme_and_a_path(source: str, scheme: str, path: str) -> None:
    assert (scheme_of(source), path_of(source)) == (scheme, path)


def test_patterns_mean_what_they_mean_to_the_api_server() -> None:
    assert matches("^a$", "a")
    assert not matches("^a$", "a\n")
    assert not matches(r"^\w$", "é")
