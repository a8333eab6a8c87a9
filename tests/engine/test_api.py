"""The HTTP API: status codes, shapes and the rules about names, keys and lengths."""

import json
from typing import Any

import pytest
from aiohttp import ClientResponse
from tests.engine.servers import InProcess, eventually, start_in_process

_HELLO = {"messages": [{"role": "user", "content": "hello"}]}


def _events(text: str) -> list[Any]:
    """Return the data of every event, the end mark as it is."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]


async def _chat(server: InProcess, **body: Any) -> ClientResponse:
    return await server.client.post("/v1/chat/completions", json={**_HELLO, **body})


async def test_an_answer_ends_by_itself_when_nothing_limits_it(server: InProcess) -> None:
    value = await (await _chat(server)).json()

    assert value["choices"][0]["finish_reason"] == "stop"
    assert 32 <= value["usage"]["completion_tokens"] <= 256
    assert len(value["choices"][0]["message"]["content"]) == 4 * value["usage"]["completion_tokens"]


async def test_the_same_question_gets_the_same_answer(server: InProcess) -> None:
    first, second = [(await (await _chat(server, max_tokens=9)).json())["choices"][0] for _ in range(2)]

    assert first == second


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_a_test_gets_exactly_the_tokens_it_asks_for(server: InProcess, name: str) -> None:
    value = await (await _chat(server, ignore_eos=True, **{name: 500})).json()

    assert value["usage"]["completion_tokens"] == 500
    assert value["choices"][0]["finish_reason"] == "length"


async def test_a_stream_has_a_role_text_a_finish_reason_and_an_end_mark(server: InProcess) -> None:
    events = _events(await (await _chat(server, stream=True, max_tokens=20)).text())
    choices = [event["choices"][0] for event in events[:-1]]

    assert choices[0]["delta"] == {"role": "assistant", "content": ""}
    assert len("".join(choice["delta"]["content"] for choice in choices)) == 80
    assert [choice["finish_reason"] for choice in choices if choice["finish_reason"]] == ["length"]
    assert events[-1] == "[DONE]"


@pytest.mark.parametrize(
    ("arguments", "options", "expected"),
    [
        pytest.param((), None, None, id="not asked"),
        pytest.param((), {"include_usage": True}, 20, id="asked"),
        pytest.param(("--enable-force-include-usage",), None, 20, id="forced"),
    ],
)
async def test_a_stream_carries_usage_when_asked_or_forced(
    servers: list[InProcess], arguments: tuple[str, ...], options: dict[str, bool] | None, expected: int | None
) -> None:
    servers.append(await start_in_process(*arguments))
    text = await (await _chat(servers[0], stream=True, max_tokens=20, stream_options=options)).text()
    usage = [event["usage"] for event in _events(text)[:-1] if "usage" in event]

    assert [counts["completion_tokens"] for counts in usage] == ([expected] if expected else [])


async def test_a_silent_stream_is_kept_alive_by_comments(servers: list[InProcess]) -> None:
    servers.append(await start_in_process("--sse-keep-alive-interval", "1", VLLM_SERVER_DEV_MODE="1"))
    await servers[0].client.post("/pause")
    answer = await _chat(servers[0], stream=True, max_tokens=2)
    first = await answer.content.readline()
    await servers[0].client.post("/resume")

    assert first == b": keep-alive\n"
    assert (await answer.text()).endswith("data: [DONE]\n\n")


async def test_continuous_usage_is_in_every_chunk(server: InProcess) -> None:
    options = {"include_usage": True, "continuous_usage_stats": True}
    events = _events(await (await _chat(server, stream=True, max_tokens=5, stream_options=options)).text())

    assert all("usage" in event for event in events[:-1])


async def test_several_answers_have_their_own_index_and_text(server: InProcess) -> None:
    whole = await (await _chat(server, n=3, max_tokens=8)).json()
    events = _events(await (await _chat(server, n=3, max_tokens=8, stream=True)).text())
    streamed = ["", "", ""]
    for event in events[:-1]:
        streamed[event["choices"][0]["index"]] += event["choices"][0]["delta"]["content"]

    assert [choice["message"]["content"] for choice in whole["choices"]] == streamed
    assert len(set(streamed)) == 3


async def test_a_stop_text_ends_the_answer_before_it(server: InProcess) -> None:
    text = (await (await _chat(server, max_tokens=30)).json())["choices"][0]["message"]["content"]
    word = text.split()[10]
    stopped = (await (await _chat(server, max_tokens=30, stop=[word])).json())["choices"][0]

    assert stopped["finish_reason"] == "stop"
    assert stopped["message"]["content"] == text[: text.index(word)]


async def test_a_completion_continues_every_prompt_with_sixteen_tokens(server: InProcess) -> None:
    body = {"prompt": ["one", "two"], "ignore_eos": True}
    value = await (await server.client.post("/v1/completions", json=body)).json()

    assert value["object"] == "text_completion"
    assert [choice["index"] for choice in value["choices"]] == [0, 1]
    assert value["usage"]["completion_tokens"] == 32


async def test_token_ids_are_a_prompt_too(server: InProcess) -> None:
    body = {"prompt": [1, 2, 3], "max_tokens": 1}
    value = await (await server.client.post("/v1/completions", json=body)).json()

    assert value["usage"]["prompt_tokens"] == 3


async def test_responses_and_messages_answer_in_their_own_shapes(server: InProcess) -> None:
    response = await (await server.client.post("/v1/responses", json={"input": "hi", "max_output_tokens": 7})).json()
    body = {**_HELLO, "max_tokens": 7}
    message = await (await server.client.post("/v1/messages", json=body)).json()

    assert response["status"] == "incomplete"
    assert response["usage"]["output_tokens"] == 7
    assert message["stop_reason"] == "max_tokens"
    assert len(message["content"][0]["text"]) == 28


@pytest.mark.parametrize(
    ("path", "body", "last"),
    [
        pytest.param("/v1/responses", {"input": "hi", "max_output_tokens": 7}, "response.incomplete", id="responses"),
        pytest.param("/v1/messages", {**_HELLO, "max_tokens": 7}, "message_stop", id="messages"),
    ],
)
async def test_their_streams_end_with_an_event_of_their_own(
    server: InProcess, path: str, body: dict[str, Any], last: str
) -> None:
    events = _events(await (await server.client.post(path, json={**body, "stream": True})).text())

    assert events[-1]["type"] == last


async def test_cached_prompt_tokens_are_reported_when_enabled(servers: list[InProcess]) -> None:
    servers.append(await start_in_process("--enable-prompt-tokens-details"))
    body = {"prompt": "x" * 400, "max_tokens": 1}
    for _ in range(2):
        value = await (await servers[0].client.post("/v1/completions", json=body)).json()

    assert value["usage"]["prompt_tokens_details"] == {"cached_tokens": 96}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        pytest.param({"model": "nobody"}, 404, "The model `nobody` does not exist.", id="unknown model"),
        pytest.param({"max_tokens": 200_000}, 400, "is too large: 200000", id="longer than the context"),
        pytest.param({"max_tokens": 0}, 400, "max_tokens must be at least 1, got 0.", id="no tokens"),
        pytest.param({"max_tokens": "many"}, 400, "valid integer", id="not a number"),
        pytest.param({"n": 0}, 400, "n must be at least 1", id="no answers"),
        pytest.param({"messages": []}, 400, "messages", id="no messages"),
        pytest.param({"messages": [{"content": "x"}]}, 400, "role", id="no role"),
        pytest.param({"tools": [{"type": "function"}]}, 400, "--enable-auto-tool-choice", id="tools not enabled"),
        pytest.param({"messages": [{"role": "user", "content": "x" * 600_000}]}, 400, "maximum context", id="long"),
    ],
)
async def test_a_bad_request_is_answered_in_vllms_shape(
    server: InProcess, body: dict[str, Any], status: int, message: str
) -> None:
    answer = await _chat(server, **body)
    error = (await answer.json())["error"]

    assert (answer.status, error["code"]) == (status, status)
    assert message in error["message"]


async def test_what_is_not_json_is_a_bad_request(server: InProcess) -> None:
    headers = {"Content-Type": "application/json"}
    broken = await server.client.post("/v1/completions", data="{", headers=headers)
    text = await server.client.post("/v1/completions", data="{}", headers={"Content-Type": "text/plain"})

    assert (broken.status, text.status) == (400, 400)


async def test_older_releases_have_errors_without_nesting(servers: list[InProcess]) -> None:
    servers.append(await start_in_process(release="0.9.2"))
    value = await (await _chat(servers[0], model="nobody")).json()

    assert (value["object"], value["code"]) == ("error", 404)


async def test_every_served_name_works_and_the_first_one_answers(servers: list[InProcess]) -> None:
    servers.append(await start_in_process("--served-model-name", "chat", "other"))
    listed = await (await servers[0].client.get("/v1/models")).json()
    value = await (await _chat(servers[0], model="other", max_tokens=1)).json()

    assert [card["id"] for card in listed["data"]] == ["chat", "other"]
    assert listed["data"][0]["max_model_len"] == 131072
    assert value["model"] == "chat"


@pytest.mark.parametrize(
    ("release", "status"), [pytest.param("0.20.2", 404, id="too old"), pytest.param("0.21.0", 200, id="0.21")]
)
async def test_any_name_is_the_base_model_when_names_are_not_validated(
    servers: list[InProcess], release: str, status: int
) -> None:
    servers.append(await start_in_process(release=release, VLLM_SKIP_MODEL_NAME_VALIDATION="1"))
    answer = await _chat(servers[0], model="virtual", max_tokens=1)

    assert answer.status == status
    if status == 200:
        assert (await answer.json())["model"] == "meta-llama/Llama-3.1-8B-Instruct"


async def test_adapters_come_before_everything_else(servers: list[InProcess]) -> None:
    arguments = ("--enable-lora", "--lora-modules", "sql=/adapters/sql", '{"name":"law","path":"org/law"}')
    servers.append(await start_in_process(*arguments, VLLM_SKIP_MODEL_NAME_VALIDATION="1"))
    listed = await (await servers[0].client.get("/v1/models")).json()
    value = await (await _chat(servers[0], model="law", max_tokens=1)).json()
    page = await (await servers[0].client.get("/metrics")).text()

    assert [(card["id"], card["parent"]) for card in listed["data"][1:]] == [
        ("sql", "meta-llama/Llama-3.1-8B-Instruct"),
        ("law", "meta-llama/Llama-3.1-8B-Instruct"),
    ]
    assert value["model"] == "law"
    assert 'vllm:lora_requests_info{max_lora="1",running_lora_adapters="law",waiting_lora_adapters="law"}' in page


async def test_adapters_come_and_go_at_run_time_when_allowed(servers: list[InProcess]) -> None:
    servers.append(await start_in_process("--enable-lora", VLLM_ALLOW_RUNTIME_LORA_UPDATING="True"))
    post = servers[0].client.post
    body = {"lora_name": "sql", "lora_path": "org/sql"}
    statuses = [
        (await post("/v1/load_lora_adapter", json=body)).status,
        (await post("/v1/load_lora_adapter", json=body)).status,
        (await post("/v1/load_lora_adapter", json={"lora_name": "x", "lora_path": "/nowhere"})).status,
        (await _chat(servers[0], model="sql", max_tokens=1)).status,
        (await post("/v1/unload_lora_adapter", json=body)).status,
        (await post("/v1/unload_lora_adapter", json=body)).status,
    ]

    assert statuses == [200, 400, 404, 200, 200, 404]


async def test_a_key_guards_v1_and_nothing_else(servers: list[InProcess]) -> None:
    servers.append(await start_in_process("--api-key", "secret", "spare"))
    client, body = servers[0].client, {"prompt": "x", "max_tokens": 1}
    guarded = await client.post("/v1/completions", json=body)
    given = await client.post("/v1/completions", json=body, headers={"Authorization": "Bearer spare"})
    open_ones = [await client.get(path) for path in ("/health", "/metrics", "/load", "/version")]
    open_ones += [await client.post(path, json=body) for path in ("/tokenize", "/invocations")]

    assert (guarded.status, given.status) == (401, 200)
    assert {answer.status for answer in open_ones} == {200}


async def test_small_questions_are_answered(server: InProcess) -> None:
    client = server.client

    assert await (await client.get("/version")).json() == {"version": "0.33.0"}
    assert await (await client.get("/load")).json() == {"server_load": 0}
    assert {(await client.get("/ping")).status, (await client.post("/ping")).status} == {200}
    assert (await client.get("/nowhere")).status == 404


async def test_tokens_and_text_go_both_ways(server: InProcess) -> None:
    tokens = (await (await server.client.post("/tokenize", json={"prompt": "größer als 4"})).json())["tokens"]
    text = await (await server.client.post("/detokenize", json={"tokens": tokens})).json()

    assert text == {"prompt": "größer als 4"}


@pytest.mark.parametrize("path", ["/v1/embeddings", "/v1/rerank", "/score", "/pooling"])
async def test_a_generating_model_has_no_pooling_routes(server: InProcess, path: str) -> None:
    assert (await server.client.post(path, json={"input": "x"})).status == 404


async def test_a_pooling_model_embeds_scores_and_reranks_and_does_not_chat(servers: list[InProcess]) -> None:
    servers.append(await start_in_process("--enforce-eager", model="BAAI/bge-m3"))
    post = servers[0].client.post
    embedded = await (await post("/v1/embeddings", json={"input": ["a", "b"], "dimensions": 8})).json()
    scored = await (await post("/score", json={"text_1": "a", "text_2": ["b", "c"]})).json()
    ranked = await (await post("/v1/rerank", json={"query": "a", "documents": ["b", "c"], "top_n": 1})).json()

    assert [len(entry["embedding"]) for entry in embedded["data"]] == [8, 8]
    assert len(scored["data"]) == 2
    assert len(ranked["results"]) == 1
    assert (await _chat(servers[0])).status == 404


async def test_the_load_report_is_given_on_request_and_not_for_streams(server: InProcess) -> None:
    headers = {"endpoint-load-metrics-format": "JSON"}
    body = {"prompt": "x", "max_tokens": 1}
    whole = await server.client.post("/v1/completions", json=body, headers=headers)
    stream = await server.client.post("/v1/completions", json={**body, "stream": True}, headers=headers)

    assert "num_requests_waiting" in whole.headers["endpoint-load-metrics"]
    assert "endpoint-load-metrics" not in stream.headers


async def test_a_client_that_leaves_frees_its_place_and_is_not_counted(server: InProcess) -> None:
    answer = await _chat(server, stream=True, max_tokens=100_000, ignore_eos=True)
    await answer.content.readany()
    engine = server.context.client.engines[0]
    assert engine.load.running == 1
    answer.close()
    await eventually(lambda: engine.load.running == 0, what="the sequence is gone")
    page = await (await server.client.get("/metrics")).text()

    assert engine.scheduler.cache.used == 0
    assert 'vllm:request_success_total{engine="0",finished_reason="abort",model_name="meta' in page
    assert all(line.endswith(" 0.0") for line in page.splitlines() if line.startswith("vllm:request_success_total"))
