"""What a real Envoy writes down about requests: one line each, counters and histograms, spans; never a prompt."""

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

import grpc
import pytest
from tests.apiserver.waiting import eventually
from tests.envoy import routing
from tests.envoy.client_listener import KEYS, ClientListener, client_listener, table
from tests.envoy.engines import engines
from tests.envoy.envoy_process import LOOPBACK
from tests.envoy.stand_in_engine import USAGE, Answer, StandInEngine, events

from modelfleet.gateway.ir import Attribution, Frame, Gateway, TokenPrice

POOL = routing.pool("silent")
SECRET = "the-words-of-a-prompt"
TABLES = (
    table("chat", attribution=Attribution("x-feature", "x-prompt-version")),
    table("other"),
    table("dead"),
    table("users", users=("carol",)),
)
PRICES = (TokenPrice("chat", prompt_cents_per_million=15, completion_cents_per_million=60),)


@pytest.fixture(scope="module")
def gateway() -> Iterator[ClientListener]:
    tables = {each.name: each for each in TABLES}
    with client_listener(Gateway(frame=Frame(token_prices=PRICES), tables=tables, keys=KEYS)) as running:
        yield running


@pytest.fixture(autouse=True)
def _usual_answer(gateway: ClientListener) -> Iterator[None]:
    yield
    gateway.engine.answer = Answer()


def prometheus(gateway: ClientListener, name: str) -> dict[str, float]:
    lines = gateway.envoy.get("/stats/prometheus?filter=modelfleet").text.splitlines()
    found = (line.rpartition(" ") for line in lines if re.match(rf"envoy_modelfleet_{name}\b", line))
    return {key: float(value) for key, _, value in found}


def test_a_line_says_who_asked_for_what_and_how_it_went(gateway: ClientListener) -> None:
    headers = {"x-feature": "search", "x-prompt-version": "v7"}
    answer = gateway.ask(headers=headers, messages=[{"role": "user", "content": SECRET}])
    line = gateway.logged(answer.headers["x-request-id"])
    expected = {
        "method": "POST",
        "path": "/v1/chat/completions",
        "scope": "models/people",
        "user": "alice",
        "team": "red",
        "priority": "High",
        "feature": "search",
        "prompt_version": "v7",
        "model": "chat",
        "rule": "only",
        "attempts": 1,
        "backend": "models/engine",
        "status": 200,
        "usage": {"prompt_tokens": 7, "completion_tokens": 3, "cached_tokens": 4},
        "bytes_out": len(gateway.engine.answer.body),
    }

    assert {key: line[key] for key in expected} == expected
    assert line["cost_cents"] == pytest.approx((7 * 15 + 3 * 60) / 1e6)
    assert {"time", "ttft_ms", "receive_ms", "gateway_ms", "headers_ms", "generate_ms", "duration_ms"} <= set(line)
    assert line["ttft_ms"] <= line["duration_ms"]


def test_a_stream_has_its_tokens_in_the_line_too(gateway: ClientListener) -> None:
    tokens = [{"choices": [{"delta": {"content": str(number)}}]} for number in range(5)]
    gateway.engine.answer = events(*tokens, {"choices": [], "usage": USAGE})
    answer = gateway.ask(stream=True)
    line = gateway.logged(answer.headers["x-request-id"])

    assert answer.content == gateway.engine.answer.body
    assert line["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "cached_tokens": 4}


@pytest.mark.parametrize("usage", [{"input_tokens": 9, "output_tokens": 2}, {"input_tokens": 9, "output_tokens": 0}])
def test_responses_and_messages_have_their_own_names_for_tokens(gateway: ClientListener, usage: dict[str, int]) -> None:
    gateway.engine.answer = Answer(body=json.dumps({"usage": usage}).encode())
    line = gateway.logged(gateway.ask(path="/v1/messages").headers["x-request-id"])

    assert line["usage"] == {"prompt_tokens": 9, "completion_tokens": usage["output_tokens"]}


def test_a_stream_of_messages_has_its_prompt_in_the_first_event(gateway: ClientListener) -> None:
    first = {"type": "message_start", "message": {"usage": {"input_tokens": 9, "output_tokens": 1}}}
    last = {"type": "message_delta", "usage": {"output_tokens": 5, "cache_read_input_tokens": 2}}
    gateway.engine.answer = events(first, last)
    line = gateway.logged(gateway.ask(path="/v1/messages", stream=True).headers["x-request-id"])

    assert line["usage"] == {"prompt_tokens": 9, "completion_tokens": 5, "cached_tokens": 2}


@pytest.mark.parametrize(
    "said",
    [
        pytest.param('{"usage": {"prompt_tokens": 1, "completion_tokens": 1}}', id="in what was said"),
        pytest.param("usage", id="as what was said"),
    ],
)
def test_what_is_said_is_not_taken_for_a_usage(gateway: ClientListener, said: str) -> None:
    message = {"role": "assistant", "content": said}
    gateway.engine.answer = Answer(body=json.dumps({"usage": USAGE, "choices": [{"message": message}]}).encode())
    line = gateway.logged(gateway.ask().headers["x-request-id"])

    assert line["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "cached_tokens": 4}


def test_a_usage_may_come_in_pieces(gateway: ClientListener) -> None:
    body = json.dumps({"choices": [], "usage": USAGE}).encode()
    gateway.engine.answer = Answer(body=body, in_pieces=True)
    line = gateway.logged(gateway.ask().headers["x-request-id"])

    assert line["usage"] == {"prompt_tokens": 7, "completion_tokens": 3, "cached_tokens": 4}


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not JSON", id="not JSON"),
        pytest.param(b'{"usage": null}', id="null"),
        pytest.param(b'{"usage": {"prompt_tokens": "many", "completion_tokens": [1]}}', id="of another type"),
        pytest.param(b'{"usage": {"prompt_tokens": 3}}', id="of the prompt alone"),
    ],
)
def test_a_usage_that_is_none_harms_nothing(gateway: ClientListener, body: bytes) -> None:
    gateway.engine.answer = Answer(body=body)
    answer = gateway.ask()

    assert (answer.status_code, answer.content) == (200, body)
    assert gateway.logged(answer.headers["x-request-id"])["status"] == 200


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream", "application/octet-stream"])
def test_an_answer_larger_than_any_buffer_passes(gateway: ClientListener, content_type: str) -> None:
    body = b'data: {"data": [' + b"0.123, " * 5_000_000 + b"0]}\n\n"
    gateway.engine.answer = Answer(headers={"content-type": content_type}, body=body)
    answer = gateway.ask()

    assert answer.status_code == 200
    assert len(answer.content) == len(body)


def test_nothing_of_a_prompt_or_a_key_is_written(gateway: ClientListener) -> None:
    for body in ({"model": "chat"}, {"model": "nope"}, {"model": SECRET * 100}, {"max_tokens": SECRET}, {"n": -1}):
        gateway.ask(**{"model": "chat", "messages": [{"content": f"{SECRET}!"}], **body})  # type: ignore[arg-type]
    last = gateway.ask("other").headers["x-request-id"]
    gateway.logged(last)

    assert f"{SECRET}!" not in gateway.envoy.log_text()
    assert SECRET * 6 not in gateway.envoy.log_text()
    assert not [key.key for key in KEYS if key.key in gateway.envoy.log_text()]


def test_a_name_that_nobody_has_is_in_the_line_alone(gateway: ClientListener) -> None:
    lines = [gateway.logged(gateway.ask(model).headers["x-request-id"]) for model in ("chat", "nope", 'a "b" \n')]

    assert [line.get("model") for line in lines] == ["chat", "-", None]
    assert [line.get("asked_for") for line in lines] == [None, "nope", "a ?b? ?"]


def test_counters_and_histograms_are_by_model(gateway: ClientListener) -> None:
    before = prometheus(gateway, "requests").get(series := labelled("requests", code="200"), 0)
    for _ in range(3):
        gateway.ask("other")
    eventually(lambda: prometheus(gateway, "requests").get(series, 0) == before + 3, "requests are counted")
    tokens = prometheus(gateway, "completion_tokens")

    assert tokens[labelled("completion_tokens")] >= 9
    eventually(lambda: [k for k in prometheus(gateway, "ttft_ms_count") if 'model="other"' in k], "first tokens")
    eventually(lambda: [k for k in prometheus(gateway, "duration_ms_count") if 'model="other"' in k], "durations")
    assert [key for key in prometheus(gateway, "ttft_ms_bucket") if 'le="250"' in key]


def labelled(name: str, **more: str) -> str:
    labels = ",".join(f'{key}="{value}"' for key, value in {"model": "other", "team": "red", **more}.items())
    return f"envoy_modelfleet_{name}{{{labels}}}"


def test_names_that_clients_make_up_get_no_series(gateway: ClientListener) -> None:
    for number in range(30):
        gateway.ask(f"made-up-{number}")
        gateway.post(b"{}", path=f"/made-up-{number}")
        gateway.post(b"{", headers={"x-modelfleet-model": f"made-up-{number}"})
        gateway.ask(headers={"x-modelfleet-team": f"made-up-{number}"})

    assert "made-up" not in gateway.envoy.get("/stats/prometheus").text
    assert "made-up" not in gateway.envoy.get("/stats").text


def test_usual_requests_are_no_errors_in_envoys_own_log() -> None:
    with client_listener(Gateway(tables={each.name: each for each in TABLES}, keys=KEYS)) as gateway:
        for model in ("chat", "nope", "users", "dead"):
            gateway.ask(model)
        gateway.post(b"", method="GET", path="/v1/models")
        gateway.engine.answer = Answer(body=b'{"data": []}')
        gateway.logged(gateway.ask("other").headers["x-request-id"])

        assert "[error]" not in gateway.envoy.log_text()


def test_a_sample_leaves_out_no_error() -> None:
    tables = {each.name: each for each in TABLES}
    frame = Frame(access_log_sample_percent=0)
    with client_listener(Gateway(frame=frame, tables=tables, keys=KEYS)) as gateway:
        good = [gateway.ask().headers["x-request-id"] for _ in range(5)]
        bad = [gateway.ask(model).headers["x-request-id"] for model in ("nope", "users")]
        lines = [gateway.logged(request_id) for request_id in bad]

        assert [line["status"] for line in lines] == [404, 403]
        assert not [request_id for request_id in good if request_id in gateway.envoy.log_text()]


Sent = list[tuple[str, bytes]]
"""The path and the content of what a collector was sent."""


@contextmanager
def http_collector() -> Iterator[tuple[str, Callable[[], Sent]]]:
    """Yield an endpoint that takes spans over HTTP, and what was sent to it."""
    with StandInEngine() as collector:
        yield f"http://{LOOPBACK}:{collector.port}", lambda: [(asked.path, asked.body) for asked in collector.asked]


@contextmanager
def grpc_collector() -> Iterator[tuple[str, Callable[[], Sent]]]:
    """Do the same over gRPC."""
    sent: Sent = []

    class Everything(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            def export(request: bytes, context: object) -> bytes:
                del context
                sent.append((details.method, request))
                return b""

            return grpc.unary_unary_rpc_method_handler(export)

    server = grpc.server(ThreadPoolExecutor(max_workers=2), handlers=(Everything(),))
    port = server.add_insecure_port(f"{LOOPBACK}:0")
    server.start()
    yield f"grpc://{LOOPBACK}:{port}", lambda: sent
    server.stop(None).wait()


@pytest.mark.parametrize(
    ("collector", "path"),
    [
        pytest.param(http_collector, "/v1/traces", id="HTTP"),
        pytest.param(grpc_collector, "/opentelemetry.proto.collector.trace.v1.TraceService/Export", id="gRPC"),
    ],
)
def test_spans_carry_on_the_clients_trace(
    collector: Callable[[], AbstractContextManager[tuple[str, Callable[[], Sent]]]], path: str
) -> None:
    tables = {each.name: each for each in TABLES}
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    with collector() as (endpoint, sent):
        gateway_of = Gateway(frame=Frame(tracing_endpoint=endpoint), tables=tables, keys=KEYS)
        with client_listener(gateway_of) as gateway:
            answer = gateway.ask(headers={"traceparent": f"00-{trace}-{span}-01"})
            onward = gateway.engine.last.headers["traceparent"]
            line = gateway.logged(answer.headers["x-request-id"])
            sent_to, spans = eventually(lambda: next(iter(sent()), None), "spans are sent")

            assert onward.split("-")[1] == line["trace_id"] == trace
            assert onward.split("-")[2] != span
            assert sent_to == path
            assert b"gen_ai.request.model" in spans
            assert bytes.fromhex(trace) in spans


def test_a_client_that_went_away_is_logged_without_tokens() -> None:
    with engines() as started:
        engine = started.engine("silent")
        engine.reset(mode="hang")
        served = routing.gateway([routing.table("chat", routing.rule(routing.to(routing.fleet("silent"))))], [POOL])
        with routing.gate(served, {"silent": [engine.port]}) as gate:
            with gate.leave_open("chat"):
                eventually(lambda: engine.running, "the engine works")
            eventually(lambda: not engine.running, "the engine is told")
            line = eventually(lambda: _line_of(gate), "the request is logged")

    assert (line["model"], line["status"], line["flags"]) == ("chat", 0, "DC")
    assert not [name for name in line if name.endswith("_tokens")]


def _line_of(gate: routing.Gate) -> dict[str, object] | None:
    gate.envoy.post("/reopen_logs")
    lines = [line for line in gate.envoy.log_text().splitlines() if line.startswith('{"') and '"request_id"' in line]
    return dict(json.loads(lines[-1])) if lines else None
