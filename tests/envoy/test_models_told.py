"""`/v1/models` and `/v1/models/{name}` through the real Envoy, answered by the operator's own application."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import openai
import pytest
from aiohttp import web
from tests.envoy.client_listener import ALICE, KEYS, ClientListener, client_listener, cluster, table
from tests.envoy.envoy_process import LOOPBACK

from modelfleet.controller.serve.activator.application import gateway_application
from modelfleet.controller.serve.activator.decide import Sleeper
from modelfleet.controller.serve.activator.holding import Activator
from modelfleet.controller.serve.catalogue import Listed
from modelfleet.gateway.answer import models_for
from modelfleet.gateway.ir import Frame, Gateway
from modelfleet.gateway.render.bootstrap import OPERATOR_API
from modelfleet.gateway.request import Caller

NAMES = ("chat", "llama-8b", "models/llama-8b")
TABLES = (table("chat"), table("llama-8b", "models/llama-8b"), table("secret", users=("carol",)))
GATEWAY = Gateway(tables={each.name: each for each in TABLES}, keys=KEYS, frame=Frame(credentials_required=True))


class Nobody:
    """No fleet sleeps."""

    def get(self, target: str) -> Sleeper | None:
        """Return nothing."""
        return None


class Models:
    """What the tables say."""

    def models_for(self, caller: Caller | None) -> Sequence[Listed]:
        """Return what *caller* may use."""
        return [Listed(name, created=1700000000, owned_by="models") for name in models_for(GATEWAY, caller)]


@contextmanager
def operator() -> Iterator[int]:
    """Yield the port of the operator's application, which runs in a thread."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> tuple[web.AppRunner, int]:
        runner = web.AppRunner(gateway_application(Activator(Nobody()), Models()))
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
    with operator() as port:
        clusters = {OPERATOR_API: cluster(OPERATOR_API, port)}
        with client_listener(GATEWAY, clusters=clusters) as running:
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
