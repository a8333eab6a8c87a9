"""What clients may try against the real Envoy, and what comes of it: nothing but an error of their own."""

import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from tests.envoy.authority import authority
from tests.envoy.engines import LOOPBACK, Asked, Engines, engines
from tests.envoy.envoy_process import validate
from tests.envoy.http2 import exchange
from tests.envoy.routing import CHAT, Gate, everything, fleet, gate, gateway, pool, rule, table, to
from tests.gateway import objects

from modelfleet.gateway import ir, render
from modelfleet.gateway.render.bootstrap import static_bootstrap

KEY = "key-of-alice-0000"
PEOPLE = ir.Access(required=True, keys=ir.KeySelector("ns"))
CAROLS = ir.Access(required=True, keys=ir.KeySelector("ns"), users=("carol",))
ALICE = ir.ApiKey(KEY, scope="ns/people", user="alice", team="red", priority=ir.Priority.LOW)
IDENTITY = {"scope": "ns/people", "realm": "ns", "user": "alice", "team": "red", "priority": "Low", "body-bytes": "16"}
FINAL = ir.StaticAnswer(503, '%REQ(x-modelfleet-user)% "} \\ é')
MINE, THEIRS = b'{"model":"chat"}', b'{"model":"secret"}'
FORM = "/v1/audio/transcriptions"
SECONDS = 5
"""In which a request of a kilobyte or so is answered on a busy machine, and a script that does not end is not."""
TAIL = b"GET /nowhere HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
"""What is sent behind every attempt, so that Envoy closes the connection once it has read all of it."""

CLOSING = re.compile(rb"\r\nconnection: close\r\n(.+\r\n)*\r\n.*}", re.IGNORECASE)
"""The last answer of a connection; Envoy lets a second pass before it closes."""


@dataclass(frozen=True)
class World:
    """A gateway, what alice may reach behind it, and what she may not."""

    gate: Gate
    engines: Engines

    def raw(self, content: bytes) -> list[int]:
        """Send *content* and the end, and return the status of every answer."""
        received = b""
        with socket.create_connection((LOOPBACK, self.gate.port), timeout=SECONDS) as connection:
            try:
                connection.sendall(content + TAIL)
                while not CLOSING.search(received) and (more := connection.recv(65536)):
                    received += more
            except ConnectionResetError:
                pass
        return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:] if not part.startswith(b"100")]

    def asked(self, name: str) -> list[Asked]:
        """Return what reached an engine."""
        return self.engines[name].asked


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    trust = authority(tmp_path_factory.mktemp("trusted"))
    with engines() as started:
        started.engine("provider", trust.server("localhost"))
        for name in ("open", "down", "secret"):
            started.engine(name)
        place = render.Place(trusted_ca=str(trust.trusted_ca))
        pods = {name: [started[name].port] for name in ("open", "down", "secret")}
        with gate(_served(started["provider"].port), pods, place=place) as gated:
            yield World(gated, started)


@pytest.fixture
def world(running: World) -> World:
    for name in ("open", "secret", "provider"):
        running.engines[name].reset()
    running.engines["down"].reset(status=503)
    return running


def _served(port: int) -> ir.Gateway:
    provider = ir.Provider("external/ns/p", host="localhost", port=port, base_path="/v1")
    renamed = ir.Provider("external/ns/r", host="localhost", port=port, base_path="/v1", model="small")
    there, there_renamed = (to(ir.Backend(ir.BackendKind.EXTERNAL, one.name)) for one in (provider, renamed))
    tables = [
        table("chat", rule(to(fleet("open"))), access=PEOPLE),
        table("secret", rule(to(fleet("secret"))), access=CAROLS),
        table("next", rule(to(fleet("down")), to(fleet("open"))), access=PEOPLE),
        table("last", rule(to(fleet("down")), name="to", final=FINAL), access=PEOPLE),
        table("outside", rule(there), access=PEOPLE),
        table("renamed", rule(there_renamed), access=PEOPLE),
    ]
    providers = {one.name: one for one in (provider, renamed)}
    pools = [pool(name) for name in ("open", "down", "secret")]
    frame = ir.Frame(credentials_required=True)
    return gateway(tables, pools, keys=(ALICE,), providers=providers, frame=frame)


def post(*more: str, path: str = CHAT, host: str = "x", length: int | str | None = 16) -> bytes:
    """Return the head of a request with alice's key."""
    lines = [f"POST {path} HTTP/1.1", f"host: {host}", f"authorization: Bearer {KEY}", "content-type: application/json"]
    counted = [] if length is None else [f"content-length: {length}"]
    return "\r\n".join([*lines, *more, *counted, "", ""]).encode("latin-1")


CHUNKED = b"10\r\n" + MINE + b"\r\n0\r\n"
HIDDEN = post(path="/v1/load_lora_adapter", length=18) + THEIRS
STEAL = post(length=18) + THEIRS


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(post("transfer-encoding: chunked") + b"0\r\n\r\n" + HIDDEN, id="both lengths"),
        pytest.param(
            post("transfer-encoding: chunked", "transfer-encoding: identity", length=None) + CHUNKED, id="two encodings"
        ),
        pytest.param(post("transfer-encoding : chunked") + b"0\r\n\r\n" + HIDDEN, id="a blank before the colon"),
        pytest.param(post("transfer-encoding: xchunked", length=None) + CHUNKED, id="an encoding that is none"),
        pytest.param(post("transfer-encoding: \x0bchunked", length=None) + CHUNKED, id="an encoding behind a tab"),
        pytest.param(post("transfer-encoding: gzip, chunked", length=None) + CHUNKED, id="a compressed encoding"),
        pytest.param(post("content-length: 5") + MINE, id="two numbers"),
        pytest.param(post(length="+16") + MINE, id="a number with a sign"),
        pytest.param(post(length="16, 16") + MINE, id="a list of numbers"),
        pytest.param(post(length=2**64 + 16) + MINE, id="a number beyond 64 bits"),
        pytest.param(
            post("transfer-encoding: chunked", length=None) + b"10\n" + MINE + b"\n0\n\n", id="bare line feeds"
        ),
        pytest.param(post("x-a: b\0c") + MINE, id="a NUL in a header"),
        pytest.param(post("x_modelfleet_user: carol") + MINE, id="underscores"),
        pytest.param(post("x-modelfleet_user: carol") + MINE, id="one underscore"),
        pytest.param(post("connection: content-type, authorization") + MINE, id="headers of the connection"),
        pytest.param(post().replace(b"HTTP/1.1", b"HTTP/1.0") + MINE, id="HTTP/1.0"),
        pytest.param(post().replace(b"HTTP/1.1", b"HTTP/2.0") + MINE, id="HTTP/2.0 in one line"),
        pytest.param(b"GET /metrics\r\n", id="HTTP/0.9"),
        pytest.param(b"CONNECT 127.0.0.1:8082 HTTP/1.1\r\nhost: 127.0.0.1:8082\r\n\r\n", id="a tunnel"),
        pytest.param(post(path="http://ns.secret/metrics") + MINE, id="an absolute address"),
        pytest.param(post(path=f"{CHAT}\t/metrics") + MINE, id="a tab in the path"),
        pytest.param(STEAL, id="somebody else's model"),
        pytest.param(post(path=f"{CHAT}?model=chat", length=18) + THEIRS, id="a model in the query"),
        pytest.param(post("x-modelfleet-user: carol", length=18) + THEIRS, id="another user"),
        pytest.param(post("X-Modelfleet-Model: chat", length=18) + THEIRS, id="another model in a header"),
        pytest.param(post(length=18) + b'{"model":"SECRET"}', id="in capitals"),
    ],
)
def test_an_attempt_ends_at_the_gateway(world: World, content: bytes) -> None:
    statuses = world.raw(content)

    assert statuses
    assert all(status >= 400 for status in statuses)
    assert not world.asked("secret")
    assert not world.asked("open")


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(post(length="00000016") + MINE, id="zeros before the number"),
        pytest.param(post("transfer-encoding: CHUNKED", length=None) + CHUNKED + b"\r\n", id="an encoding in capitals"),
        pytest.param(
            post("transfer-encoding: chunked", "trailer: x-modelfleet-user", length=None)
            + CHUNKED
            + b"x-modelfleet-user: carol\r\nx-modelfleet-model: secret\r\n\r\n",
            id="identity behind the body",
        ),
        pytest.param(post("x-a: b\r\n x-modelfleet-user: carol") + MINE, id="a folded line"),
        pytest.param(post("x-a: b\rx-modelfleet-user: carol") + MINE, id="a bare carriage return"),
        pytest.param(post("x-a: b\nx-modelfleet-user: carol") + MINE, id="a bare line feed"),
        pytest.param(post("X-MODELFLEET-User: carol", "X-Modelfleet-Cluster: ns/secret") + MINE, id="capitals"),
        pytest.param(post("x-modelfleet-target: ns/secret", "x-modelfleet-low: 1") + MINE, id="our other headers"),
        pytest.param(post("connection: x-modelfleet-scope") + MINE, id="identity as a header of the connection"),
        pytest.param(post("expect: 100-continue") + MINE, id="an expectation"),
        pytest.param(
            post("connection: upgrade, http2-settings", "upgrade: h2c", "http2-settings: AAMA") + MINE, id="h2c"
        ),
        pytest.param(post("x-original-url: /metrics", "x-http-method-override: GET") + MINE, id="another path"),
        pytest.param(post("x-envoy-original-path: /metrics", "x-envoy-max-retries: 9") + MINE, id="orders to Envoy"),
        pytest.param(post(host="ns.secret") + MINE, id="another fleet as host"),
        pytest.param(post("host: ns.secret") + MINE, id="two hosts"),
        pytest.param(post(path=f"http://127.0.0.1:8081{CHAT}") + MINE, id="an absolute address"),
        pytest.param(post() + MINE + STEAL, id="a second request behind it"),
        pytest.param(post() + MINE + HIDDEN, id="an engine's path behind it"),
    ],
)
def test_an_attempt_is_read_as_what_it_may_be(world: World, content: bytes) -> None:
    statuses = world.raw(content)
    (asked,) = world.asked("open")

    assert statuses[0] == 200
    assert all(status >= 400 for status in statuses[1:])
    assert (asked.path, asked.body) == (CHAT, MINE)
    assert {name: asked.headers[f"x-modelfleet-{name}"].lstrip("0") for name in IDENTITY} == IDENTITY
    assert asked.headers["x-modelfleet-model"] == "chat"
    assert (
        not {"authorization", "x-modelfleet-cluster", "x-modelfleet-target", "x-modelfleet-low"} & asked.headers.keys()
    )
    assert not world.asked("secret")


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"content-length": "1"}, id="a number that is too small"),
        pytest.param({"content-length": "99"}, id="a number that is too large"),
        pytest.param({"content-length": "16abc"}, id="no number"),
        pytest.param({"transfer-encoding": "chunked"}, id="an encoding"),
        pytest.param({"connection": "x-modelfleet-user"}, id="headers of the connection"),
        pytest.param({"X-Modelfleet-User": "carol"}, id="capitals"),
        pytest.param({"x-a": "b\r\nx-modelfleet-user: carol"}, id="a line break in a value"),
        pytest.param({"x-a: b\r\nx-modelfleet-user": "carol"}, id="a line break in a name"),
        pytest.param({":path": f"{CHAT} HTTP/1.1\r\nx: y"}, id="a line break in the path"),
        pytest.param({":method": "POST /metrics"}, id="a path in the method"),
        pytest.param({":method": "CONNECT", ":protocol": "websocket"}, id="a tunnel"),
        pytest.param({":path": "/metrics"}, id="an engine's path"),
    ],
)
def test_an_attempt_over_http2_ends_at_the_gateway(world: World, changes: dict[str, str]) -> None:
    status = exchange(world.gate.port, {**_http2_head(), **changes}, MINE)

    assert status is None or status >= 400
    assert not world.asked("open")


def test_trailers_over_http2_are_nobody(world: World) -> None:
    spoofed = {"x-modelfleet-user": "carol", "x-modelfleet-model": "secret"}
    status = exchange(world.gate.port, {**_http2_head(), **spoofed}, MINE, trailers=spoofed)
    (asked,) = world.asked("open")

    assert status == 200
    assert asked.headers["x-modelfleet-user"] == "alice"


@pytest.mark.parametrize("host", ["ns.secret", "final", "busy", "external.ns.p", "relay", "sink"])
def test_a_host_leads_no_further_try_astray(world: World, host: str) -> None:
    headers = {"host": host, "authorization": f"Bearer {KEY}", "x-modelfleet-final": "200;;x"}
    answer = world.gate.ask("next", headers=headers)

    assert answer.headers["x-engine"] == "open"
    assert not world.asked("secret")
    assert not world.asked("provider")
    assert world.gate.ask("outside", headers=headers).headers["x-engine"] == "provider"


def test_a_message_is_shown_as_it_was_written(world: World) -> None:
    answer = world.gate.ask("last", headers={"authorization": f"Bearer {KEY}", "host": "ns.secret"})

    assert answer.status_code == FINAL.status
    assert answer.json()["error"]["message"] == FINAL.message
    assert not world.asked("secret")


@pytest.mark.parametrize("header", ["api-key", "proxy-authorization", "x-api-key", "x-goog-api-key", "cookie"])
def test_no_credentials_of_a_client_reach_a_provider(world: World, header: str) -> None:
    shown = {"authorization": f"Bearer {KEY}"} if header != "x-api-key" else {}
    answer = world.gate.ask("outside", headers={**shown, header: KEY})
    (asked,) = world.asked("provider")

    assert answer.status_code == 200
    assert KEY not in str(asked)
    assert not [name for name in asked.headers if name.startswith(("x-modelfleet-", "x-envoy-", "x-forwarded-"))]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("outside", '{"model": "large", "model": "outside"}'),
        ("outside", '{"MODEL": "large", "model": "outside"}'),
        ("renamed", '{"model": "renamed", "Model": "large"}'),
        ("renamed", '{"Mod\\u0065l": "large", "model": "renamed"}'),
    ],
)
def test_a_provider_cannot_be_asked_for_another_of_its_models(world: World, name: str, text: str) -> None:
    world.raw(post(length=len(text)) + text.encode())
    sent = json.loads(world.asked("provider")[-1].body, object_pairs_hook=list)

    assert {value for _, value in sent} == {"small" if name == "renamed" else name}


def test_a_form_sends_its_own_model_however_its_file_reads(world: World) -> None:
    decoy = 'x; name="model"\r\n\r\nlarge\r\n--y'
    url = f"http://{LOOPBACK}:{world.gate.port}{FORM}"
    headers = {"authorization": f"Bearer {KEY}"}
    answer = world.gate.client.post(url, headers=headers, files={"file": decoy.encode()}, data={"model": "renamed"})
    content = world.asked("provider")[-1].body.decode()

    assert answer.status_code == 200
    assert decoy in content
    assert 'name="model"\r\n\r\nsmall\r\n--' in content


@pytest.mark.parametrize(
    "head",
    [
        pytest.param("X: a" + " " * 200_000 + "y", id="blanks in a header"),
        pytest.param('Content-Disposition: form-data; name="f"' + " " * 200_000 + "y", id="blanks behind a name"),
        pytest.param("Content-Disposition: form-data;" + " " * 200_000 + "y", id="blanks before a name"),
        pytest.param("X: a\r\n" * 50_000, id="many headers"),
        pytest.param("x" * 200_000, id="no header"),
    ],
)
def test_no_form_keeps_a_thread_busy(world: World, head: str) -> None:
    began = time.monotonic()
    body = f"--b\r\n{head}\r\n\r\nv\r\n--b--".encode()
    headers = {"content-type": "multipart/form-data; boundary=b", "authorization": f"Bearer {KEY}"}
    answer = world.gate.client.post(
        f"http://{LOOPBACK}:{world.gate.port}{FORM}", content=body, headers=headers, timeout=SECONDS
    )

    assert answer.status_code == 400
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("path", [CHAT, FORM, "/v1/models", "/invocations"])
def test_nobody_fills_the_memory_without_a_name(world: World, path: str) -> None:
    lines = [f"POST {path} HTTP/1.1", "host: x", "content-type: application/json", "content-length: 1000000", "", ""]
    with socket.create_connection((LOOPBACK, world.gate.port), timeout=SECONDS) as connection:
        connection.sendall("\r\n".join(lines).encode())

        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "match",
    [
        pytest.param({"teams": [f"{index:03d}{'a' * 250}" for index in range(64)]}, id="teams"),
        pytest.param({"headers": [{"name": "x-a", "regex": "(a|b)*c{900}"}]}, id="an expression"),
    ],
)
def test_the_longest_conditions_of_a_policy_are_accepted(match: dict[str, object]) -> None:
    served = objects.lowered(objects.fleet(), objects.policy(objects.rule(match=match))).gateway
    place = render.Place()

    assert validate(static_bootstrap(served, everything(served, render.Replicas({}), place))) is None


@pytest.mark.parametrize("boundary", ['"b', 'b"', '"b"x', '""', "b; x=y"])
def test_a_boundary_that_two_parsers_read_differently_is_refused(world: World, boundary: str) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nchat\r\n--b--'
    headers = {"content-type": f"multipart/form-data; boundary={boundary}", "authorization": f"Bearer {KEY}"}
    answer = world.gate.client.post(f"http://{LOOPBACK}:{world.gate.port}{FORM}", content=body, headers=headers)

    assert answer.status_code == 400
    assert not world.asked("open")


def _http2_head() -> dict[str, str]:
    pseudo = {":method": "POST", ":scheme": "http", ":path": CHAT, ":authority": "x"}
    return {**pseudo, "authorization": f"Bearer {KEY}", "content-type": "application/json"}
