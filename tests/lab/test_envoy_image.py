"""Envoy's image for the lab: what the official one has, under a digest that is known before it is imported."""

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from charts.generate.files import CHART
from e2e.images import envoy_image
from e2e.images.archive import Image, write_layer
from e2e.images.oci import digest_of, write_oci_archive


@pytest.fixture
def built(tmp_path: Path) -> Path:
    layer = write_layer(tmp_path / "layer", {"hello": (b"world", 0o644)})
    path = tmp_path / "image.tar"
    write_oci_archive(path, Image("docker.io/a/b:1", [layer], entrypoint=("/hello",)))
    return path


def content(archive: Path, name: str) -> bytes:
    with tarfile.open(archive) as tar:
        member = tar.extractfile(name)
        assert member is not None
        return member.read()


def blob(archive: Path, descriptor: dict[str, Any]) -> bytes:
    found = content(archive, f"blobs/{descriptor['digest'].replace(':', '/')}")

    assert descriptor["size"] == len(found)
    assert descriptor["digest"] == f"sha256:{hashlib.sha256(found).hexdigest()}"
    return found


def test_an_image_is_named_by_tag_and_by_digest(built: Path) -> None:
    manifests = json.loads(content(built, "index.json"))["manifests"]

    assert [manifest["annotations"]["io.containerd.image.name"] for manifest in manifests] == [
        "docker.io/a/b:1",
        f"docker.io/a/b@{digest_of(built)}",
    ]


def test_everything_an_image_consists_of_is_there_under_its_digest(built: Path) -> None:
    [manifest, _] = json.loads(content(built, "index.json"))["manifests"]
    parts = json.loads(blob(built, manifest))
    [layer] = parts["layers"]

    assert json.loads(blob(built, parts["config"]))["rootfs"]["diff_ids"] == [layer["digest"]]
    with tarfile.open(fileobj=io.BytesIO(blob(built, layer))) as tar:
        assert tar.getnames() == ["hello"]


def test_the_chart_asks_for_the_envoy_that_tests_run() -> None:
    image = yaml.safe_load((CHART / "values.yaml").read_text())["gateway"]["image"]

    assert f"docker.io/{image['repository']}:{image['tag']}" == f"{envoy_image.REPOSITORY}:{envoy_image.TAG}"


def test_the_image_has_no_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    archive = envoy_image.archive()
    [manifest, _] = json.loads(content(archive, "index.json"))["manifests"]
    parts = json.loads(blob(archive, manifest))
    [layer] = parts["layers"]
    with (
        tarfile.open(archive) as tar,
        tarfile.open(fileobj=tar.extractfile(f"blobs/{layer['digest'].replace(':', '/')}")) as files,
    ):
        programs = [name for name in files.getnames() if "/bin/" in f"/{name}"]

    assert programs == ["usr/local/bin/envoy"]
    assert json.loads(blob(archive, parts["config"]))["config"]["User"] == "65532"
