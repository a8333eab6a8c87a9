"""A process is known by its pid and its start."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e.lab import LabError, layout, processes
from e2e.lab.layout import Layout
from e2e.lab.processes import Component, Record


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        yield process
        process.kill()


def record_of(pid: int, *, started: str) -> Record:
    return Record(component=Component("sleeper", ("sleep", "60")), pid=pid, started=started)


def start_of(pid: int) -> str:
    found = processes._start_of(pid)

    assert found is not None
    return found


def test_a_started_process_is_running(sleeper: subprocess.Popen[bytes]) -> None:
    assert processes.is_running(record_of(sleeper.pid, started=start_of(sleeper.pid)))


def test_another_process_with_the_same_pid_is_not_taken_for_it(sleeper: subprocess.Popen[bytes]) -> None:
    assert not processes.is_running(record_of(sleeper.pid, started="another-boot 12345"))


def test_stopping_never_touches_another_process_with_the_same_pid(sleeper: subprocess.Popen[bytes]) -> None:
    processes.stop(record_of(sleeper.pid, started="another-boot 12345"))

    assert sleeper.poll() is None


def test_stopping_waits_for_the_end(sleeper: subprocess.Popen[bytes]) -> None:
    record = record_of(sleeper.pid, started=start_of(sleeper.pid))

    processes.stop(record)

    assert not processes.is_running(record)


def test_a_process_that_ignores_the_signal_is_killed() -> None:
    with subprocess.Popen(
        ["/bin/sh", "-c", "trap '' TERM; echo ready; read -r line"], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    ) as stubborn:
        assert stubborn.stdout is not None
        stubborn.stdout.readline()

        processes.stop(record_of(stubborn.pid, started=start_of(stubborn.pid)), seconds=0.1)

        assert stubborn.wait(timeout=10) < 0


def test_a_zombie_is_not_running() -> None:
    with subprocess.Popen(["/bin/true"]) as ended:
        pidfd = os.pidfd_open(ended.pid)
        processes._ended(pidfd, 10)
        os.close(pidfd)

        assert processes._start_of(ended.pid) is None


def test_records_survive_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "LABS", tmp_path)
    lab, record = Layout("one"), record_of(7, started="boot 1")

    processes._write(lab, record)

    assert processes.records(lab) == [record]


def test_an_unknown_component_is_answered_with_the_known_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "LABS", tmp_path)
    processes._write(Layout("one"), record_of(7, started="boot 1"))

    with pytest.raises(LabError, match="which has: sleeper"):
        processes.recorded(Layout("one"), "kubelet")
