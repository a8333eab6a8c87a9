"""The table of paths in a real Envoy: what is in it is served, and nothing else, however it is written."""

from collections.abc import Iterator

import pytest
from tests.envoy.client_listener import ALICE, CHAT, KEYS, ClientListener, client_listener, error_of, table

from modelfleet.gateway.ir import Gateway
from modelfleet.gateway.paths import PATHS, Api, ModelIn, Path

BODY = b'{"model": "chat"}'


@pytest.fixture(scope="module")
def gateway() -> Iterator[ClientListener]:
    tables = {each.name: each for each in (table("chat"),)}
    with client_listener(Gateway(tables=tables, keys=KEYS)) as running:
        yield running


def raw(gateway: ClientListener, path: str, method: str = "POST") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nauthorization: Bearer {ALICE}\r\n"
    return gateway.raw(head.encode() + b"content-length: %d\r\n\r\n%s" % (len(BODY), BODY))


@pytest.mark.parametrize("entry", [entry for entry in PATHS if entry.model_in is ModelIn.JSON], ids=lambda e: e.path)
def test_every_path_that_takes_a_model_reaches_the_engine(gateway: ClientListener, entry: Path) -> None:
    answer = gateway.post(BODY, path=f"{entry.path}?beta=true", method=entry.method)

    assert answer.status_code == 200
    assert gateway.engine.last.path == f"{entry.path}?beta=true"
    assert gateway.engine.last.body == BODY


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/health",
        "/metrics",
        "/version",
        "/load",
        "/ping",
        "/docs",
        "/openapi.json",
        "/sleep",
        "/wake_up",
        "/is_sleeping",
        "/reset_prefix_cache",
        "/collective_rpc",
        "/server_info",
        "/start_profile",
        "/invocations",
        "/v1/load_lora_adapter",
        "/v1/unload_lora_adapter",
        "/adapters",
        "/scale_elastic_ep",
        "/v1/responses/resp_1",
        "/v1/responses/resp_1/cancel",
        "/V1/chat/completions",
        "/v1/chat/completions/",
        "/v1/chat/completions;a=b",
        "/v1/chat/completions/../../../metrics",
        "/v1/%2e%2e/metrics",
        "/v1/../sleep",
        "//metrics",
        "/metrics?/v1/chat/completions",
        "/v1/chat%20/completions",
        "/v1/models/",
        "/v1/modelsx",
        "/v1%2fchat/completions",
        "/v1/chat%2Fcompletions",
        "/v1/chat%5ccompletions",
        "/v1/models%2fchat",
    ],
)
def test_nothing_else_of_an_engine_is_reached(gateway: ClientListener, path: str) -> None:
    before = len(gateway.engine.asked)
    statuses = {raw(gateway, path, method).split()[1] for method in ("POST", "GET")}

    assert statuses == {b"404"}
    assert len(gateway.engine.asked) == before


@pytest.mark.parametrize("path", ["/v1/chat/completions%00", "/v1/chat/completions#x"])
def test_paths_that_two_servers_read_differently_are_malformed(gateway: ClientListener, path: str) -> None:
    answer = raw(gateway, path)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"type":"invalid_request_error"' in answer


@pytest.mark.parametrize(
    "path", ["//v1//chat/completions", "/v1/./chat/completions", "/v1/%63hat/completions", "/x/../v1/chat/completions"]
)
def test_the_engine_gets_the_path_that_was_checked(gateway: ClientListener, path: str) -> None:
    answer = raw(gateway, path)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert gateway.engine.last.path == CHAT


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_a_path_is_served_for_its_method_only(gateway: ClientListener, method: str) -> None:
    assert gateway.post(b"", method=method).status_code == 404


def test_the_error_names_what_was_asked_for(gateway: ClientListener) -> None:
    error = error_of(gateway.post(b"", method="GET", path="/metrics"))

    assert error["message"] == "There is no GET /metrics here."
    assert error["code"] == "unknown_url"


def test_an_unknown_path_is_refused_before_its_body_is_read(gateway: ClientListener) -> None:
    head = b"POST /invocations HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"

    assert gateway.raw(head).startswith(b"HTTP/1.1 404 ")


def test_websockets_are_not_served(gateway: ClientListener) -> None:
    head = b"GET /v1/realtime HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"

    assert gateway.raw(head).split()[1] in {b"403", b"404"}


def test_errors_have_the_shape_of_the_api_of_their_path(gateway: ClientListener) -> None:
    for entry in PATHS:
        answer = gateway.post(b"{", path=entry.path, method=entry.method, key="key-of-nobody-000")
        body = answer.json()

        assert answer.status_code == 401
        assert ("type" in body) == (entry.api is Api.ANTHROPIC)
        assert (body["error"]["type"] == "authentication_error") == (entry.api is Api.ANTHROPIC)
