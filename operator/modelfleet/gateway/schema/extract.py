"""
The file descriptors that are compiled into a binary.

A C++ program with protobuf embeds each of its `.proto` files as a serialised FileDescriptorProto. It starts with field
1, the file's name, and its fields follow in the order of their numbers, so that it ends where something else begins.
"""

import re
from collections.abc import Iterator, Mapping

from google.protobuf import descriptor_pb2, message

File = descriptor_pb2.FileDescriptorProto

START = re.compile(rb"\n(.)([a-z0-9_]+(?:/[\w.\-]+)+\.proto)", re.DOTALL)
"""Tag 0x0a (field 1, bytes), a length below 128, and a path; `\n` and the tag are the same byte."""
VARINT, LENGTH_DELIMITED = 0, 2
LAST_FIELD = 15


def files(binary: bytes) -> Mapping[str, File]:
    """Return the files by name; of copies that are cut short the longest."""
    found: dict[str, File] = {}
    for file in _candidates(binary):
        if file.name not in found or file.ByteSize() > found[file.name].ByteSize():
            found[file.name] = file
    return found


def closure(files: Mapping[str, File]) -> list[File]:
    """Return *files* sorted so that each comes after its imports; raises `KeyError` when one of those is missing."""
    ordered: dict[str, File] = {}

    def add(name: str) -> None:
        if name in ordered:
            return
        for dependency in files[name].dependency:
            add(dependency)
        ordered[name] = files[name]

    for name in sorted(files):
        add(name)
    return list(ordered.values())


def _candidates(binary: bytes) -> Iterator[File]:
    for match in START.finditer(binary):
        start = match.start()
        if not binary[start + 2 : start + 2 + match[1][0]].endswith(b".proto"):
            continue
        try:
            yield File.FromString(binary[start : _end(binary, start)])
        except message.DecodeError:
            continue


def _end(binary: bytes, start: int) -> int:
    """Return where the message that starts at *start* ends: at the first byte that begins none of its fields."""
    at = start
    while at < len(binary):
        number, kind = binary[at] >> 3, binary[at] & 7
        is_another_message = number == 1 and at > start
        if is_another_message or not 1 <= number <= LAST_FIELD or kind not in {VARINT, LENGTH_DELIMITED}:
            break
        value, after = _varint(binary, at + 1)
        at = after + value if kind == LENGTH_DELIMITED else after
    return at


def _varint(binary: bytes, at: int) -> tuple[int, int]:
    """Return the number at *at*, and where it ends."""
    value = shift = 0
    while True:
        value |= (binary[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if binary[at - 1] < 0x80:  # noqa: PLR2004 (the bit that says whether more follows)
            return value, at
