"""Services outside of the cluster: only the right host gets the key, and nothing else of ours."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from tests.envoy.authority import authority
from tests.envoy.engines import Asked, Engines, engines
from tests.envoy.routing import Gate, fleet, gate, gateway, pool, rule, table, to

from modelfleet.gateway import ir, render

KEY, MISSING = ir.SecretKey("ns", "provider", "key"), ir.SecretKey("ns", "provider", "missing")
CLIENT = ir.ApiKey("sk-client", scope="ns/keys", user="ann", team="search")
ENTRY = ir.Access(required=False, keys=ir.KeySelector("ns"))
NEW_NAME = 'new "name" \\ ü'


@dataclass(frozen=True)
class World:
    """A gateway, and the services behind it."""

    gate: Gate
    engines: Engines

    def asked(self) -> Asked:
        """Return the last request at the provider."""
        return self.engines["provider"].asked[-1]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    trust = authority(tmp_path_factory.mktemp("trusted"))
    stranger = authority(tmp_path_factory.mktemp("stranger"))
    with engines() as started:
        started.engine("provider", trust.server("localhost"))
        started.engine("impostor", trust.server("elsewhere.example"))
        started.engine("untrusted", stranger.server("localhost"))
        started.engine("own")
        place = render.Place(trusted_ca=str(trust.trusted_ca))
        with gate(_served(started), {"own": [started["own"].port]}, place=place) as running:
            yield World(running, started)


def _served(started: Engines) -> ir.Gateway:
    def provider(name: str, engine: str = "provider", **changes: Any) -> ir.Provider:
        fields: dict[str, Any] = {"host": "localhost", "port": started[engine].port, "base_path": "/v1", "key": KEY}
        return ir.Provider(name=f"external/ns/{name}", **{**fields, **changes})

    providers = {
        "plain": provider("plain"),
        "renamed": provider("renamed", model=NEW_NAME, base_path="/openai/v1"),
        "bare": provider("bare", base_path="", key_header="api-key"),
        "keyless": provider("keyless", key=None),
        "impostor": provider("impostor", "impostor"),
        "untrusted": provider("untrusted", "untrusted"),
        "without-key": provider("without-key", key=MISSING),
    }
    tables = [table(name, rule(_to(one), _to(one)), access=ENTRY) for name, one in providers.items()]
    tables += [
        table(f"{name}-own", rule(_to(providers[name]), to(fleet("own")))) for name in ("impostor", "without-key")
    ]
    return gateway(
        tables,
        [pool("own")],
        providers={one.name: one for one in providers.values()},
        provider_keys={KEY: "sk-provider", MISSING: ""},
        keys=(CLIENT,),
    )


def _to(provider: ir.Provider) -> ir.Split:
    return to(ir.Backend(ir.BackendKind.EXTERNAL, provider.name))


@pytest.fixture(autouse=True)
def _calm(world: World) -> None:
    for name in ("provider", "impostor", "untrusted", "own"):
        world.engines[name].reset()


def test_the_provider_gets_its_host_its_key_and_its_path(world: World) -> None:
    answer = world.gate.ask("renamed")
    asked = world.asked()

    assert answer.status_code == 200
    assert asked.headers["host"] == f"localhost:{world.engines['provider'].port}"
    assert asked.headers["authorization"] == "Bearer sk-provider"
    assert asked.path == "/openai/v1/chat/completions"


def test_a_key_may_go_into_another_header_bare_and_a_base_path_may_be_empty(world: World) -> None:
    world.gate.ask("bare")

    assert world.asked().headers["api-key"] == "sk-provider"
    assert "authorization" not in world.asked().headers
    assert world.asked().path == "/chat/completions"


def test_the_clients_key_goes_no_further_than_the_gateway(world: World) -> None:
    secrets = {"authorization": "Bearer sk-client", "cookie": "session=1", "x-forwarded-for": "127.0.0.9"}
    world.gate.ask("keyless", headers=secrets)
    sent = world.asked().headers

    assert not [name for name in sent if name.startswith(("x-modelfleet-", "x-envoy-", "x-forwarded-"))]
    assert not {"authorization", "cookie", "x-request-id", "x-api-key"} & sent.keys()


def test_the_model_is_renamed_and_everything_else_stays(world: World) -> None:
    answer = world.gate.ask("renamed", seed=12345678901234567, tools=[{"model": "renamed", "b": 1, "a": 2}])
    body = world.asked().body

    assert answer.status_code == 200
    assert json.loads(body)["model"] == NEW_NAME
    assert b'"tools":[{"model":"renamed","b":1,"a":2}]' in body
    assert b'"seed":12345678901234567' in body


@pytest.mark.parametrize(
    "text",
    [
        '{"mod\\u0065l": "renamed", "x": 1}',
        '{"x": "\\"model\\": \\"renamed\\"", "model": "renamed"}',
        '{"x": {"model": "renamed", "y": ["}", "\\\\"]}, "model" : "renamed"}',
        '{ "x":[1,2,{"a":"]"}],\n"model"\n:\n"renamed"\n}',
        '{"model": "other", "x": null, "model": "renamed"}',
        '{"x": true, "y": -1.5e3, "model": "ren\\u0061med"}',
    ],
)
def test_only_the_first_level_is_renamed_however_it_is_written(world: World, text: str) -> None:
    given, sent = json.loads(text), _sent(world, text)

    assert sent == {**given, "model": NEW_NAME}


def test_the_model_of_a_form_is_renamed(world: World) -> None:
    url = f"http://127.0.0.1:{world.gate.port}/v1/audio/transcriptions"
    answer = world.gate.client.post(url, data={"model": "renamed"}, files={"file": ("a.wav", b"\0\r\n--x")})
    body = world.asked().body

    assert answer.status_code == 200
    assert b'name="model"\r\n\r\nnew \\"name\\"' in body
    assert b"\0\r\n--x" in body


def test_a_large_body_is_renamed_too(world: World) -> None:
    answer = world.gate.ask("renamed", prompt="ä" * 1_500_000)

    assert answer.status_code == 200
    assert world.asked().json["prompt"] == "ä" * 1_500_000


@pytest.mark.parametrize("name", ["impostor", "untrusted"])
def test_who_is_not_the_host_gets_neither_request_nor_key(world: World, name: str) -> None:
    answer = world.gate.ask(name)

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_unavailable")
    assert world.engines[name].asked == []


def test_an_impostor_leads_to_the_fallback(world: World) -> None:
    assert world.gate.ask("impostor-own").headers["x-engine"] == "own"


def test_without_its_key_a_provider_is_not_asked(world: World) -> None:
    answer = world.gate.ask("without-key")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "provider_key_missing")
    assert world.gate.ask("without-key", path="/v1/messages").json()["type"] == "error"
    assert world.gate.ask("without-key-own").headers["x-engine"] == "own"
    assert world.engines["provider"].asked == []


def test_an_error_of_a_provider_reaches_the_client_as_it_is(world: World) -> None:
    world.engines["provider"].reset(status=429, body=b'{"error": {"message": "theirs"}}', headers={"retry-after": "9"})
    answer = world.gate.ask("plain")

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "9")
    assert answer.json()["error"]["message"] == "theirs"
    assert len(world.engines["provider"].asked) == 2


def test_keys_are_in_no_dump_of_the_configuration(world: World) -> None:
    dump = world.gate.envoy.get("/config_dump?include_eds").text

    assert "provider/ns/provider/key" in dump
    assert "sk-provider" not in dump


def _sent(world: World, text: str) -> object:
    url, headers = f"http://127.0.0.1:{world.gate.port}/v1/chat/completions", {"content-type": "application/json"}
    answer = world.gate.client.post(url, content=text, headers=headers)

    assert answer.status_code == 200
    return world.asked().json
