"""
All tests a change must pass, in order of cost, with one summary line at the end: `python -m tests.run`.

A tier runs even when an earlier one failed, so that one run shows everything that is wrong.
"""

import functools
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
BIN = Path(sys.executable).parent
NO_TESTS_COLLECTED = 5


@dataclass(frozen=True, slots=True)
class Tally:
    """How many checks passed, failed and were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self) -> str:
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


STATIC_CHECKS: dict[str, list[str]] = {
    "format": ["ruff", "format", "--check", "--quiet", "."],
    "lint": ["ruff", "check", "--quiet", "."],
    "types": ["mypy"],
    "types of the test equipment": ["mypy", "e2e"],
    "layers": ["lint-imports", "--no-logo"],
}
TIERS: dict[str, list[str]] = {
    "unit": ["-m", "not apiserver", "tests"],
    "real API server": ["-m", "apiserver", "tests"],
    "real node": ["e2e"],
}


def main() -> int:
    """Run everything, and return 1 if anything failed."""
    total = timed("static checks", run_static_checks)
    for tier, arguments in TIERS.items():
        total += timed(tier, functools.partial(run_pytest, arguments))
    print(total, flush=True)
    return 1 if total.failed or not total.passed else 0


def timed(name: str, run: Callable[[], Tally]) -> Tally:
    """Run one tier, and say how long it took."""
    print(f"== {name}", flush=True)
    started = time.monotonic()
    tally = run()
    print(f"== {name}: {tally} in {time.monotonic() - started:.0f} s\n", flush=True)
    return tally


def run_static_checks() -> Tally:
    """Run each static check as one test."""
    failed = [name for name, command in STATIC_CHECKS.items() if not _succeeds(name, command)]
    shadows = (ROOT / "operator" / "__init__.py").exists()
    if shadows:
        print("operator/__init__.py must not exist: it shadows the standard library")
    return Tally(len(STATIC_CHECKS) - len(failed) + (not shadows), len(failed) + shadows)


def _succeeds(name: str, command: list[str]) -> bool:
    done = subprocess.run([BIN / command[0], *command[1:]], cwd=ROOT, check=False)
    print(f"   {name}: {'ok' if done.returncode == 0 else 'failed'}", flush=True)
    return done.returncode == 0


def run_pytest(arguments: list[str]) -> Tally:
    """Run one tier of tests, and count its report; a run that broke off counts as one failure."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [BIN / "pytest", "-q", f"--junit-xml={report}", *arguments]
        done = subprocess.run(command, cwd=ROOT, check=False)
        tally = count(report) if report.exists() else Tally(failed=1)
    broke_off = done.returncode not in (0, NO_TESTS_COLLECTED) and not tally.failed
    return tally + Tally(failed=int(broke_off))


def count(report: Path) -> Tally:
    """Return the totals of a JUnit report."""
    suites = ET.parse(report).getroot().iter("testsuite")  # noqa: S314 - our own file
    tally = Tally()
    for suite in suites:
        failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped = int(suite.get("skipped", 0))
        tally += Tally(int(suite.get("tests", 0)) - failed - skipped, failed, skipped)
    return tally


if __name__ == "__main__":
    sys.exit(main())
