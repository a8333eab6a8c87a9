"""Where weights and caches are."""

from typing import Any

import pytest
from tests.workload.fleets import child, container, fleet

from modelfleet.api.v1alpha1.model_deployment import ModelDeployment

ADAPTERS = [{"name": "a", "source": "hf://t/a"}, {"name": "b", "source": "oci://r.example/b:1"}]
DRAFT = {"method": "DraftModel", "model": "pvc://drafts/small"}


def volumes(wanted: ModelDeployment) -> dict[str, Any]:
    found = child("Deployment", wanted)["spec"]["template"]["spec"]["volumes"]
    by_name = {volume["name"]: {key: value for key, value in volume.items() if key != "name"} for volume in found}

    assert len(by_name) == len(found)

    return by_name


def mounts(wanted: ModelDeployment) -> dict[str, Any]:
    return {mount["mountPath"]: mount["name"] for mount in container(wanted)["volumeMounts"]}


@pytest.mark.parametrize(
    ("cache", "volume"),
    [
        pytest.param(None, {"emptyDir": {}}, id="nothing said"),
        pytest.param({"ephemeral": {}}, {"emptyDir": {}}, id="ephemeral"),
        pytest.param({"ephemeral": {"sizeLimit": "9Gi"}}, {"emptyDir": {"sizeLimit": "9Gi"}}, id="ephemeral, limited"),
        pytest.param({"claimName": "c"}, {"persistentVolumeClaim": {"claimName": "c"}}, id="a claim of the team"),
        pytest.param(
            {"claim": {"size": "1Ti"}},
            {"persistentVolumeClaim": {"claimName": "llama-cache"}},
            id="a claim of the fleet",
        ),
        pytest.param({"hostPath": "/mnt"}, {"hostPath": {"path": "/mnt", "type": "Directory"}}, id="the node's disk"),
    ],
)
def test_the_cache(cache: dict[str, Any] | None, volume: dict[str, Any]) -> None:
    wanted = fleet(weights={"cache": cache} if cache else {})

    assert volumes(wanted)["cache"] == volume
    assert mounts(wanted)["/cache"] == "cache"


@pytest.mark.parametrize(
    ("spec", "size"),
    [
        pytest.param({}, "1024Mi", id="one accelerator"),
        pytest.param({"engine": {"tensorParallelSize": 8}}, "8192Mi", id="eight accelerators"),
        pytest.param({"hardware": {"sharedMemory": "20Gi"}}, "20Gi", id="as asked"),
    ],
)
def test_shared_memory_grows_with_the_accelerators(spec: dict[str, Any], size: str) -> None:
    assert volumes(fleet(**spec))["shm"] == {"emptyDir": {"medium": "Memory", "sizeLimit": size}}


@pytest.mark.parametrize(
    ("source", "volume"),
    [
        pytest.param("hf://a/b", None, id="a hub"),
        pytest.param("s3://bucket/b", None, id="a bucket"),
        pytest.param(
            "oci://r.example:5000/m:v1@sha256:" + "0" * 64,
            {"image": {"reference": "r.example:5000/m:v1@sha256:" + "0" * 64, "pullPolicy": "IfNotPresent"}},
            id="an image",
        ),
        pytest.param(
            "pvc://store/a",
            {"persistentVolumeClaim": {"claimName": "store", "readOnly": True}},
            id="a folder of a claim",
        ),
    ],
)
def test_a_source_that_is_a_volume_is_mounted_read_only(source: str, volume: dict[str, Any] | None) -> None:
    wanted = fleet(model={"source": source})
    found = [mount for mount in container(wanted)["volumeMounts"] if mount["name"] == "model"]

    assert volumes(wanted).get("model") == volume
    assert found == ([{"name": "model", "mountPath": "/models/model", "readOnly": True}] if volume else [])


def test_adapters_and_drafts_have_volumes_of_their_own() -> None:
    wanted = fleet(model={"source": "pvc://store/m", "adapters": ADAPTERS}, engine={"speculative": DRAFT})

    assert set(volumes(wanted)) == {"cache", "shm", "tmp", "model", "draft", "adapter-1"}
    assert {path: name for path, name in mounts(wanted).items() if path.startswith("/models")} == {
        "/models/model": "model",
        "/models/draft": "draft",
        "/models/adapters/1": "adapter-1",
    }


def test_volumes_of_the_platform_are_handed_on_as_written() -> None:
    mount = {"name": "t", "mountPath": "/t", "subPath": "x", "readOnly": True}
    wanted = fleet(
        pod={"volumes": [{"name": "t", "configMap": {"name": "t", "optional": True}}], "volumeMounts": [mount]}
    )

    assert volumes(wanted)["t"] == {"configMap": {"name": "t", "optional": True}}
    assert container(wanted)["volumeMounts"][-1] == mount
