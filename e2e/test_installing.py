"""Both ways of installing, and the way from one to the other: fleets do not notice."""

from collections.abc import Iterator

import pytest
import yaml

from e2e.cluster import Json, Namespace, eventually, small_fleet
from e2e.images.operator_image import NAME as OPERATOR_IMAGE
from e2e.installation import MANIFEST, OPERATOR_NAMESPACE, RELEASE, helm
from e2e.operators import Operators, containerd
from e2e.streams import complete

OPERATOR = "modelfleet-operator"


@pytest.fixture(scope="module")
def serving(shared_namespace: Namespace) -> Iterator[Namespace]:
    """A fleet that serves; the operator is gone in the end, however it was installed."""
    shared_namespace.apply(small_fleet("calm"))
    shared_namespace.wait_ready("calm")
    yield shared_namespace
    shared_namespace.lab.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=yaml.safe_dump_all(_without_crds()))


def test_uninstalling_leaves_fleets_serving(serving: Namespace) -> None:
    """`helm uninstall` takes the operator; the CRDs, the fleets and their pods stay."""
    helm(serving.lab, "uninstall", RELEASE, "--namespace", OPERATOR_NAMESPACE, "--wait")

    assert Operators(serving.lab).pods() == []
    assert serving.find("modeldeployments", "calm")
    assert len(serving.ready_pods("calm")) == 1
    assert complete(serving.lab, serving.url("calm"), "calm").is_whole


def test_the_manifest_takes_over_without_touching_pods(serving: Namespace) -> None:
    """`kubectl apply --server-side` of install.yaml starts an operator that changes nothing, and then works."""
    [before] = serving.ready_pods("calm")
    containerd(serving.lab, "images", "tag", "--force", OPERATOR_IMAGE, _published_image())
    serving.lab.kubectl("apply", "--server-side", "--force-conflicts", "--filename", str(MANIFEST))
    operators = Operators(serving.lab)
    eventually(lambda: operators.are_ready() and operators.leader(), seconds=60, what="two operators, one leading")
    serving.kubectl("scale", "mdep", "calm", "--replicas", "2")
    serving.wait_ready("calm", replicas=2)

    assert before in serving.ready_pods("calm")


def _objects() -> list[Json]:
    return [one for one in yaml.safe_load_all(MANIFEST.read_text()) if one]


def _without_crds() -> list[Json]:
    return [one for one in _objects() if one["kind"] not in ("CustomResourceDefinition", "Namespace")]


def _published_image() -> str:
    """Return the image of the manifest by its full name."""
    deployments = (one for one in _objects() if one["kind"] == "Deployment")
    [operator] = [one for one in deployments if one["metadata"]["name"] == OPERATOR]
    return f"docker.io/{operator['spec']['template']['spec']['containers'][0]['image']}"
