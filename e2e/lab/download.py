"""Fetch official releases, trusting nothing that does not match its published checksum."""

import hashlib
import io
import tarfile
import urllib.request
from http.client import HTTPException
from pathlib import Path

from e2e.images.archive import ARCHITECTURE
from e2e.lab.errors import LabError
from e2e.lab.progress import Progress
from e2e.lab.tools import Release, Tool

_CONNECT_SECONDS = 5
"""A network that says no must not cost more than this before the build begins."""
_CHUNK_BYTES = 1 << 20
_SHA256_DIGITS = 64


def fetch(tool: Tool, target: Path, *, progress: Progress) -> bool:
    """
    Put the binaries of *tool* into *target* and return True, or return False when the network does not give them.

    A file that does not match its checksum is an error, not a reason to go on in another way.
    """
    if tool.release is None:
        return False
    try:
        with progress.step(f"downloaded {tool.label}"):
            _fetch(tool, tool.release, target)
    except (OSError, HTTPException) as error:
        progress.note(f"no download of {tool.label} ({error})")
        return False
    return True


def _fetch(tool: Tool, release: Release, target: Path) -> None:
    if not release.is_archive:
        for binary in tool.binaries:
            _place(_verified(release, tool, binary=binary), target / binary)
        return
    with tarfile.open(fileobj=io.BytesIO(_verified(release, tool)), mode="r:*") as archive:
        for binary, member in release.members.items():
            content = archive.extractfile(_filled(member, tool))
            if content is None:
                raise LabError(f"the release of {tool.label} must hold {member!r} as a file; report this")
            _place(content.read(), target / binary)


def _verified(release: Release, tool: Tool, *, binary: str = "") -> bytes:
    """Return what is at the release's address, having compared it with the published checksum."""
    url = _filled(release.url, tool, binary)
    sums = _read(_filled(release.checksum, tool, binary)).decode()
    content = _read(url)
    expected = published_checksum(sums, url.rpartition("/")[2])
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise LabError(f"the SHA-256 of {url} must be {expected}, found {found}; nothing was installed")
    return content


def published_checksum(sums: str, file_name: str) -> str:
    """Return the SHA-256 for *file_name* from the lines of a checksum file, or the only one that names no file."""
    entries = [line.split() for line in sums.splitlines() if line.strip()]
    for digest, *names in entries:
        if len(digest) == _SHA256_DIGITS and (not names or names[-1].lstrip("*").rpartition("/")[2] == file_name):
            return digest
    raise LabError(f"the published checksums must name {file_name!r}, found: {sums[:200]!r}")


def _place(content: bytes, target: Path) -> None:
    draft = target.with_name(f".{target.name}.draft")
    draft.write_bytes(content)
    draft.chmod(0o755)
    draft.replace(target)


def _read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=_CONNECT_SECONDS) as answer:
        chunks = iter(lambda: answer.read(_CHUNK_BYTES), b"")
        return b"".join(chunks)


def _filled(template: str, tool: Tool, binary: str = "") -> str:
    return template.format(version=tool.version, arch=ARCHITECTURE, binary=binary)
