"""Where programs come from, and in which order."""

from pathlib import Path

import pytest
from e2e.lab import LabError, Progress, gobuild, provision
from e2e.lab.tools import TOOLS, Module, Tool, built_name

TOOL = Tool(
    name="gadget",
    version="2.5.1",
    binaries=("gadget", "gadgetctl"),
    minimum=(2, 3),
    module=Module("example.test/gadget/v2", ("example.test/gadget/v2", "example.test/gadget/v2/cmd/gadgetctl")),
)


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for directory in ("path", "bin-dir", "cache/modelfleet/bin/gadget-v2.5.1"):
        (tmp_path / directory).mkdir(parents=True)
    monkeypatch.setenv("PATH", f"{tmp_path / 'path'}:/usr/bin:/bin")
    monkeypatch.setenv("LAB_BIN_DIR", str(tmp_path / "bin-dir"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(gobuild, "_USUAL_GO", tmp_path / "no-go")


def install(directory: Path, *, version: str = "2.5.1", binaries: tuple[str, ...] = TOOL.binaries) -> None:
    for binary in binaries:
        script(directory / binary, f"echo {binary} version v{version}")


def script(path: Path, body: str) -> None:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def found_in(tmp_path: Path) -> str | None:
    found = provision.locate(TOOL)
    return None if found is None else str(found["gadget"].parent.relative_to(tmp_path))


def test_the_path_comes_first(tmp_path: Path) -> None:
    install(tmp_path / "path")
    install(tmp_path / "bin-dir")

    assert found_in(tmp_path) == "path"


def test_an_old_version_on_the_path_is_passed_over(tmp_path: Path) -> None:
    install(tmp_path / "path", version="2.2.9")
    install(tmp_path / "bin-dir")

    assert found_in(tmp_path) == "bin-dir"


def test_half_a_set_on_the_path_is_passed_over(tmp_path: Path) -> None:
    install(tmp_path / "path", binaries=("gadget",))
    install(tmp_path / "cache/modelfleet/bin/gadget-v2.5.1")

    assert found_in(tmp_path) == "cache/modelfleet/bin/gadget-v2.5.1"


def test_a_program_that_tells_no_version_is_passed_over(tmp_path: Path) -> None:
    for binary in TOOL.binaries:
        script(tmp_path / "path" / binary, "exit 1")

    assert found_in(tmp_path) is None


@pytest.mark.parametrize(
    ("text", "accepted"),
    [
        pytest.param("Client Version: v1.34.0", True, id="the minimum itself"),
        pytest.param(
            "Client Version: v1.32.4-dispatcher\nKustomize Version: v5.5.0", False, id="only the first counts"
        ),
        pytest.param("Kubernetes v2.0.0", True, id="a later major version"),
        pytest.param("no number", False, id="no version"),
    ],
)
def test_versions_are_compared_as_numbers(text: str, *, accepted: bool) -> None:
    assert provision.is_new_enough(text, (1, 34)) is accepted


def test_a_missing_tool_is_built_from_its_module(tmp_path: Path) -> None:
    lines: list[str] = []
    script(tmp_path / "path" / "go", FAKE_GO)

    found = provision.ensure([TOOL], progress=Progress(write=lines.append))

    assert found["gadgetctl"] == tmp_path / "cache/modelfleet/bin/gadget-v2.5.1/gadgetctl"
    assert found["gadgetctl"].read_text() == "gadgetctl\n"
    assert any("building gadget v2.5.1" in line for line in lines)


def test_a_build_that_fails_leaves_nothing_half_made(tmp_path: Path) -> None:
    script(tmp_path / "path" / "go", FAKE_GO.replace("exit 0", "echo broken >&2; exit 1"))

    with pytest.raises(LabError, match="broken"):
        provision.ensure([TOOL], progress=Progress(write=lambda _: None))

    assert list((tmp_path / "cache/modelfleet/bin/gadget-v2.5.1").iterdir()) == []


def test_a_build_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    folder = tmp_path / "cache/modelfleet/bin/gadget-v2.5.1"
    (folder / ".build-killed" / "module").mkdir(parents=True)
    script(tmp_path / "path" / "go", FAKE_GO)

    provision.ensure([TOOL], progress=Progress(write=lambda _: None))

    assert sorted(path.name for path in folder.iterdir()) == ["gadget", "gadgetctl"]


def test_an_old_go_is_named_with_what_is_needed(tmp_path: Path) -> None:
    script(tmp_path / "path" / "go", "echo go version go1.21.3 linux/amd64")

    with pytest.raises(LabError, match=r"must be 1\.26 or newer, found 'go version go1\.21\.3"):
        provision.ensure([TOOL], progress=Progress(write=lambda _: None))


def test_without_go_the_error_says_what_to_do() -> None:
    with pytest.raises(LabError, match="set LAB_BIN_DIR"):
        provision.ensure([TOOL], progress=Progress(write=lambda _: None))


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_every_tool_says_how_to_build_each_of_its_programs(tool: Tool) -> None:
    assert len(tool.module.packages) == len(tool.binaries)
    assert tool.release is None or not tool.release.members or set(tool.release.members) == set(tool.binaries)


@pytest.mark.parametrize(
    ("package", "file"),
    [
        ("k8s.io/kubernetes/cmd/kubelet", "kubelet"),
        ("go.etcd.io/etcd/server/v3", "server"),
        ("github.com/coredns/coredns", "coredns"),
    ],
)
def test_go_names_a_program_after_its_package(package: str, file: str) -> None:
    assert built_name(package) == file


FAKE_GO = r"""
case "$1" in
version) echo "go version go1.26.8 linux/amd64" ;;
build)
    while [ "$1" != -o ]; do shift; done
    out=$2; shift 2
    for package in "$@"; do
        case "$package" in */v2) name=gadget ;; *) name=$(basename "$package") ;; esac
        echo "$name" >"$out/$name"; chmod +x "$out/$name"
    done
    exit 0 ;;
esac
"""
