"""Every error that a client can see, in a real Envoy: its status, shape, request id, and when to try again."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import anthropic
import openai
import pytest
from tests.envoy.client_listener import (
    ALICE,
    KEYS,
    ClientListener,
    client_listener,
    cluster,
    error_of,
    table,
)
from tests.envoy.envoy_process import LOOPBACK
from tests.envoy.stand_in_engine import Answer

from modelfleet.gateway.ir import Gateway

FULL, BROKEN = "models/full", "models/broken"
NAMES = ("chat", "dead", "empty", "full", "broken", "none")
LISTED = {"object": "list", "data": [{"id": "chat"}, {"id": "llama-8b"}]}


@pytest.fixture(scope="module")
def gateway() -> Iterator[ClientListener]:
    tables = {each.name: each for each in (table(name) for name in NAMES)}
    with ExitStack() as running:
        nothing = [{"max_connections": 0, "max_pending_requests": 0, "max_requests": 0}]
        clusters = {
            FULL: cluster(FULL, 9, circuit_breakers={"thresholds": nothing}),
            BROKEN: cluster(BROKEN, running.enter_context(closing_server())),
        }
        yield running.enter_context(client_listener(Gateway(tables=tables, keys=KEYS), clusters=clusters))


class closing_server:  # noqa: N801 (used like a function)
    """Accepts connections, and closes each as soon as a request came."""

    def __enter__(self) -> int:
        self._listener = socket.create_server((LOOPBACK, 0))
        threading.Thread(target=self._run, daemon=True).start()
        return int(self._listener.getsockname()[1])

    def __exit__(self, *error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _run(self) -> None:
        while True:
            try:
                connection = self._listener.accept()[0]
            except OSError:
                return
            with connection:
                connection.recv(65536)


@pytest.mark.parametrize(
    ("model", "status", "code", "anthropic_type"),
    [
        pytest.param("dead", 503, "model_unavailable", "api_error", id="nobody listens"),
        pytest.param("empty", 503, "model_unavailable", "api_error", id="no replica"),
        pytest.param("full", 429, "model_saturated", "overloaded_error", id="saturated"),
        pytest.param("broken", 503, "model_failed", "api_error", id="closes the connection"),
    ],
)
def test_a_backend_that_fails_is_an_error_with_a_time_to_try_again(
    gateway: ClientListener, model: str, status: int, code: str, anthropic_type: str
) -> None:
    answer, messages = gateway.ask(model), gateway.ask(model, path="/v1/messages")

    assert (answer.status_code, messages.status_code) == (status, status)
    assert error_of(answer)["code"] == code
    assert int(answer.headers["retry-after"]) >= 1
    assert messages.json()["type"] == "error"
    assert messages.json()["error"]["type"] == anthropic_type
    assert messages.json()["request_id"] == messages.headers["x-request-id"]


def test_what_an_engine_answers_is_left_as_it_is(gateway: ClientListener) -> None:
    body = json.dumps({"error": {"message": "too long", "type": "BadRequestError"}}).encode()
    for status in (400, 401, 403, 404, 413, 422, 429, 500, 503):
        gateway.engine.answer = Answer(status, {"content-type": "application/json", "x-from": "engine"}, body)
        answer = gateway.ask()

        assert (answer.status_code, answer.content, answer.headers["x-from"]) == (status, body, "engine")
        assert answer.headers["x-request-id"]
    gateway.engine.answer = Answer()


@pytest.mark.parametrize("name", ["llama", "meta-llama/Llama-3.1-8B", 'a"b', "x" * 300])
def test_an_unknown_model_is_404_and_lists_what_the_caller_may_use(gateway: ClientListener, name: str) -> None:
    gateway.operator.answer = Answer(body=json.dumps(LISTED).encode())
    error = error_of(gateway.ask(name))

    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", "model", "model_not_found")
    assert error["message"].endswith("You may use: chat, llama-8b.")
    assert gateway.operator.last.headers["x-modelfleet-user"] == "alice"


def test_an_unknown_model_is_404_also_in_anthropics_shape(gateway: ClientListener) -> None:
    gateway.operator.answer = Answer(body=json.dumps(LISTED).encode())
    body = gateway.ask("llama", path="/v1/messages").json()

    assert (body["type"], body["error"]["type"]) == ("error", "not_found_error")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(500, body=b"oops"), id="the operator errs"),
        pytest.param(Answer(body=b"<html>"), id="the operator says something else"),
        pytest.param(Answer(body=b'{"data": []}'), id="there is nothing to use"),
        pytest.param(Answer(body=b'{"data": [{"id": "a\\"b"}]}'), id="a name that would break the JSON"),
    ],
)
def test_an_unknown_model_is_404_whatever_the_operator_says(gateway: ClientListener, answer: Answer) -> None:
    gateway.operator.answer = answer
    found = gateway.ask("llama")

    assert found.status_code == 404
    assert error_of(found)["code"] == "model_not_found"


def test_an_unknown_model_is_404_without_any_operator() -> None:
    with client_listener(Gateway(keys=KEYS), clusters={"operator-api": cluster("operator-api")}) as alone:
        error = error_of(alone.ask("llama"))

    assert error["message"] == "The model `llama` does not exist or you may not use it."


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(b"GARBAGE\r\n\r\n", 400, id="no HTTP"),
        pytest.param(b"POST /v1/models HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(b"POST / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 200_000 + b"\r\n\r\n", 431, id="large headers"),
        pytest.param(b"POST / HTTP/1.1\r\nhost: x\r\nx_y: 1\r\n\r\n", 400, id="an underscore"),
        pytest.param(
            b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            id="two lengths",
        ),
    ],
)
def test_what_is_no_proper_http_gets_the_same_shape(gateway: ClientListener, request_bytes: bytes, status: int) -> None:
    head, _, body = gateway.raw(request_bytes).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"content-type: application/json" in head
    error = json.loads(body)["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", None)
    assert error.get("request_id", "") is not None


def test_the_official_clients_know_the_errors(gateway: ClientListener) -> None:
    base = f"http://{LOOPBACK}:{gateway.port}"
    here, there = openai.DefaultHttpxClient(trust_env=False), anthropic.DefaultHttpxClient(trust_env=False)
    messages = [{"role": "user", "content": "hi"}]
    chat = openai.OpenAI(base_url=f"{base}/v1", api_key="key-of-nobody-000", max_retries=0, http_client=here)
    claude = anthropic.Anthropic(base_url=base, api_key=ALICE, max_retries=0, http_client=there)

    with pytest.raises(openai.AuthenticationError) as stranger:
        chat.chat.completions.create(model="chat", messages=messages)  # type: ignore[arg-type]
    with pytest.raises(openai.NotFoundError) as unknown:
        chat.with_options(api_key=ALICE).chat.completions.create(model="nope", messages=messages)  # type: ignore[arg-type]
    with pytest.raises(anthropic.NotFoundError) as unknown_there:
        claude.messages.create(model="nope", messages=messages, max_tokens=5)  # type: ignore[arg-type]
    with pytest.raises(anthropic.APIStatusError) as saturated:
        claude.messages.create(model="full", messages=messages, max_tokens=5)  # type: ignore[arg-type]

    assert stranger.value.code == "invalid_api_key"
    assert unknown.value.code == "model_not_found"
    assert unknown.value.request_id
    assert unknown_there.value.body["error"]["type"] == "not_found_error"  # type: ignore[index]
    assert saturated.value.status_code == 429
    here.close()
    there.close()
