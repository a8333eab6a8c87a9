"""Official clients and curl work through the gateway unchanged."""

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import anthropic
import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from e2e.cluster import Json, environment, eventually, small_fleet
from e2e.gateway import CHAT, MESSAGES, Gateway, policy, rule, running, seconds_since
from e2e.lab import netns

QUESTION: list[ChatCompletionMessageParam] = [{"role": "user", "content": "What do you serve?"}]
WEATHER: ChatCompletionToolParam = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}
HELLO: list[anthropic.types.MessageParam] = [{"role": "user", "content": "Hello"}]
LONG = 9000
HTTP_ERROR = 22
"""The exit code of curl for a status of 400 and more."""
STATIC: Json = {"static": {"status": 503, "message": "Nobody is at home.", "retryAfterSeconds": 1}}
NOTICED_SECONDS = 3.0
"""A second at most, in which an engine stops working for a client that went away, and two for looking at it."""


@pytest.fixture(scope="module")
def serving(gateway: Gateway) -> Gateway:
    """A chat model with tools, an embedding model, one that is down, and a key for all of them."""
    tools = environment() | {"toolCallParser": "hermes"}
    gateway.namespace.apply(
        gateway.keys(team="stories"),
        small_fleet("talker", engine=tools),
        small_fleet("embedder", model={"source": "hf://BAAI/bge-m3"}),
        small_fleet("nobody", replicas=0),
        small_fleet("never", replicas=0),
        policy("closed", rule("all", "never", fallback=(STATIC,))),
        policy("absent", rule("all", "nobody", fallback=(STATIC,))),
        policy("few", rule("all", "talker"), limits=[{"per": "User", "requestsPerMinute": 2}]),
        policy("chat", rule("all", "talker")),
    )
    for fleet in ("talker", "embedder"):
        gateway.namespace.wait_ready(fleet)
    gateway.wait_programmed("absent", "closed", "few", "chat")
    return gateway


def test_openai_chat(serving: Gateway) -> None:
    """A name of a policy reaches the engine as it is."""
    with serving.openai() as client:
        answer = client.chat.completions.create(model="chat", messages=QUESTION, max_tokens=5)

    assert answer.choices[0].message.content
    assert answer.usage
    assert answer.usage.completion_tokens == 5


def test_openai_streams(serving: Gateway) -> None:
    """Chunks come as the engine makes them, with the usage at the end."""
    with serving.openai() as client:
        stream = client.chat.completions.create(
            model="chat",
            messages=QUESTION,
            max_tokens=200,
            extra_body={"ignore_eos": True},
            stream=True,
            stream_options={"include_usage": True},
        )
        began = time.monotonic()
        chunks = [(seconds_since(began), chunk) for chunk in stream]

    assert len(chunks) > 20
    assert chunks[-1][0] - chunks[0][0] > 0.5
    assert chunks[-1][1].usage
    assert chunks[-1][1].usage.completion_tokens == 200


def test_openai_tools(serving: Gateway) -> None:
    """A request with tools is taken as it is."""
    with serving.openai() as client:
        answer = client.chat.completions.create(
            model="chat", messages=QUESTION, tools=[WEATHER], tool_choice="auto", max_tokens=5
        )

    assert answer.choices[0].finish_reason


def test_openai_embeddings(serving: Gateway) -> None:
    """Also of a fleet that no policy names, by its own name."""
    with serving.openai() as client:
        answer = client.embeddings.create(model="embedder", input=["one", "two"])

    assert len(answer.data) == 2
    assert all(one.embedding for one in answer.data)


def test_openai_responses(serving: Gateway) -> None:
    """The newer of OpenAI's APIs."""
    with serving.openai() as client:
        answer = client.responses.create(model="chat", input="What do you serve?", max_output_tokens=5)

    assert answer.output_text


def test_openai_lists_what_the_key_may_use(serving: Gateway) -> None:
    """Names of policies, and of fleets that none names; a fleet that is down is listed all the same."""
    with serving.openai() as client:
        listed = {model.id: model.owned_by for model in client.models.list()}

    here, names = serving.namespace.name, set(listed)
    assert {"chat", "few", "absent", "embedder", f"{here}/embedder"} <= names
    assert not {"talker", f"{here}/talker", "nobody"} & names
    assert listed["chat"] == here


def test_openai_retrieves_what_the_key_may_use(serving: Gateway) -> None:
    """Names with slashes too, which the client encodes; what stands behind a policy is not found."""
    full = f"{serving.namespace.name}/embedder"
    with serving.openai(max_retries=0) as client, serving.openai("wrong", max_retries=0) as stranger:
        found = [client.models.retrieve(name).id for name in ("chat", "embedder", full)]
        with pytest.raises(openai.NotFoundError, match="`talker` does not exist or you may not use it") as hidden:
            client.models.retrieve("talker")
        with pytest.raises(openai.AuthenticationError):
            stranger.models.retrieve("chat")

    assert found == ["chat", "embedder", full]
    assert hidden.value.code == "model_not_found"


def test_openai_raises_what_it_should(serving: Gateway) -> None:
    """Every error is of the class that the client's documentation names, with a request's id."""
    with serving.openai(max_retries=0) as client, serving.openai("wrong", max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError, match="not valid") as unknown:
            stranger.chat.completions.create(model="chat", messages=QUESTION)
        with pytest.raises(openai.NotFoundError, match=r"`gpt-9` does not exist.*chat") as missing:
            client.chat.completions.create(model="gpt-9", messages=QUESTION)
        with pytest.raises(openai.BadRequestError, match="max_tokens") as refused:
            client.chat.completions.create(model="chat", messages=QUESTION, max_tokens=-1)
        with pytest.raises(openai.InternalServerError, match="Nobody is at home"):
            client.chat.completions.create(model="absent", messages=QUESTION)
        with pytest.raises(openai.RateLimitError, match="budget") as limited:
            spend(client)

    assert missing.value.code == "model_not_found"
    assert limited.value.code == "rate_limit_exceeded"
    assert int(limited.value.response.headers["retry-after"]) > 0
    assert all(error.value.request_id for error in (unknown, missing, refused, limited))


def test_openai_tries_again_when_it_is_told_to(serving: Gateway) -> None:
    """A client that asks while a fleet is down gets its answer once the fleet serves."""
    with serving.openai(max_retries=60) as client:
        serving.namespace.kubectl("scale", "mdep", "nobody", "--replicas", "1")
        answer = client.chat.completions.with_raw_response.create(model="absent", messages=QUESTION, max_tokens=1)

    assert answer.retries_taken > 0
    assert answer.parse().model == "nobody"


@contextmanager
def openai_stream(gateway: Gateway) -> Iterator[None]:
    """Read the beginning of a long answer with OpenAI's client, and close the stream when the body ends."""
    with gateway.openai() as client:
        stream = client.chat.completions.create(
            model="chat", messages=QUESTION, max_tokens=LONG, extra_body={"ignore_eos": True}, stream=True
        )
        next(iter(stream))
        yield
        stream.close()


@contextmanager
def anthropic_stream(gateway: Gateway) -> Iterator[None]:
    """Do the same with Anthropic's."""
    with gateway.anthropic() as client:
        stream = client.messages.create(
            model="chat", max_tokens=LONG, messages=HELLO, extra_body={"ignore_eos": True}, stream=True
        )
        next(iter(stream))
        yield
        stream.close()


@contextmanager
def curl_stream(gateway: Gateway) -> Iterator[None]:
    """Do the same with curl, which is ended as by Ctrl-C."""
    body = {"model": "chat", "messages": MESSAGES, "max_tokens": LONG, "ignore_eos": True, "stream": True}
    command = netns.command(gateway.lab.layout, curl(gateway, "--no-buffer", "-d", json.dumps(body)))
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline().startswith(b"data: ")
        yield
        process.send_signal(signal.SIGINT)


@pytest.mark.parametrize("stream", [openai_stream, anthropic_stream, curl_stream])
def test_an_engine_stops_working_for_a_client_that_went_away(
    serving: Gateway, stream: Callable[[Gateway], AbstractContextManager[None]]
) -> None:
    """Soon after the end of the stream, and long before the answer would have been complete."""
    with stream(serving):
        eventually(lambda: running(serving.namespace, "talker") == 1, seconds=10, what="an engine at work")
    closed = time.monotonic()
    eventually(lambda: running(serving.namespace, "talker") == 0, seconds=10, what="an engine without work")

    assert seconds_since(closed) < NOTICED_SECONDS


def test_anthropic_messages(serving: Gateway) -> None:
    """Its key stands in a header of its own."""
    with serving.anthropic() as client:
        answer = client.messages.create(model="chat", max_tokens=5, messages=HELLO)
        count = client.messages.count_tokens(model="chat", messages=HELLO)

    assert answer.usage.output_tokens == 5
    assert count.input_tokens > 0


def test_anthropic_streams(serving: Gateway) -> None:
    """All events arrive, in the shape that the client reads."""
    with (
        serving.anthropic() as client,
        client.messages.stream(model="chat", max_tokens=20, messages=HELLO) as stream,
    ):
        text = "".join(stream.text_stream)
        final = stream.get_final_message()

    assert text
    assert final.stop_reason


def test_anthropic_tools(serving: Gateway) -> None:
    """A request with tools is taken as it is."""
    tool: anthropic.types.ToolParam = {"name": "weather", "input_schema": {"type": "object", "properties": {}}}
    with serving.anthropic() as client:
        answer = client.messages.create(model="chat", max_tokens=5, messages=HELLO, tools=[tool])

    assert answer.stop_reason


def test_anthropic_tries_again_when_it_is_told_to(serving: Gateway) -> None:
    """After a Retry-After, as often as its user allows; then the error is the gateway's, in Anthropic's shape."""
    with serving.anthropic(max_retries=2) as client:
        began = time.monotonic()
        with pytest.raises(anthropic.InternalServerError, match="Nobody is at home") as refused:
            client.messages.create(model="closed", max_tokens=1, messages=HELLO)

    assert seconds_since(began) >= 2 * STATIC["static"]["retryAfterSeconds"] - 0.1
    assert refused.value.response.headers["retry-after"] == "1"


def test_anthropic_raises_what_it_should(serving: Gateway) -> None:
    """Errors of the gateway have Anthropic's shape on Anthropic's paths."""
    with serving.anthropic(max_retries=0) as client, serving.anthropic("wrong", max_retries=0) as stranger:
        with pytest.raises(anthropic.AuthenticationError) as unknown:
            stranger.messages.create(model="chat", max_tokens=5, messages=HELLO)
        with pytest.raises(anthropic.NotFoundError, match="gpt-9") as missing:
            client.messages.create(model="gpt-9", max_tokens=5, messages=HELLO)

    bodies = [json.loads(error.value.response.content) for error in (unknown, missing)]
    assert [body["type"] for body in bodies] == ["error", "error"]
    assert [body["error"]["type"] for body in bodies] == ["authentication_error", "not_found_error"]


def test_curl(serving: Gateway) -> None:
    """Without a client library, as in the documentation."""
    body = {"model": "chat", "messages": MESSAGES, "max_tokens": 3}
    answer = serving.lab.run_in(curl(serving, "-d", json.dumps(body)))
    streamed = serving.lab.run_in(curl(serving, "-d", json.dumps(body | {"stream": True})))
    events = [line for line in streamed.stdout.splitlines() if line]

    assert json.loads(answer.stdout)["choices"]
    assert all(line.startswith("data: ") for line in events)
    assert events[-1] == "data: [DONE]"


def test_curl_fails_with_what_it_should(serving: Gateway) -> None:
    """With the status as its exit code says, and the reason in OpenAI's shape."""
    unknown = serving.lab.run_in(curl(serving, "-d", json.dumps({"model": "gpt-9"})), check=False)
    broken = serving.lab.run_in(curl(serving, "-d", "model=chat"), check=False)

    assert (unknown.returncode, broken.returncode) == (HTTP_ERROR, HTTP_ERROR)
    assert json.loads(unknown.stdout)["error"]["code"] == "model_not_found"
    assert json.loads(broken.stdout)["error"]["type"] == "invalid_request_error"


def curl(gateway: Gateway, *arguments: str) -> list[str]:
    """Return the command of the documentation."""
    headers = ("-H", f"Authorization: Bearer {gateway.key}", "-H", "Content-Type: application/json")
    return ["curl", "-sS", "--fail-with-body", gateway.origin + CHAT, *headers, *arguments]


def spend(client: openai.OpenAI) -> None:
    """Ask more often than the policy "few" lets anybody."""
    for _ in range(5):
        client.chat.completions.create(model="few", messages=QUESTION, max_tokens=1)
