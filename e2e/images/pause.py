"""
The pause image: the process that keeps a pod's namespaces open while its containers come and go.

It does nothing but wait, so it is one system call in a loop, written out as an ELF file: no compiler is needed.
"""

import hashlib
import platform
import struct
from dataclasses import dataclass
from pathlib import Path

from e2e.images import cache
from e2e.images.archive import Image, write_archive, write_layer

_LOAD_ADDRESS = 0x400000
_HEADER_BYTES = 64
_SEGMENT_BYTES = 56


@dataclass(frozen=True, slots=True)
class _Machine:
    elf_number: int
    code: bytes


_MACHINES = {
    # mov eax, 34 (pause); syscall; jump back to the start
    "x86_64": _Machine(62, bytes.fromhex("b822000000 0f05 ebf7")),
    # x0…x3 = 0; x8 = 73 (ppoll: AArch64 has no pause); svc 0; branch back to the start
    "aarch64": _Machine(
        183, struct.pack("<7I", 0xAA1F03E0, 0xAA1F03E1, 0xAA1F03E2, 0xAA1F03E3, 0xD2800928, 0xD4000001, 0x17FFFFFA)
    ),
}


def program(machine: str) -> bytes:
    """Return a static Linux executable that waits until it is killed; *machine* as ``uname -m`` says."""
    target = _MACHINES[machine]
    size = _HEADER_BYTES + _SEGMENT_BYTES + len(target.code)
    entry = _LOAD_ADDRESS + _HEADER_BYTES + _SEGMENT_BYTES
    identity = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)  # 64 bit, little-endian, version 1
    sizes = (_HEADER_BYTES, _SEGMENT_BYTES, 1, 0, 0, 0)  # one segment, no sections
    header = identity + struct.pack("<HHIQQQIHHHHHH", 2, target.elf_number, 1, entry, _HEADER_BYTES, 0, 0, *sizes)
    readable_and_executable = 5
    addresses = (0, _LOAD_ADDRESS, _LOAD_ADDRESS, size, size, 0x1000)
    return header + struct.pack("<IIQQQQQQ", 1, readable_and_executable, *addresses) + target.code


def archive(name: str) -> Path:
    """Return an archive with the pause image under *name*; made once."""
    content = program(platform.machine())
    key = hashlib.sha256(content + name.encode()).hexdigest()[:12]
    path = cache.directory() / f"pause-{key}.tar"
    if not path.exists():
        layer = write_layer(path.with_suffix(".layer"), {"pause": (content, 0o755)})
        write_archive(path, [Image(name=name, layers=[layer], entrypoint=["/pause"], user="65535:65535")])
    return path
