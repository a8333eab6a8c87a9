"""A busy engine is alive without a question; one whose counters stand still must answer one."""

import json
from pathlib import Path

import pytest
from tests.workload.scripts.engine import Ended, Engine, run, run_as_in_a_pod, serving

SECONDS = "0.3"
COUNTERS = """# TYPE vllm:generation_tokens_total counter
vllm:prompt_tokens_total{{engine="0",model_name="llama"}} {0}
vllm:generation_tokens_total{{engine="0",model_name="llama"}} {1}
vllm:iteration_tokens_total_count{{engine="0",model_name="llama"}} {2}
vllm:num_requests_running{{engine="0",model_name="llama"}} 4.0
process_cpu_seconds_total {3}
"""
BEFORE = COUNTERS.format(1.0, 2.0, 3.0, 4.0)


def probe(engine: Engine, memory: Path) -> Ended:
    return run("liveness", engine.url, "llama", SECONDS, **{"/tmp/modelfleet-liveness": str(memory)})  # noqa: S108


@pytest.mark.parametrize(
    "after",
    [
        pytest.param(COUNTERS.format(9.0, 2.0, 3.0, 4.0), id="a prompt was read"),
        pytest.param(COUNTERS.format(1.0, 9.0, 3.0, 4.0), id="tokens were generated"),
        pytest.param(COUNTERS.format(1.0, 2.0, 9.0, 4.0), id="steps of a long prompt were made"),
        pytest.param(COUNTERS.format(0.0, 0.0, 0.0, 4.0), id="it was restarted"),
    ],
)
def test_an_engine_that_moves_is_never_asked_for_a_completion(after: str, tmp_path: Path) -> None:
    with serving(Engine(metrics=[BEFORE, after], completion_status=None)) as engine:
        codes = [probe(engine, tmp_path / "memory").code for _ in range(2)]

    assert (codes, engine.asked) == ([0, 0], ["/metrics", "/metrics"])


@pytest.mark.parametrize(
    ("status", "code"),
    [
        pytest.param(200, 0, id="it answers"),
        pytest.param(404, 0, id="it refuses: not a generative model"),
        pytest.param(400, 0, id="it refuses the request"),
        pytest.param(500, 1, id="it fails"),
        pytest.param(None, 1, id="it hangs"),
    ],
)
def test_an_engine_that_stands_still_must_answer_a_completion(status: int | None, code: int, tmp_path: Path) -> None:
    still = COUNTERS.format(1.0, 2.0, 3.0, 99.0)
    with serving(Engine(metrics=[BEFORE, still], completion_status=status)) as engine:
        first, second = (probe(engine, tmp_path / "memory") for _ in range(2))

    assert (first.code, second.code) == (0, code)
    assert json.loads(engine.asked[-1]) == {"model": "llama", "prompt": "ping", "max_tokens": 1}


@pytest.mark.parametrize(
    ("status", "is_gone"), [pytest.param(503, False, id="no metrics"), pytest.param(200, True, id="nobody there")]
)
def test_an_engine_that_cannot_be_asked_is_not_alive(status: int, *, is_gone: bool, tmp_path: Path) -> None:
    with serving(Engine(metrics_status=status)) as engine:
        ended = probe(engine, tmp_path / "memory")
    if is_gone:
        ended = probe(engine, tmp_path / "memory")

    assert ended.code == 1
    assert ended.said.startswith("the engine does not answer: ")


def test_it_runs_by_itself_in_a_pod() -> None:
    with serving(Engine(metrics_status=500)) as engine:
        ended = run_as_in_a_pod("liveness", engine.url, "llama", SECONDS)

    assert ended == Ended(1, "the engine does not answer: HTTP Error 500: Internal Server Error\n")
