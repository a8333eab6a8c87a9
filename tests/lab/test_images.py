"""Images made without a registry."""

import hashlib
import json
import os
import platform
import select
import signal
import tarfile
from pathlib import Path
from typing import Any

import pytest
from e2e.images import debian_root, engine, pause
from e2e.images.archive import Image, Layer, write_archive, write_layer


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def parsed(archive: Path, name: str) -> Any:
    with tarfile.open(archive) as tar:
        content = tar.extractfile(name)

        assert content is not None
        return json.loads(content.read())


def test_an_archive_names_each_image_and_stores_a_shared_layer_once(tmp_path: Path) -> None:
    layer = write_layer(tmp_path / "layer", {"hello": (b"world", 0o644)})

    write_archive(tmp_path / "images.tar", [Image("a/b:1", [layer]), Image("a/b:2", [layer], command=("serve",))])

    manifest = parsed(tmp_path / "images.tar", "manifest.json")
    with tarfile.open(tmp_path / "images.tar") as tar:
        layers = [name for name in tar.getnames() if name.endswith(".tar")]
    assert [entry["RepoTags"] for entry in manifest] == [["a/b:1"], ["a/b:2"]]
    assert layers == [f"{layer.digest}.tar"]


def test_a_configuration_names_its_layers_by_content(tmp_path: Path) -> None:
    layer = write_layer(tmp_path / "layer", {"hello": (b"world", 0o644)})

    config = json.loads(Image("a/b:1", [layer], environment={"KEY": "value"}).config())

    assert config["rootfs"]["diff_ids"] == [f"sha256:{hashlib.sha256(layer.path.read_bytes()).hexdigest()}"]
    assert config["config"]["Env"] == ["KEY=value"]


def test_the_same_files_make_the_same_layer(tmp_path: Path) -> None:
    files = {"b": (b"2", 0o755), "a": (b"1", 0o644)}

    first, second = write_layer(tmp_path / "1", files), write_layer(tmp_path / "2", dict(reversed(files.items())))

    assert first.digest == second.digest


def test_the_pause_program_waits_until_it_is_killed(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(pause.program(platform.machine()))
    program.chmod(0o755)

    pid = os.posix_spawn(program, ["pause"], {})
    ended_early = select.select([pidfd := os.pidfd_open(pid)], [], [], 0.3)[0]
    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    os.close(pidfd)
    _, status = os.waitpid(pid, 0)

    assert not ended_early
    assert os.WTERMSIG(status) == signal.SIGKILL


def test_the_pause_image_is_made_once() -> None:
    first = pause.archive("registry.test/pause:1")

    made = first.stat().st_mtime_ns

    assert pause.archive("registry.test/pause:1").stat().st_mtime_ns == made


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    base = write_layer(tmp_path / "base.tar", {"usr/bin/python3": (b"", 0o755)})
    monkeypatch.setattr(debian_root, "archive", lambda _recipe, *, progress: base.path)
    path = tmp_path / "engine"
    (path / "__pycache__").mkdir(parents=True)
    (path / "__pycache__" / "x.pyc").write_bytes(b"")
    (path / "vllm").write_text("#!/usr/bin/python3\n")
    return path


def test_each_version_of_the_engine_is_an_image_of_its_own(source: Path) -> None:
    archive = engine.archive(["0.33.0", "0.9.2"], source=source)

    images = parsed(archive, "manifest.json")
    environments = [parsed(archive, image["Config"])["config"]["Env"] for image in images]
    names = [image["RepoTags"][0] for image in images]
    assert names == ["docker.io/vllm/vllm-openai:v0.33.0", "docker.io/vllm/vllm-openai:v0.9.2"]
    assert ["VLLM_VERSION=0.33.0" in found for found in environments] == [True, False]
    assert ["VLLM_VERSION=0.9.2" in found for found in environments] == [False, True]


def test_the_engine_is_made_anew_when_its_source_changes(source: Path) -> None:
    before = engine.archive(["0.33.0"], source=source)
    (source / "vllm").write_text("#!/usr/bin/python3\nprint()\n")

    after = engine.archive(["0.33.0"], source=source)

    assert after != before
    assert before.exists()


def test_an_archive_that_nobody_asks_for_any_more_is_removed(source: Path) -> None:
    before = engine.archive(["0.33.0"], source=source)
    (source / "vllm").write_text("#!/usr/bin/python3\nprint()\n")
    os.utime(before, (0, 0))

    engine.archive(["0.33.0"], source=source)

    assert not before.exists()


def test_compiled_files_stay_out_of_the_engine(source: Path) -> None:
    files = dict(engine._files(source))

    assert [name for name in files if "pycache" in name] == []
    assert files["usr/local/bin/vllm"][1] == 0o755


def test_a_layer_on_disk_is_known_by_its_digest(tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(b"content")

    assert Layer.of(tmp_path / "layer").digest == hashlib.sha256(b"content").hexdigest()
