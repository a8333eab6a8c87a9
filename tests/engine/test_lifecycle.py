"""A server as a process: starting, draining, aborting, hanging, and the exit codes."""

import json
import socket
import threading
from pathlib import Path

import httpx
import pytest
from tests.engine.conftest import ProcessFactory
from tests.engine.servers import MODEL, Process, wait_until


class Streaming:
    """A stream that is read in a thread of its own."""

    def __init__(self, process: Process, *, tokens: int) -> None:
        self.text = ""
        self.status = 0
        self.failed = False
        self._body = {"model": MODEL, "prompt": "x", "max_tokens": tokens, "ignore_eos": True, "stream": True}
        self._thread = threading.Thread(target=self._read, args=(process.url,), daemon=True)
        self._thread.start()
        wait_until(lambda: bool(self.text), what="the first token has come")

    def _read(self, url: str) -> None:
        try:
            with httpx.stream("POST", f"{url}/v1/completions", json=self._body, timeout=30) as response:
                self.status = response.status_code
                for part in response.iter_text():
                    self.text += part
        except httpx.HTTPError:
            self.failed = True

    @property
    def running(self) -> bool:
        """Whether more may come."""
        return self._thread.is_alive()

    def finish_reasons(self) -> list[str]:
        """Wait for the end and return the finish reasons that came."""
        self._thread.join(10)
        events = [line.removeprefix("data: ") for line in self.text.splitlines() if line.startswith("data: {")]
        choices = [json.loads(event)["choices"][0] for event in events]
        return [choice["finish_reason"] for choice in choices if choice["finish_reason"]]


def _refuses(process: Process) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", process.port)) != 0


def test_it_refuses_connections_until_it_is_ready_and_loses_the_first_sigterm(processes: ProcessFactory) -> None:
    process = processes(VLLM_STANDIN_COLD_START_SECONDS="0.8")
    wait_until(lambda: "non-default args" in process.log.read_text(), what="the start has begun")
    process.terminate()

    assert _refuses(process)
    process.wait_ready()
    process.terminate()
    assert process.exit_code() == 0


def test_a_second_sigterm_while_starting_ends_it_with_130(processes: ProcessFactory) -> None:
    process = processes(VLLM_STANDIN_COLD_START_SECONDS="60")
    wait_until(lambda: "non-default args" in process.log.read_text(), what="the start has begun")
    process.terminate()
    wait_until(lambda: "SIGTERM" not in _pending_signals(process), what="the first signal was taken")
    process.terminate()

    assert process.exit_code() == 130


def _pending_signals(process: Process) -> str:
    """Return SIGTERM while the kernel still holds it for the process."""
    lines = Path(f"/proc/{process.popen.pid}/status").read_text().splitlines()
    masks = [int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd", "ShdPnd"))]
    return "SIGTERM" if any(mask & (1 << 14) for mask in masks) else ""


def test_without_a_timeout_what_runs_is_aborted_and_looks_successful(processes: ProcessFactory) -> None:
    process = processes()
    process.wait_ready()
    stream = Streaming(process, tokens=20_000)
    process.terminate()

    assert process.exit_code() == 0
    assert (stream.status, stream.finish_reasons()) == (200, ["abort"])
    assert stream.text.endswith("data: [DONE]\n\n")
    log = process.log.read_text()
    assert "[shutdown] API server: shutdown triggered" in log
    assert "mode=abort timeout=0s" in log


def test_a_timeout_drains_what_runs_and_what_waits_and_refuses_what_comes(processes: ProcessFactory) -> None:
    process = processes("--shutdown-timeout", "20", "--max-num-seqs", "1")
    process.wait_ready()
    streams = [Streaming(process, tokens=200)]
    answers: list[int] = []
    queued = threading.Thread(target=_ask, args=(process, answers), daemon=True)
    queued.start()
    wait_until(lambda: "num_requests_waiting{" in (page := _page(process)) and _waiting(page) == 1, what="one waits")
    process.terminate()
    wait_until(lambda: "mode=drain timeout=20s" in process.log.read_text(), what="draining has begun")
    late = httpx.post(f"{process.url}/v1/completions", json={"prompt": "x"})
    healthy = httpx.get(f"{process.url}/health")

    assert (late.status_code, healthy.status_code) == (500, 200)
    assert late.json()["error"]["message"] == "cannot schedule new futures after shutdown"
    assert process.exit_code() == 0
    assert streams[0].finish_reasons() == ["length"]
    queued.join(10)
    assert answers == [200]
    assert "request processing complete" in process.log.read_text()


def _ask(process: Process, answers: list[int]) -> None:
    body = {"prompt": "y", "max_tokens": 5, "ignore_eos": True}
    answers.append(httpx.post(f"{process.url}/v1/completions", json=body, timeout=30).status_code)


def _page(process: Process) -> str:
    return httpx.get(f"{process.url}/metrics").text


def _waiting(page: str) -> float:
    return next(float(line.split()[-1]) for line in page.splitlines() if line.startswith("vllm:num_requests_waiting{"))


def test_a_timeout_that_is_exceeded_hangs_until_it_is_killed(processes: ProcessFactory) -> None:
    process = processes("--shutdown-timeout", "1")
    process.wait_ready()
    stream = Streaming(process, tokens=20_000)
    process.terminate()
    wait_until(lambda: "Waiting for connections to close" in process.log.read_text(), what="the timeout has passed")
    process.terminate()
    wait_until(lambda: _refuses(process), what="nobody is let in")

    assert stream.running
    assert process.popen.poll() is None


def test_before_0_18_a_signal_cuts_streams_off(processes: ProcessFactory) -> None:
    process = processes(VLLM_VERSION="0.17.1")
    process.wait_ready()
    stream = Streaming(process, tokens=20_000)
    process.terminate()

    assert process.exit_code() == 0
    assert stream.finish_reasons() == []
    assert "[DONE]" not in stream.text


def test_a_headless_node_opens_no_port_and_ends_with_0(processes: ProcessFactory) -> None:
    process = processes("--headless")
    wait_until(lambda: "headless multiproc executor" in process.log.read_text(), what="it has started")
    process.terminate()

    assert process.exit_code() == 0
    assert _refuses(process)


def test_the_death_of_the_engine_ends_the_server_with_0(processes: ProcessFactory) -> None:
    process = processes(VLLM_STANDIN_FAULTS="1")
    process.wait_ready()
    httpx.post(f"{process.url}/_standin/kill-engine")

    assert process.exit_code() == 0


def test_a_second_start_finds_both_caches_warm(processes: ProcessFactory) -> None:
    for _ in range(2):
        process = processes()
        process.wait_ready()
        process.kill()
    logs = [started.log.read_text() for started in processes.started]

    assert [log.count("(cache hit)") for log in logs] == [0, 2]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        pytest.param(("--nonsense",), 2, "vllm: error: unrecognized arguments: --nonsense", id="unknown flag"),
        pytest.param(("-tp", "3"), 1, "must be divisible by tensor parallel size (3)", id="contradiction"),
    ],
)
def test_a_bad_command_line_ends_it(
    processes: ProcessFactory, arguments: tuple[str, ...], code: int, message: str
) -> None:
    process = processes(*arguments)

    assert process.exit_code() == code
    assert message in process.log.read_text()
