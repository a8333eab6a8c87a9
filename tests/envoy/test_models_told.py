"""`/v1/models` and `/v1/models/{name}` through the real Envoy, answered by the operator's own application."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import openai
import pytest
from aiohttp import web
from tests.envoy.client_listener import ALICE, CHAT, KEYS, ClientListener, client_listener, cluster, table
from tests.envoy.envoy_process import LOOPBACK

from modelfleet.controller.serve.activator.application import gateway_application
from modelfleet.controller.serve.activator.decide import Sleeper
from modelfleet.controller.serve.activator.holding import Activator
from modelfleet.controller.serve.catalogue import Listed
from modelfleet.gateway.answer import models_for
from modelfleet.gateway.ir import Frame, Gateway
from modelfleet.gateway.render.bootstrap import OPERATOR_API
from modelfleet.gateway.request import Caller
from modelfleet.gateway.tokens import Token

NAMES = ("chat", "llama-8b", "models/llama-8b")
TABLES = (table("chat"), table("llama-8b", "models/llama-8b"), table("secret", users=("carol",)))
GATEWAY = Gateway(tables={each.name: each for each in TABLES}, keys=KEYS, frame=Frame(credentials_required=True))


class Nobody:
    """No fleet sleeps."""

    def get(self, target: str) -> Sleeper | None:
        """Return nothing."""
        return None


@dataclass
class Models:
    """What the tables say."""

    gateway: Gateway

    def models_for(self, caller: Caller | Token | None) -> Sequence[Listed]:
        """Return what *caller* may use."""
        return [Listed(name, created=1700000000, owned_by="models") for name in models_for(self.gateway, caller)]

    def has_models_behind_credentials(self) -> bool:
        """Return whether some need credentials."""
        return any(each.access.required for each in self.gateway.tables.values())


@contextmanager
def operator(gateway: Gateway) -> Iterator[int]:
    """Yield the port of the operator's application, which runs in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> tuple[web.AppRunner, int]:
        runner = web.AppRunner(gateway_application(Activator(Nobody()), Models(gateway)))
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, 0).start()
        return runner, int(runner.addresses[0][1])

    runner, port = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    yield port
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def gateway() -> Iterator[ClientListener]:
    with listening(GATEWAY) as running:
        yield running


@contextmanager
def listening(gateway: Gateway) -> Iterator[ClientListener]:
    with (
        operator(gateway) as port,
        client_listener(gateway, clusters={OPERATOR_API: cluster(OPERATOR_API, port)}) as running,
    ):
        yield running


@contextmanager
def official(gateway: ClientListener, key: str = ALICE) -> Iterator[openai.OpenAI]:
    base = f"http://{LOOPBACK}:{gateway.port}/v1"
    with (
        openai.DefaultHttpxClient(trust_env=False) as http,
        openai.OpenAI(base_url=base, api_key=key, max_retries=0, http_client=http) as client,
    ):
        yield client


def test_the_official_client_lists_what_the_key_may_use(gateway: ClientListener) -> None:
    with official(gateway) as client:
        assert {model.id for model in client.models.list()} == {*NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_the_official_client_retrieves_what_the_key_may_use(gateway: ClientListener, name: str) -> None:
    with official(gateway) as client:
        model = client.models.retrieve(name)

    assert (model.id, model.object, model.created, model.owned_by) == (name, "model", 1700000000, "models")
    assert gateway.engine.asked == []


@pytest.mark.parametrize("written", ["models/llama-8b", "models%2Fllama-8b", "models%2fllama-8b", "%6dodels/llama-8b"])
def test_a_name_with_slashes_may_be_written_either_way(gateway: ClientListener, written: str) -> None:
    answer = gateway.post(b"", method="GET", path=f"/v1/models/{written}?a=b")

    assert answer.json()["id"] == "models/llama-8b"


@pytest.mark.parametrize("name", ["secret", "gpt-9", "models/gpt-9", "../../metrics", "chat/", "ä"])
def test_what_the_key_may_not_use_is_not_found(gateway: ClientListener, name: str) -> None:
    with official(gateway) as client, pytest.raises(openai.NotFoundError, match="You may use: chat, ") as missing:
        client.models.retrieve(name)

    assert missing.value.code == "model_not_found"
    assert (missing.value.type, missing.value.param) == ("invalid_request_error", "model")
    assert missing.value.request_id
    assert "secret," not in missing.value.message


def test_without_a_key_nobody_is_told(gateway: ClientListener) -> None:
    with official(gateway, key="key-of-nobody-000") as client, pytest.raises(openai.AuthenticationError):
        client.models.retrieve("chat")

    assert gateway.post(b"", key=None, method="GET", path="/v1/models/chat").status_code == 401


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "HEAD"])
def test_a_model_is_told_of_and_nothing_else(gateway: ClientListener, method: str) -> None:
    assert gateway.post(b"", method=method, path="/v1/models/chat").status_code == 404


MADE_UP = ("gpt-9", "models/gpt-9", "-", "ä", "x" * 300)
OPEN = table("open", required=False)


def seen_without_a_key(gateway: ClientListener, model: str, path: str) -> tuple[int, dict[str, str], str]:
    """Return all of an answer but what differs from one request to the next."""
    answer = gateway.ask(model, key=None, path=path)
    headers = {name: value for name, value in answer.headers.items() if name not in {"x-request-id", "date"}}
    return answer.status_code, headers, answer.text.replace(answer.headers["x-request-id"], "")


@pytest.mark.parametrize("path", [CHAT, "/v1/messages"])
@pytest.mark.parametrize("has_operator", [True, False])
def test_without_a_key_names_that_exist_look_like_those_that_do_not(path: str, has_operator: bool) -> None:
    mixed = Gateway(tables={each.name: each for each in (*TABLES, OPEN)}, keys=KEYS)
    away = client_listener(mixed, clusters={OPERATOR_API: cluster(OPERATOR_API)})
    with listening(mixed) if has_operator else away as gateway:
        existing = [seen_without_a_key(gateway, model, path) for model in ("chat", "secret")]
        made_up = [seen_without_a_key(gateway, model, path) for model in MADE_UP]

        assert existing[0][0] == 401
        assert all(seen == existing[0] for seen in (*existing, *made_up))
        assert gateway.ask("open", key=None, path=path).status_code == 200
        assert gateway.ask("gpt-9", path=path).status_code == 404


def test_where_no_model_needs_a_key_everybody_is_told_which_there_are() -> None:
    with listening(Gateway(tables={OPEN.name: OPEN})) as gateway:
        answer = gateway.ask("gpt-9", key=None)

    assert answer.status_code == 404
    assert "You may use: open." in answer.json()["error"]["message"]
