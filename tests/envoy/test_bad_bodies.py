"""Bodies that are hostile, broken or large, in a real Envoy: which model they name, or how they are refused."""

import json
import socket
import time
from collections.abc import Iterator

import pytest
from tests.apiserver.waiting import eventually
from tests.envoy.client_listener import ALICE, CHAT, KEYS, ClientListener, client_listener, error_of, table
from tests.envoy.envoy_process import LOOPBACK

from modelfleet.gateway.ir import Frame, Gateway

LIMIT = 4 * 1024 * 1024
HEAD = (
    f"POST {CHAT} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer {ALICE}\r\n".encode()
)


@pytest.fixture(scope="module")
def gateway() -> Iterator[ClientListener]:
    tables = {each.name: each for each in (table("chat"), table("secret", users=("carol",)), table("a,b;c=d|e/f:g"))}
    with client_listener(Gateway(frame=Frame(max_body_bytes=LIMIT), tables=tables, keys=KEYS)) as running:
        yield running


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"model": "chat"}', id="plain"),
        pytest.param(b'{"mod\\u0065l": "ch\\u0061t"}', id="escaped"),
        pytest.param(b'{"x": {"model": "secret"}, "model": "chat"}', id="nested decoy before"),
        pytest.param(b'{"model": "chat", "x": [{"model": "secret"}]}', id="nested decoy behind"),
        pytest.param(b'{"x": "\\"model\\": \\"secret\\"", "model": "chat"}', id="decoy in a text"),
        pytest.param(b'{"model": "secret", "model": "chat"}', id="twice"),
        pytest.param(b'{"model": 5, "model": "chat"}', id="twice, first a number"),
        pytest.param(b'\xef\xbb\xbf{"model": "chat"}', id="byte order mark"),
        pytest.param(b'{"seed": 18446744073709551616, "model": "chat"}', id="an integer beyond 64 bits"),
        pytest.param(b'{"model": "chat", "x": ' + b"[" * 100 + b"]" * 100 + b"}", id="nested a hundred times"),
    ],
)
def test_the_model_is_the_one_that_the_engine_will_read(gateway: ClientListener, body: bytes) -> None:
    answer = gateway.post(body)

    assert answer.status_code == 200
    assert gateway.engine.last.headers["x-modelfleet-model"] == "chat"
    assert gateway.engine.last.headers["x-modelfleet-body-bytes"] == str(len(body))
    assert gateway.engine.last.body == body
    assert json.loads(body)["model"] == "chat"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        pytest.param(b"", "model", id="empty"),
        pytest.param(b"{}", "model", id="no model"),
        pytest.param(b"model=chat", "model", id="not JSON"),
        pytest.param(b'{"model": "chat"', "model", id="cut off"),
        pytest.param(b'{"model": "chat"} {}', "model", id="something behind"),
        pytest.param(b'[{"model": "chat"}]', "model", id="a list"),
        pytest.param(b'"chat"', "model", id="a text"),
        pytest.param(b"null", "model", id="null"),
        pytest.param(b'{"model": 5}', "model", id="model is a number"),
        pytest.param(b'{"model": null}', "model", id="model is null"),
        pytest.param(b'{"model": true}', "model", id="model is a boolean"),
        pytest.param(b'{"model": ["chat"]}', "model", id="model is a list"),
        pytest.param(b'{"model": {"model": "chat"}}', "model", id="model is an object"),
        pytest.param(b'{"model": ""}', "model", id="model is empty"),
        pytest.param(b'{"model": "chat", "model": 5}', "model", id="twice, last a number"),
        pytest.param('{"model": "chat"}'.encode("utf-16"), "model", id="UTF-16"),
        pytest.param(b'{"model": "chat", "x": NaN}', "model", id="not a number"),
        pytest.param(b'{"model": "chat", "x": "\xff"}', "model", id="not UTF-8"),
        pytest.param(b'{"model": "chat", /* x */ "y": 1}', "model", id="a comment"),
        pytest.param(b'{"model": "chat", "x": ' + b"[" * 500000 + b"]" * 500000 + b"}", "model", id="deep lists"),
        pytest.param(b'{"x": ' + b'{"a": ' * 300000 + b"1" + b"}" * 300000 + b"}", "model", id="deep objects"),
        pytest.param(b'{"model": "chat", "max_tokens": -1}', "max_tokens", id="a negative maximum"),
        pytest.param(b'{"model": "chat", "max_tokens": 1.5}', "max_tokens", id="a fraction"),
        pytest.param(b'{"model": "chat", "max_completion_tokens": "9"}', "max_completion_tokens", id="a text"),
        pytest.param(b'{"model": "chat", "max_output_tokens": true}', "max_output_tokens", id="a boolean"),
        pytest.param(b'{"model": "chat", "n": 0}', "n", id="no answers"),
        pytest.param(b'{"model": "chat", "n": -3}', "n", id="fewer than no answers"),
    ],
)
def test_a_body_without_a_plain_model_is_refused_with_a_sentence(
    gateway: ClientListener, body: bytes, param: str
) -> None:
    before = len(gateway.engine.asked)
    answer = gateway.post(body)

    assert answer.status_code == 400
    assert error_of(answer)["param"] == param
    assert error_of(answer)["type"] == "invalid_request_error"
    assert len(gateway.engine.asked) == before


@pytest.mark.parametrize(
    "name",
    [
        "chat\0",
        "chat\r\nx-modelfleet-user: root",
        "chat\n",
        "chat ",
        "ch\u00e4t",
        "\ud83d\ude00",
        '"',
        "\\",
        "-",
        "c" * 5000,
    ],
)
def test_a_name_that_no_header_can_carry_is_an_unknown_model(gateway: ClientListener, name: str) -> None:
    before = len(gateway.engine.asked)
    answer = gateway.ask(name)

    assert answer.status_code == 404
    assert error_of(answer)["code"] == "model_not_found"
    assert len(gateway.engine.asked) == before


def test_a_name_with_every_sign_a_scope_could_stumble_over_is_found(gateway: ClientListener) -> None:
    assert gateway.ask("a,b;c=d|e/f:g").status_code == 200


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON;charset=UTF-8", 200),
        ("text/plain", 400),
        ("application/x-www-form-urlencoded", 400),
        ("application/jsonp", 400),
        ("", 400),
    ],
)
def test_json_must_say_that_it_is_json(gateway: ClientListener, content_type: str, status: int) -> None:
    answer = gateway.post(b'{"model": "chat"}', headers={"content-type": content_type})

    assert answer.status_code == status


def test_two_content_types_are_refused(gateway: ClientListener) -> None:
    body = b'{"model": "chat"}'
    answer = gateway.raw(HEAD + b"content-type: text/plain\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_body_of_unknown_length_is_measured(gateway: ClientListener) -> None:
    answer = gateway.post(iter([b'{"model":', b' "chat"', b"}"]))

    assert answer.status_code == 200
    assert gateway.engine.last.headers["x-modelfleet-body-bytes"] == "17"


def test_a_body_as_large_as_allowed_passes(gateway: ClientListener) -> None:
    body = b'{"model": "chat", "x": "' + b"x" * (LIMIT - 1024) + b'"}'
    answer = gateway.post(body)

    assert answer.status_code == 200
    assert gateway.engine.last.body == body


@pytest.mark.parametrize("is_counted", [True, False], ids=["with a length", "in chunks"])
def test_a_body_that_is_larger_gets_413_and_the_limit(gateway: ClientListener, is_counted: bool) -> None:
    pieces = [b'{"model": "chat", "x": "', *[b"x" * 65536] * 100, b'"}']
    answer = gateway.post(b"".join(pieces) if is_counted else iter(pieces))

    assert answer.status_code == 413
    assert error_of(answer)["message"] == f"The body must have at most {LIMIT} bytes."


def test_a_body_that_ends_early_reaches_nobody(gateway: ClientListener) -> None:
    before = len(gateway.engine.asked)
    with socket.create_connection((LOOPBACK, gateway.port)) as connection:
        connection.sendall(HEAD + b'content-length: 100\r\n\r\n{"model": "chat"}')
    gone = "http.gateway.downstream_cx_destroy_remote_active_rq"
    eventually(lambda: gateway.envoy.stat(gone), "Envoy noticed that the client left")

    assert gateway.ask().status_code == 200
    assert len(gateway.engine.asked) == before + 1


def test_a_slow_body_holds_nobody_else_up(gateway: ClientListener) -> None:
    body = b'{"model": "chat"}'
    began = time.monotonic()

    def slowly() -> Iterator[bytes]:
        for at in range(len(body)):
            yield body[at : at + 1]
            if at == 8:
                assert gateway.ask().status_code == 200

    assert gateway.post(slowly()).status_code == 200
    assert time.monotonic() - began < 20
