"""What people read after `helm install`."""

import textwrap
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from charts.generate.files import CHART, ROOT
from tests.chart.rendering import NAMESPACE, RELEASE, Helm, nested

from modelfleet.api.v1alpha1.model_deployment import ModelDeployment


def notes(helm: Helm, values: Mapping[str, Any] | None = None) -> str:
    arguments = ("install", RELEASE, str(CHART), "--namespace", NAMESPACE, "--dry-run=client", "--values", "-")
    return helm(*arguments, stdin=yaml.safe_dump(dict(values or {}))).partition("NOTES:\n")[2]


def test_the_sample_can_be_applied(helm: Helm) -> None:
    manifest = notes(helm).partition("<<EOF\n")[2].partition("  EOF\n")[0]

    assert ModelDeployment.model_validate(yaml.safe_load(textwrap.dedent(manifest)), extra="forbid")


def test_the_documents_that_are_named_exist(helm: Helm) -> None:
    named = [word for word in ("docs/install.md", "docs/upgrading.md", "manifests/samples/") if word in notes(helm)]

    assert len(named) >= 2
    assert all((ROOT / path).exists() for path in named)


def test_the_defaults_give_no_warning(helm: Helm) -> None:
    assert "WARNING" not in notes(helm)


def test_a_gateway_is_told_with_its_address_and_who_gets_in(helm: Helm) -> None:
    plain = notes(helm, {"gateway": {"enabled": True}})
    tls = notes(
        helm, {"gateway": {"enabled": True, "clientTls": {"secretName": "tls"}}, "secrets": {"namespaces": ["a"]}}
    )

    assert "http://modelfleet-gateway.modelfleet-system/v1" in plain
    assert "It admits nobody yet" in plain
    assert "https://modelfleet-gateway.modelfleet-system/v1" in tls
    assert "It admits nobody yet" not in tls
    assert "gateway" not in notes(helm, {"gateway": {"enabled": False}})


def test_a_gateway_for_everybody_is_warned_about(helm: Helm) -> None:
    text = notes(helm, {"gateway": {"enabled": True, "auth": {"required": False}}})

    assert "WARNING: `gateway.auth.required` is false" in text


@pytest.mark.parametrize(
    ("name", "value", "warning"),
    [
        pytest.param("crds.enabled", False, "Apply the CRDs of this version", id="no CRDs"),
        pytest.param("crds.keep", False, "deletes the CRDs", id="CRDs that go with the release"),
        pytest.param("rbac.create", False, "has no rights", id="no rights"),
        pytest.param("replicas", 1, "one operator pod", id="one pod"),
        pytest.param(
            "fleets.network.enabled", False, "every pod of the cluster can use every model", id="open engines"
        ),
    ],
)
def test_choices_with_a_price_are_warned_about(helm: Helm, name: str, value: object, warning: str) -> None:
    assert warning in " ".join(notes(helm, nested(name, value)).split())
