"""Keys that come and go, and attempts to get around a policy: all refused."""

import json
from collections.abc import Iterator

import pytest

from e2e.cluster import Json, Namespace, eventually, ready, small_fleet
from e2e.gateway import CHAT, HEALTH_PORT, MESSAGES, Gateway, keys, policy, rule
from e2e.lab import LabError
from e2e.operators import Operators

ELSEWHERE = "gateway-elsewhere"
CLOSED, OPEN = "closed", "open"
ENGINE_PORT, ACTIVATOR_PORT = 8000, 8090
IN_EFFECT_SECONDS = 10.0
"""A second at most, as the benchmarks measure; the rest is for looking six times while the machine is busy."""
UNSERVED = (
    "/metrics",
    "/sleep",
    "/wake_up",
    "/v1/load_lora_adapter",
    "/invocations",
    "/health",
    "/server_info",
    "/load",
)
DISGUISED = (
    "//metrics",
    "/v1/../metrics",
    "/%6detrics",
    "/v1/chat/completions/../../../sleep",
    "/metrics?path=/v1/models",
)
SPOOFED = {
    "x-modelfleet-user": "boss",
    "x-modelfleet-team": "legal",
    "x-modelfleet-scope": f"{ELSEWHERE}/strangers",
    "x-modelfleet-priority": "High",
    "x-modelfleet-model": "public",
    "x-modelfleet-target": f"gateway-keys/{OPEN}",
    "x-llm-team": "legal",
    "x-envoy-original-path": "/metrics",
}
PROBE = """
import json, sys, urllib.error, urllib.request
body, headers = json.dumps({"model": "public"}).encode(), {"content-type": "application/json"}
request = urllib.request.Request(sys.argv[1], body, headers)
try:
    print(urllib.request.urlopen(request, timeout=2).status)
except urllib.error.HTTPError as error:
    print(error.code)
"""


@pytest.fixture(scope="module")
def serving(gateway: Gateway) -> Gateway:
    """Two fleets that policies name, one of them Direct, and keys of two teams."""
    adapters = {"adapters": [{"name": f"{CLOSED}-adapter", "source": "hf://org/adapter", "rank": 8}]}
    gateway.namespace.apply(
        gateway.keys(team="red"),
        keys("lawyers", team="legal", lawyer="key-of-the-lawyer"),
        keys("rotating", rotating="first-key-that-rotates"),
        small_fleet(CLOSED, model=adapters),
        small_fleet(OPEN, exposure="Direct"),
        policy("public", rule("all", CLOSED)),
        policy("second", rule("all", OPEN)),
        policy("secret", rule("all", CLOSED), auth={"apiKeys": {}, "allow": {"teams": ["legal"]}}),
    )
    for fleet in (CLOSED, OPEN):
        gateway.namespace.wait_ready(fleet)
    gateway.wait_programmed("public", "second", "secret")
    return gateway


@pytest.fixture(scope="module")
def elsewhere(serving: Gateway) -> Iterator[Namespace]:
    """Another tenant's namespace, with a key and a pod that can ask for things."""
    namespace = Namespace(serving.lab, ELSEWHERE)
    image = "vllm/vllm-openai:v0.33.0"
    namespace.apply(keys("strangers", stranger="key-of-a-stranger"))
    namespace.kubectl("run", "prober", f"--image={image}", "--restart=Never", "--command", "--", "sleep", "3600")
    eventually(lambda: ready(namespace.get("pods", "prober")), seconds=60, what="a pod that asks")
    yield namespace
    namespace.kubectl("delete", "pod", "prober", "--grace-period=0", "--force")
    namespace.kubectl("delete", "secret", "strangers")


def test_a_key_is_replaced_while_both_are_in_use(serving: Gateway) -> None:
    """The new one counts soon, beside the old one; then the old one is refused soon."""
    old, new = "first-key-that-rotates", "second-key-that-rotates"
    serving.namespace.apply(keys("rotating", rotating=f"{new},{old}"))
    wait_for_status(serving, new, 200)

    assert status(serving, old) == 200

    serving.namespace.apply(keys("rotating", rotating=new))
    wait_for_status(serving, old, 401)

    assert status(serving, new) == 200


def test_without_a_key_nobody_comes_in(serving: Gateway) -> None:
    """Neither to a policy's names nor to a fleet's own, and nothing is listed."""
    answers = [serving.ask(model, key=None) for model in ("public", OPEN)]
    answers.append(serving.send("GET", "/v1/models", key="made-up"))

    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert {answer.json()["error"]["code"] for answer in answers} == {"invalid_api_key"}
    assert serving.send("GET", "/v1/models", key=None).status_code == 401


def test_a_key_of_another_namespace_opens_nothing_here(serving: Gateway, elsewhere: Namespace) -> None:
    """It is somebody's, so that the answer is 403; and the list of models is empty."""
    del elsewhere
    eventually(lambda: status(serving, "key-of-a-stranger") != 401, seconds=10, what="a key that is known")
    answers = [status(serving, "key-of-a-stranger", model=model) for model in ("public", OPEN)]
    models = serving.send("GET", "/v1/models", key="key-of-a-stranger").json()["data"]

    assert answers == [403, 403]
    assert [model["id"] for model in models if model["owned_by"] == serving.namespace.name] == []


def test_a_model_is_for_whom_its_policy_names(serving: Gateway) -> None:
    """The team decides, and others do not see the name."""
    names = {model["id"] for model in serving.send("GET", "/v1/models").json()["data"]}

    assert status(serving, "key-of-the-lawyer", model="secret") == 200
    assert status(serving, serving.key, model="secret") == 403
    assert "secret" not in names


def test_headers_of_the_gateway_are_not_taken_from_clients(serving: Gateway) -> None:
    """Whoever claims to be of another team, another user, or for another model, is who the key says."""
    refused = serving.ask("secret", headers=SPOOFED)
    answered = serving.ask("public", headers=SPOOFED)
    request_id = answered.headers["x-request-id"]
    line = eventually(lambda: logged(serving, request_id), seconds=60, what="a line of the access log")

    assert refused.status_code == 403
    assert answered.json()["model"] == CLOSED
    assert (line["user"], line["team"], line["priority"]) == ("tester", "red", "Normal")
    assert status(serving, None, headers=SPOOFED) == 401


@pytest.mark.parametrize("name", [CLOSED, f"gateway-keys/{CLOSED}", f"{CLOSED}-adapter"])
def test_a_fleet_that_a_policy_names_has_no_other_way_in(serving: Gateway, name: str) -> None:
    """Neither its own names nor its adapters' answer, and no list shows them."""
    answer = serving.ask(name)

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"
    assert name not in {model["id"] for model in serving.send("GET", "/v1/models").json()["data"]}


@pytest.mark.parametrize("name", [OPEN, f"gateway-keys/{OPEN}"])
def test_a_direct_fleet_answers_to_its_own_names_too(serving: Gateway, name: str) -> None:
    """`exposure: Direct` says so."""
    assert serving.ask(name).json()["model"] == OPEN


@pytest.mark.parametrize("path", [*UNSERVED, *DISGUISED])
def test_paths_of_the_engine_are_not_there(serving: Gateway, path: str) -> None:
    """Whatever they would do: no client metrics, no sleep, no adapters, however they are spelled."""
    body = json.dumps({"model": "public", "messages": MESSAGES})
    words = ("-H", f"Authorization: Bearer {serving.key}", "-H", "Content-Type: application/json")
    show = ("-o", "/dev/null", "-w", "%{http_code}")
    for request in ((), ("-d", body)):
        done = serving.lab.run_in(["curl", "-sS", "--path-as-is", *show, *words, *request, serving.origin + path])

        assert done.stdout == "404"


def test_an_engine_is_out_of_reach_from_other_namespaces(serving: Gateway, elsewhere: Namespace) -> None:
    """By its pod's address and its Service; the same pod reaches the gateway, which asks for a key."""
    [pod] = serving.namespace.ready_pods(CLOSED)
    address = serving.namespace.get("pods", pod)["status"]["podIP"]

    assert probe(elsewhere, serving.origin + CHAT) == "401"
    for url in (f"http://{address}:{ENGINE_PORT}{CHAT}", f"{serving.namespace.url(CLOSED)}/chat/completions"):
        with pytest.raises(LabError, match="timed out"):
            probe(elsewhere, url)


def test_the_insides_of_the_gateway_are_out_of_reach_from_other_namespaces(
    serving: Gateway, elsewhere: Namespace
) -> None:
    """A NetworkPolicy is before its statistics; the operator, which believes headers, answers its gateways alone."""
    gateways = [f"http://{pod['status']['podIP']}:{HEALTH_PORT}/stats/prometheus" for pod in serving.pods()]
    operators = [f"http://{pod['status']['podIP']}:{ACTIVATOR_PORT}/v1/models" for pod in Operators(serving.lab).pods()]

    assert probe(elsewhere, serving.origin + CHAT) == "401"
    for url, refusal in [*((url, "timed out") for url in gateways), *((url, "without response") for url in operators)]:
        with pytest.raises(LabError, match=refusal):
            probe(elsewhere, url)


def probe(namespace: Namespace, url: str) -> str:
    """Return the status that *url* answers to a pod of *namespace*; LabError without an answer."""
    return namespace.kubectl("exec", "prober", "--", "python3", "-c", PROBE, url).strip()


def status(gateway: Gateway, key: str | None, *, model: str = "public", headers: dict[str, str] | None = None) -> int:
    """Return the status that *key* is answered."""
    return gateway.ask(model, key=key, headers=headers).status_code


def wait_for_status(gateway: Gateway, key: str, wanted: int) -> None:
    """Wait until *key* is answered *wanted* six times in a row, which no gateway does alone."""
    seconds = IN_EFFECT_SECONDS
    eventually(lambda: {status(gateway, key) for _ in range(6)} == {wanted}, seconds=seconds, what=f"{wanted}")


def logged(gateway: Gateway, request_id: str) -> Json | None:
    """Return the access log's line about a request, once it is written."""
    logs = gateway.home.kubectl("logs", "--selector", "app.kubernetes.io/component=gateway", "--tail=200")
    lines = (line for line in logs.splitlines() if request_id in line)
    return next((json.loads(line) for line in lines), None)
