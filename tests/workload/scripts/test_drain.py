"""An older engine is stopped once it has nothing left to do, or when its time is over."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from tests.workload.scripts.engine import Ended, Engine, run, run_as_in_a_pod, serving

IDLE = """# HELP vllm:num_requests_running Number of requests.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="llama"} 0.0
vllm:num_requests_waiting{engine="0",model_name="llama"} 0.0
vllm:num_requests_waiting_by_reason{engine="0",model_name="llama",reason="capacity"} 9.0
vllm:kv_cache_usage_perc{engine="0",model_name="llama"} 0.5
"""
RUNNING = IDLE.replace('running{engine="0",model_name="llama"} 0.0', 'running{engine="0",model_name="llama"} 2.0')
WAITING = IDLE.replace('waiting{engine="0",model_name="llama"} 0.0', 'waiting{engine="0",model_name="llama"} 1.0')
SECOND_RANK = IDLE + 'vllm:num_requests_running{engine="1",model_name="llama"} 1.0\n'
QUICK = {"PAUSE_SECONDS = 1.0": "PAUSE_SECONDS = 0.01"}
UNLIMITED, SHORT = "9", "0.2"


@pytest.mark.parametrize(
    ("pages", "polls"),
    [
        pytest.param([IDLE], 1, id="idle"),
        pytest.param([RUNNING, RUNNING, IDLE], 3, id="running"),
        pytest.param([WAITING, IDLE], 2, id="waiting"),
        pytest.param([SECOND_RANK, IDLE], 2, id="a second data-parallel rank runs"),
    ],
)
def test_it_waits_until_nothing_runs_or_waits(pages: list[str], polls: int) -> None:
    with serving(Engine(metrics=pages)) as engine:
        ended = run("drain", engine.url, "0", UNLIMITED, **QUICK)

    assert (ended, engine.asked) == (Ended(0, ""), ["/metrics"] * polls)


@pytest.mark.parametrize(
    "engine",
    [pytest.param(Engine(metrics=[RUNNING]), id="busy"), pytest.param(Engine(metrics_status=500), id="no answer")],
)
def test_it_gives_up_when_the_time_is_over(engine: Engine) -> None:
    with serving(engine):
        ended = run("drain", engine.url, "0", SHORT, **QUICK)

    assert ended == Ended(0, "")
    assert len(engine.asked) > 1


def test_an_engine_that_still_loads_has_nothing_to_finish() -> None:
    with serving(Engine()) as engine:
        pass

    ended = run("drain", engine.url, "0", UNLIMITED, **{"PAUSE_SECONDS = 1.0": "PAUSE_SECONDS = 60"})

    assert ended == Ended(0, "")


@pytest.mark.parametrize(
    ("program", "title"),
    [
        pytest.param("signal.signal(15, lambda *_: signal.signal(15, signal.SIG_DFL))", "vllm", id="loses the first"),
        pytest.param("pass", "vllm", id="ends at the first"),
        pytest.param("pass", "VLLM::APIServer", id="has a title of its own"),
    ],
)
def test_an_engine_that_still_loads_is_told_until_it_ends(program: str, title: str) -> None:
    with serving(Engine()) as engine:
        pass

    with loading(f"import signal, time; {program}; print(flush=True); time.sleep(60)", name=title) as process:
        replaced = {"ENGINE_PID = 1": f"ENGINE_PID = {process.pid}", "PAUSE_SECONDS = 1.0": "PAUSE_SECONDS = 0.01"}
        ended = run("drain", engine.url, "0", "0", **replaced)

        assert ended == Ended(0, "")
        assert process.wait() == -15


def test_nothing_but_vllm_is_ended() -> None:
    with serving(Engine()) as engine:
        pass

    with loading("import time; print(flush=True); time.sleep(60)", name="init") as process:
        ended = run("drain", engine.url, "0", "0", **{"ENGINE_PID = 1": f"ENGINE_PID = {process.pid}"})

        assert ended == Ended(0, "")
        assert process.poll() is None


def test_an_engine_that_serves_is_told_nothing() -> None:
    with (
        serving(Engine(metrics=[IDLE])) as engine,
        loading("import time; print(flush=True); time.sleep(60)") as process,
    ):
        run("drain", engine.url, "0", UNLIMITED, **{"ENGINE_PID = 1": f"ENGINE_PID = {process.pid}"})

        assert process.poll() is None


@contextmanager
def loading(program: str, *, name: str = "vllm") -> Iterator[subprocess.Popen[bytes]]:
    """Start *program* under *name*, and end it with the body."""
    command = [sys.executable, "-I", "-c", program, name]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 (our own program)
        assert process.stdout is not None

        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def test_no_time_to_drain_asks_nothing() -> None:
    with serving(Engine(metrics=[RUNNING])) as engine:
        ended = run("drain", engine.url, "0", "0")

    assert (ended, engine.asked) == (Ended(0, ""), [])


def test_it_runs_by_itself_in_a_pod() -> None:
    with serving(Engine(metrics=[IDLE])) as engine:
        ended = run_as_in_a_pod("drain", engine.url, "0", UNLIMITED)

    assert (ended, engine.asked) == (Ended(0, ""), ["/metrics"])
