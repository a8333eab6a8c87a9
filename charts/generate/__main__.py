"""
Write the generated files of the chart and the manifests.

Example: ``python -m charts.generate``.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from charts.generate.files import ROOT, chart_files, manifest_files
from e2e.lab import provision, tools
from e2e.lab.progress import Progress


def main() -> None:
    """Write what is not current, and name it."""
    helm = provision.ensure(tools.named(("helm",)), progress=Progress())["helm"]
    _write(chart_files())
    _write(manifest_files(helm=helm))


def _write(files: Mapping[Path, str]) -> None:
    for path, text in files.items():
        if not path.is_file() or path.read_text() != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            sys.stdout.write(f"wrote {path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
