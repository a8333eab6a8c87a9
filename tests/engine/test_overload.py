"""What an engine does when it has more than it can take, sleeps, hangs or dies."""

import asyncio
from typing import Any

import pytest
from aiohttp import ClientResponse, ServerDisconnectedError
from tests.engine.servers import InProcess, eventually, start_in_process

_LONG = {"prompt": "x", "max_tokens": 60_000, "ignore_eos": True}


async def _post(server: InProcess, path: str = "/v1/completions", **body: Any) -> ClientResponse:
    return await server.client.post(path, json={**_LONG, **body})


async def _gauges(server: InProcess) -> dict[str, float]:
    page = await (await server.client.get("/metrics")).text()
    lines = [line for line in page.splitlines() if line.startswith("vllm:") and "_bucket" not in line]
    return {line.split(" ")[0].split("{")[0].removeprefix("vllm:"): float(line.split(" ")[-1]) for line in lines}


async def _hold(server: InProcess, count: int) -> list[asyncio.Task[ClientResponse]]:
    """Send *count* long streams and wait until the engine has taken them up."""
    tasks = [asyncio.ensure_future(_post(server, stream=True)) for _ in range(count)]
    engine = server.context.client.engines[0]
    await eventually(lambda: engine.load.running + engine.load.waiting == count, what="all were taken up")
    return tasks


async def test_what_exceeds_the_seats_waits(servers: list[InProcess]) -> None:
    servers.append(await start_in_process("--max-num-seqs", "2"))
    held = await _hold(servers[0], 5)
    gauges = await _gauges(servers[0])

    assert (gauges["num_requests_running"], gauges["num_requests_waiting"]) == (2, 3)
    for task in held:
        (await task).close()


async def test_a_full_queue_refuses_with_503_and_a_stream_inside_its_200(servers: list[InProcess]) -> None:
    servers.append(await start_in_process("--max-num-queued-reqs", "2"))
    held = await _hold(servers[0], 2)
    whole = await _post(servers[0])
    stream = await _post(servers[0], stream=True)
    text = await stream.text()

    assert whole.status == 503
    assert stream.status == 200
    assert '"code":503' in text
    assert text.endswith("data: [DONE]\n\n")
    assert servers[0].context.store.number("vllm:admission_rejections", "max_num_queued_reqs").value == 2
    for task in held:
        (await task).close()


async def test_scarce_kv_cache_turns_running_into_waiting(servers: list[InProcess]) -> None:
    arguments = ("--max-model-len", "2048", "--num-gpu-blocks-override", "160", "--max-num-seqs", "16")
    servers.append(await start_in_process(*arguments, VLLM_STANDIN_STEP_SCALE="0.05"))
    answers = [asyncio.ensure_future(_post(servers[0], max_tokens=700)) for _ in range(10)]
    engine = servers[0].context.client.engines[0]
    await eventually(lambda: engine.load.waiting > 0, what="somebody was preempted")

    assert engine.load.kv_cache_usage > 0.8
    assert {(await answer).status for answer in answers} == {200}
    assert (await _gauges(servers[0]))["num_preemptions_total"] > 0


async def test_a_sleeping_engine_is_healthy_and_hides_what_waits(servers: list[InProcess]) -> None:
    servers.append(await start_in_process("--enable-sleep-mode", VLLM_SERVER_DEV_MODE="1"))
    client = servers[0].client
    asleep = await client.post("/sleep?level=1")
    pending = asyncio.ensure_future(_post(servers[0], max_tokens=3))
    await eventually(lambda: servers[0].context.client.in_flight == 1, what="the request has arrived")
    page = await (await client.get("/metrics")).text()
    gauges = await _gauges(servers[0])
    sleeping = await (await client.get("/is_sleeping")).json()

    assert (asleep.status, (await client.get("/health")).status, sleeping) == (200, 200, {"is_sleeping": True})
    assert (gauges["num_requests_running"], gauges["num_requests_waiting"]) == (0, 0)
    assert 'sleep_state="weights_offloaded"} 1.0' in page
    await client.post("/wake_up")
    assert (await pending).status == 200


async def test_the_routes_of_development_are_absent_otherwise(server: InProcess) -> None:
    assert (await server.client.post("/sleep")).status == 404
    assert (await server.client.post("/_standin/hang")).status == 404


async def test_a_hung_engine_is_healthy_with_frozen_gauges(servers: list[InProcess]) -> None:
    servers.append(await start_in_process(VLLM_STANDIN_FAULTS="1"))
    held = await _hold(servers[0], 1)
    await servers[0].client.post("/_standin/hang")
    pending = asyncio.ensure_future(_post(servers[0], max_tokens=1))
    await eventually(lambda: servers[0].context.client.in_flight == 2, what="the request has arrived")
    before = servers[0].context.store.number("vllm:generation_tokens").value
    gauges = await _gauges(servers[0])

    assert (await servers[0].client.get("/health")).status == 200
    assert (gauges["num_requests_running"], gauges["num_requests_waiting"]) == (1, 0)
    assert servers[0].context.store.number("vllm:generation_tokens").value == before
    assert not pending.done()
    for task in (*held, pending):
        task.cancel()


async def test_a_dead_engine_fails_streams_inside_their_200_and_health_with_503(servers: list[InProcess]) -> None:
    servers.append(await start_in_process(VLLM_STANDIN_FAULTS="1"))
    (held,) = await _hold(servers[0], 1)
    await servers[0].client.post("/_standin/kill-engine")
    text = await (await held).text()

    assert text.endswith("data: [DONE]\n\n")
    assert '"code":500' in text
    assert (await servers[0].client.get("/health")).status == 503
    assert (await _post(servers[0])).status == 500


async def test_requests_fail_as_they_are_told_and_health_stays(servers: list[InProcess]) -> None:
    servers.append(await start_in_process(VLLM_STANDIN_FAULTS="1"))
    client = servers[0].client
    await client.post("/_standin/fail?how=429")
    limited = (await _post(servers[0])).status
    await client.post("/_standin/fail?how=reset")
    with pytest.raises(ServerDisconnectedError):
        await _post(servers[0])
    await client.post("/_standin/fail?how=hang")
    hanging = asyncio.ensure_future(_post(servers[0]))

    assert limited == 429
    assert (await client.get("/health")).status == 200
    assert not hanging.done()
    hanging.cancel()


async def test_load_is_shared_between_ranks(servers: list[InProcess]) -> None:
    servers.append(await start_in_process("-dp", "2"))
    tasks = [asyncio.ensure_future(_post(servers[0], stream=True)) for _ in range(4)]
    engines = servers[0].context.client.engines
    await eventually(lambda: [engine.load.running for engine in engines] == [2, 2], what="both ranks run two")
    for task in tasks:
        (await task).close()
