"""Releases are fetched only as their publisher made them."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from e2e.lab import LabError, Progress, download
from e2e.lab.tools import Module, Release, Tool

QUIET = Progress(write=lambda _: None)
CONTENT = b"#!/bin/sh\necho hello\n"


class Quiet(SimpleHTTPRequestHandler):
    """A file server without a log."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site"
    path.mkdir()
    return path


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(site))) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target"
    path.mkdir()
    return path


def tool(release: Release | None) -> Tool:
    return Tool(name="gadget", version="1.2.3", binaries=("gadget",), module=Module("m", ("m",)), release=release)


def plain(address: str) -> Tool:
    return tool(Release(url=f"{address}/v{{version}}-{{binary}}", checksum=f"{address}/v{{version}}-{{binary}}.sha256"))


def test_a_program_with_the_right_checksum_is_installed(site: Path, address: str, target: Path) -> None:
    (site / "v1.2.3-gadget").write_bytes(CONTENT)
    (site / "v1.2.3-gadget.sha256").write_text(hashlib.sha256(CONTENT).hexdigest())

    assert download.fetch(plain(address), target, progress=QUIET)
    assert (target / "gadget").read_bytes() == CONTENT
    assert (target / "gadget").stat().st_mode & 0o111


def test_a_program_with_another_checksum_is_an_error_and_not_installed(site: Path, address: str, target: Path) -> None:
    (site / "v1.2.3-gadget").write_bytes(CONTENT + b"evil")
    (site / "v1.2.3-gadget.sha256").write_text(hashlib.sha256(CONTENT).hexdigest())

    with pytest.raises(LabError, match="nothing was installed"):
        download.fetch(plain(address), target, progress=QUIET)

    assert list(target.iterdir()) == []


def test_programs_are_taken_out_of_an_archive(site: Path, address: str, target: Path) -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        entry = tarfile.TarInfo("bin-1.2.3/gadget")
        entry.size = len(CONTENT)
        tar.addfile(entry, io.BytesIO(CONTENT))
    (site / "gadget.tar.gz").write_bytes(archive.getvalue())
    (site / "SUMS").write_text(
        f"{'0' * 64}  other.tar.gz\n{hashlib.sha256(archive.getvalue()).hexdigest()}  gadget.tar.gz\n"
    )
    members = {"gadget": "bin-{version}/gadget"}

    release = Release(url=f"{address}/gadget.tar.gz", checksum=f"{address}/SUMS", members=members)

    assert download.fetch(tool(release), target, progress=QUIET)
    assert (target / "gadget").read_bytes() == CONTENT


def test_a_network_that_says_no_is_not_an_error(address: str, target: Path) -> None:
    lines: list[str] = []

    assert not download.fetch(plain(address), target, progress=Progress(write=lines.append))
    assert "no download of gadget v1.2.3" in lines[0]


def test_a_tool_without_checksums_is_never_downloaded(target: Path) -> None:
    assert not download.fetch(tool(None), target, progress=QUIET)


@pytest.mark.parametrize(
    "sums",
    [
        pytest.param(f"{'a' * 64}\n", id="bare"),
        pytest.param(f"{'b' * 64}  other\n{'a' * 64}  gadget\n", id="one of several"),
        pytest.param(f"{'a' * 64} *gadget\n", id="binary mark"),
        pytest.param(f"{'a' * 64}  ./release/gadget\n", id="with a directory"),
    ],
)
def test_the_checksum_of_a_file_is_found_in_what_projects_publish(sums: str) -> None:
    assert download.published_checksum(sums, "gadget") == "a" * 64


def test_a_checksum_file_about_other_files_is_an_error() -> None:
    with pytest.raises(LabError, match="must name 'gadget'"):
        download.published_checksum(f"{'b' * 64}  other\n", "gadget")
