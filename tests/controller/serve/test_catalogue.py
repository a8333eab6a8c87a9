"""`/v1/models`, and `/v1/models/{name}`."""

import base64
import json
from collections.abc import Sequence

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, make_mocked_request

from modelfleet.controller.serve.activator.application import gateway_application
from modelfleet.controller.serve.activator.decide import Sleeper
from modelfleet.controller.serve.activator.holding import Activator
from modelfleet.controller.serve.catalogue import Listed, caller_of
from modelfleet.gateway.request import Caller
from modelfleet.gateway.tokens import Token


class Nobody:
    """No fleet sleeps."""

    def get(self, target: str) -> Sleeper | None:
        """Return nothing."""
        return None


class Models:
    """Team `search` may use two models, everybody else one; user `many`, who has no team, has a hundred."""

    def models_for(self, caller: Caller | None) -> Sequence[Listed]:
        """Return what *caller* may use."""
        names = ["models/llama", *(["chat"] if caller and caller.team == "search" else [])]
        if caller == Caller(scope="models/keys", user="many"):
            names = [f"model-{number}" for number in range(100)]
        return [Listed(name, created=1700000000, owned_by="models") for name in names]

    def has_models_behind_credentials(self) -> bool:
        """Return that there are some."""
        return True


async def ask(path: str, **headers: str) -> tuple[int, dict[str, object]]:
    app: web.Application = gateway_application(Activator(Nobody()), Models())
    async with TestClient(TestServer(app)) as client:
        named = {f"x-modelfleet-{key}": value for key, value in headers.items()} | {"x-request-id": "r-1"}
        answer = await client.get(path, headers=named)
        return answer.status, json.loads(await answer.read())


async def test_models_are_listed_for_the_caller() -> None:
    everybody = await ask("/v1/models")
    search = await ask("/v1/models", scope="models/keys", user="-", team="search")
    nobody = await ask("/v1/models", team="search")
    model = {"id": "models/llama", "object": "model", "created": 1700000000, "owned_by": "models"}

    assert everybody == nobody == (200, {"object": "list", "data": [model]})
    assert search == (200, {"object": "list", "data": [model, model | {"id": "chat"}]})


@pytest.mark.parametrize("path", ["/v1/models/models/llama", "/v1/models/models%2Fllama"])
async def test_one_model_is_found_by_a_name_with_slashes(path: str) -> None:
    status, model = await ask(path)

    assert (status, model["id"]) == (200, "models/llama")


async def test_a_model_that_the_caller_may_not_use_is_told_with_those_that_exist() -> None:
    status, answer = await ask("/v1/models/chat")

    assert status == 404
    assert answer["error"] == {
        "message": "The model `chat` does not exist or you may not use it. You may use: models/llama.",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
        "request_id": "r-1",
    }


async def test_errors_stay_short() -> None:
    _, answer = await ask(f"/v1/models/{'x' * 5000}", scope="models/keys", user="many", team="-")
    text = json.dumps(answer)

    assert "and 50 more" in text
    assert len(text) < 2000


async def test_list_without_credentials_says_that_some_would_open_more() -> None:
    app: web.Application = gateway_application(Activator(Nobody()), Models())
    async with TestClient(TestServer(app)) as client:
        nobody = await client.get("/v1/models")
        somebody = await client.get("/v1/models", headers={"x-modelfleet-scope": "models/keys"})

    assert nobody.headers["www-authenticate"] == "Bearer"
    assert "www-authenticate" not in somebody.headers


async def test_token_is_known_by_its_claims_and_a_key_by_its_labels() -> None:
    claims = base64.urlsafe_b64encode(b'{"sub": "ada"}').rstrip(b"=").decode()
    token = make_mocked_request(
        "GET", "/v1/models", headers={"x-modelfleet-scope": "jwt/token/01", "x-modelfleet-claims": claims}
    )
    key = make_mocked_request("GET", "/v1/models", headers={"x-modelfleet-scope": "models/keys;a/b=c;d=;"})

    assert caller_of(token) == Token("jwt/token/01", '{"sub": "ada"}')
    assert caller_of(key) == Caller("models/keys", labels=(("a/b", "c"), ("d", "")))
