"""Health, readiness and metrics over HTTP."""

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from modelfleet.controller.serve.http import Check, HttpServer


async def fetch(path: str, *, live: dict[str, Check] | None = None, ready: dict[str, Check] | None = None) -> str:
    registry = CollectorRegistry()
    Counter("modelfleet_tests", "Tests.", registry=registry).inc()
    server = HttpServer(0, host="127.0.0.1", live=live or {}, ready=ready or {}, registry=registry)
    async with server, aiohttp.ClientSession() as session:
        answer = await session.get(f"http://127.0.0.1:{server.port}{path}")
        return f"{answer.status} {answer.content_type}\n{await answer.text()}"


@pytest.mark.parametrize(
    ("checks", "answer"),
    [
        pytest.param({}, "200 text/plain\nok\n", id="nothing to check"),
        pytest.param({"watches": lambda: None}, "200 text/plain\nwatches: ok\n", id="healthy"),
        pytest.param(
            {"queue": lambda: None, "watches": lambda: "pods are stale"},
            "503 text/plain\nqueue: ok\nwatches: pods are stale\n",
            id="a problem",
        ),
    ],
)
async def test_probes_tell_each_check(checks: dict[str, Check], answer: str) -> None:
    assert await fetch("/healthz", live=checks) == answer
    assert await fetch("/readyz", ready=checks) == answer


async def test_metrics_are_prometheus_text() -> None:
    answer = await fetch("/metrics")

    assert answer.startswith("200 text/plain")
    assert "modelfleet_tests_total 1.0" in answer
