"""
All tests a change must pass, in order of cost, with one summary line at the end: `python -m tests.run`.

A tier runs even when an earlier one failed, so that one run shows everything that is wrong. What needs no cluster runs
side by side, as much at once as the machine has processors, and is shown as it ends.
"""

import argparse
import functools
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
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


Job = Callable[[], tuple[Tally, str]]
"""Something that runs beside others, and returns its totals and what it has to say."""

STATIC_CHECKS: Mapping[str, Sequence[str]] = {
    "format": ("ruff", "format", "--check", "."),
    "lint": ("ruff", "check", "."),
    "types": ("mypy",),
    "types of the test equipment": ("mypy", "e2e"),
    "layers": ("lint-imports", "--no-logo"),
}
SHADOW = ROOT / "operator" / "__init__.py"
UNIT = ("-m", "not apiserver and not envoy")
NEEDS_MORE = ("tests/apiserver", "tests/envoy")
"""Folders without a unit test, whose modules import clients that take seconds to load."""
STARTS_HELM = ("tests/chart",)
STARTS_PROCESSES = ("tests/cli", "tests/engine", "tests/lab")
ELSEWHERE = (*NEEDS_MORE, *STARTS_HELM, *STARTS_PROCESSES)
UNIT_SHARDS: Mapping[str, Sequence[str]] = {
    "unit tests": (*UNIT, "tests", *(f"--ignore={folder}" for folder in ELSEWHERE)),
    "unit tests of the chart": (*UNIT, *STARTS_HELM),
    "unit tests that start processes": (*UNIT, *STARTS_PROCESSES),
}
LONG_TIERS: Mapping[str, Sequence[str]] = {
    "envoy": ("-m", "envoy and not apiserver", "tests"),
    "apiserver": ("-m", "apiserver", "tests"),
    "node": ("e2e",),
}
TIERS = ("static", "unit", *LONG_TIERS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the chosen tiers, and return 1 if anything failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", type=_tiers, default=TIERS, help=f"tiers to run, by default {','.join(TIERS)}")
    chosen = parser.parse_args(arguments).only
    quick = {"unit": unit_jobs, "static": static_jobs}
    jobs = dict(job for tier, listed in quick.items() if tier in chosen for job in listed())
    total = timed("static checks and unit tests", functools.partial(side_by_side, jobs)) if jobs else Tally()
    for tier in (tier for tier in chosen if tier in LONG_TIERS):
        total += timed(tier, functools.partial(run_pytest, LONG_TIERS[tier]))
    print(total, flush=True)
    return 1 if total.failed or not total.passed else 0


def _tiers(text: str) -> tuple[str, ...]:
    asked = set(text.split(","))
    if unknown := asked - set(TIERS):
        raise argparse.ArgumentTypeError(f"must be of {', '.join(TIERS)}, found {', '.join(sorted(unknown))}")
    return tuple(tier for tier in TIERS if tier in asked)


def timed(name: str, run: Callable[[], Tally]) -> Tally:
    """Run one tier, and say how long it took."""
    print(f"== {name}", flush=True)
    started = time.monotonic()
    tally = run()
    print(f"== {name}: {tally} in {time.monotonic() - started:.0f} s\n", flush=True)
    return tally


def static_jobs() -> Iterator[tuple[str, Job]]:
    """Return each static check as one job that counts as one test."""
    yield "no operator/__init__.py", _refuse_shadow
    for name, command in STATIC_CHECKS.items():
        yield name, functools.partial(_check, command)


def unit_jobs() -> Iterator[tuple[str, Job]]:
    """Return the unit tests in parts that take about the same time."""
    for name, arguments in UNIT_SHARDS.items():
        yield name, functools.partial(_quiet_pytest, arguments)


def side_by_side(jobs: Mapping[str, Job]) -> Tally:
    """Run *jobs* on all processors, show the words of each that failed, and return the sum of their totals."""
    total = Tally()
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        running = {name: pool.submit(job) for name, job in jobs.items()}
        for name, job in running.items():
            tally, words = job.result()
            if tally.failed:
                print(words, end="", flush=True)
            print(f"   {name}: {'failed' if tally.failed else 'ok'}", flush=True)
            total += tally
    return total


def _refuse_shadow() -> tuple[Tally, str]:
    if SHADOW.exists():
        return Tally(failed=1), "operator/__init__.py must not exist: it shadows the standard library\n"
    return Tally(passed=1), ""


def _check(command: Sequence[str]) -> tuple[Tally, str]:
    done = _captured([str(BIN / command[0]), *command[1:]])
    return (Tally(failed=1) if done.returncode else Tally(passed=1)), done.stdout


def _quiet_pytest(arguments: Sequence[str]) -> tuple[Tally, str]:
    words: list[str] = []

    def run(command: Sequence[str]) -> int:
        done = _captured(command)
        words.append(done.stdout)
        return done.returncode

    return run_pytest(arguments, run=run), "".join(words)


def _captured(command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=ROOT, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace"
    )


def _shown(command: Sequence[str]) -> int:
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def run_pytest(arguments: Sequence[str], *, run: Callable[[Sequence[str]], int] = _shown) -> Tally:
    """Run tests, and count their report; a run that broke off counts as one failure."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        code = run([str(BIN / "pytest"), "-q", f"--junit-xml={report}", *arguments])
        tally = count(report) if report.exists() else Tally(failed=1)
    broke_off = code not in (0, NO_TESTS_COLLECTED) and not tally.failed
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
