"""`operator/` is a source root and never a package, or Python's own `operator` could not be imported here."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_operator_is_no_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_operator_is_the_standard_library_where_people_start_python() -> None:
    program = "import operator, modelfleet; print(operator.attrgetter, modelfleet.__file__)"
    for directory in (ROOT, ROOT / "operator"):
        done = subprocess.run(  # noqa: S603 (our own interpreter)
            [sys.executable, "-c", program], cwd=directory, capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, done.stderr
        assert str(ROOT / "operator" / "modelfleet" / "__init__.py") in done.stdout
