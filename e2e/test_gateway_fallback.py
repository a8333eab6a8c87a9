"""However a fleet fails, the next in line answers: another fleet, a provider outside, or the policy's own words."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress

import pytest

from e2e.cluster import Json, environment, eventually, small_fleet
from e2e.gateway import Burst, Gateway, policy, rule
from e2e.provider import BASE_PATH, HOST, URL, Asked, Provider, provider

ANSWERED = {"status-503": "503", "status-429": "429", "status-500": "500", "reset": "reset", "hang": "hang"}
"""How the engines of some fleets fail, as their pods are told."""
KINDS = (*ANSWERED, "refused", "zero", "saturated")
ALONE = {"status-429": 429, "status-500": 500, "hang": 504, "saturated": 429}
"""What clients get of each without a fallback; 503 else."""
SPARE, RENAMED, KEY = "spare", "large", "sk-key-of-the-provider"
OUTSIDE = {"external": {"url": URL, "model": RENAMED, "apiKeySecretRef": {"name": "provider"}}}
STATIC = {"static": {"status": 503, "message": "Please come back later.", "retryAfterSeconds": 7}}
NEXT: Mapping[str, Json] = {"fleet": {"modelDeployment": SPARE}, "external": OUTSIDE, "static": STATIC}
HANG_SECONDS = 3
STARTED_SECONDS = 180
"""Eight engines start at the same time."""
MORE, REFUSED_SECONDS = 16, 5
"""Requests at once, which reach every thread of both gateways, and until when each is refused that finds no place."""
LONG = {"max_tokens": 9000, "ignore_eos": True}
"""Takes twenty minutes."""


@pytest.fixture(scope="module")
def outside(gateway: Gateway) -> Iterator[Provider]:
    """The host that the platform allows."""
    with provider(gateway.lab) as played:
        yield played


@pytest.fixture(scope="module")
def serving(gateway: Gateway, outside: Provider) -> Gateway:
    """A fleet for each way to fail, one that serves, and for each pair of a failure and a fallback a policy."""
    gateway.namespace.apply(
        gateway.keys(),
        _provider_key(),
        *map(_failing, KINDS),
        small_fleet(SPARE),
        *(_policy(f"{kind}-alone", kind) for kind in KINDS),
        *(_policy(f"{kind}-{name}", kind, fallback) for kind in KINDS for name, fallback in NEXT.items()),
    )
    for fleet in (*map(_fleet, KINDS), SPARE):
        if fleet != _fleet("zero"):
            gateway.namespace.wait_ready(fleet, seconds=STARTED_SECONDS)
    gateway.wait_programmed(*(f"{kind}-{name}" for kind in KINDS for name in ("alone", *NEXT)))
    for kind, how in ANSWERED.items():
        [pod] = gateway.namespace.ready_pods(_fleet(kind))
        gateway.namespace.post_to_pod(pod, f"/_standin/fail?how={how}")
    eventually(lambda: _are_there(gateway, outside), seconds=30, what="answers of the fallbacks")
    return gateway


@pytest.fixture(params=KINDS)
def failing(serving: Gateway, request: pytest.FixtureRequest) -> Iterator[str]:
    """The fleets whose name is yielded fail, each in its way, while the test runs."""
    kind = str(request.param)
    around = {"refused": _refused, "saturated": _saturated}.get(kind)
    with around(serving) if around else nullcontext():
        yield kind


def test_whoever_is_next_answers(serving: Gateway, outside: Provider, failing: str) -> None:
    """All of them for one failure, after it was seen that nobody answers without them."""
    alone = serving.ask(f"{failing}-alone")
    fleet, external, static = (serving.ask(f"{failing}-{name}") for name in NEXT)
    error = static.json()["error"]

    assert alone.status_code == ALONE.get(failing, 503)
    assert (fleet.status_code, fleet.json().get("model")) == (200, SPARE)
    assert (external.status_code, external.json().get("model")) == (200, RENAMED)
    assert (static.status_code, static.headers["retry-after"], error["message"]) == (
        503,
        "7",
        STATIC["static"]["message"],
    )
    assert error["request_id"] == static.headers["x-request-id"]
    assert outside.asked


def test_a_provider_gets_its_own_and_nothing_of_the_clients(serving: Gateway, outside: Provider) -> None:
    """Its path, its name of the model, its key; and neither the client's key nor who the client is."""
    serving.ask("zero-external", headers={"cookie": "session=1", "x-forwarded-for": "192.0.2.1"})
    sent: Asked = outside.asked[-1]

    assert sent.path == f"{BASE_PATH}/chat/completions"
    assert sent.body["model"] == RENAMED
    assert (sent.headers["host"], sent.headers["authorization"]) == (HOST, f"Bearer {KEY}")
    assert serving.key not in str(sent)
    assert not [name for name in sent.headers if name.startswith(("x-modelfleet-", "x-envoy-", "x-forwarded-"))]
    assert "cookie" not in sent.headers


def test_a_host_that_nobody_plays_leads_on(serving: Gateway) -> None:
    """One that no certificate vouches for gets no request: a provider that is not there is a failure as any other."""
    unknown = {"external": {"url": f"https://{HOST}:8443/v1"}}
    serving.namespace.apply(_policy("unknown", "zero", unknown, {"modelDeployment": SPARE}))
    serving.wait_programmed("unknown")

    assert serving.ask("unknown").json().get("model") == SPARE


def _failing(kind: str) -> Json:
    spec: dict[str, Json] = {"engine": environment(1, VLLM_STANDIN_FAULTS="1")}
    if kind == "saturated":
        spec = {
            "engine": environment(1, VLLM_STANDIN_STEP_SCALE="20") | {"maxNumSeqs": 1},
            "autoscaling": {
                "minReplicas": 1,
                "maxReplicas": 1,
                "mode": "Advisory",
                "targets": {"queueDepthPerReplica": 1},
            },
        }
    if kind == "hang":
        spec["autoscaling"] = {"minReplicas": 1, "maxReplicas": 2, "mode": "Advisory"}
    return small_fleet(_fleet(kind), **spec, **({"replicas": 0} if kind == "zero" else {}))


def _fleet(kind: str) -> str:
    return f"f-{kind}"


def _policy(name: str, kind: str, *fallback: Json) -> Json:
    timeouts = {"perTryIdleSeconds": HANG_SECONDS} if kind == "hang" else {}
    return policy(name, rule("all", _fleet(kind), fallback=fallback, **({"timeouts": timeouts} if timeouts else {})))


def _provider_key() -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "modelfleet.dev/provider-key",
        "metadata": {"name": "provider"},
        "stringData": {"api-key": KEY},
    }


def _are_there(gateway: Gateway, outside: Provider) -> bool:
    """Whether both gateways have looked the provider's host up, and sent it its key."""
    answers = [gateway.ask("zero-external").status_code for _ in range(8)]
    return {*answers} == {200} and bool(outside.asked)


@contextmanager
def _refused(gateway: Gateway) -> Iterator[None]:
    """Have the node refuse connections of pods to the engine; the kubelet's probes come from the node itself."""
    [pod] = gateway.namespace.ready_pods(_fleet("refused"))
    address = gateway.namespace.get("pods", pod)["status"]["podIP"]
    rules = f"""
table ip refusing {{
    chain forward {{
        type filter hook forward priority -10;
        ip daddr {address} tcp dport 8000 reject with tcp reset
    }}
}}
"""
    script = gateway.lab.layout.root / "refusing.nft"
    script.write_text(rules)
    gateway.lab.run_in(["nft", "--file", str(script)])
    try:
        yield
    finally:
        gateway.lab.run_in(["nft", "delete", "table", "ip", "refusing"])


@contextmanager
def _saturated(gateway: Gateway) -> Iterator[None]:
    """Keep the fleet as full as both gateways let it be, until the body ends."""
    with suppress(_Enough), ExitStack() as held:
        eventually(lambda: _is_full(gateway, held), seconds=60, what="a fleet that is full on both gateways")
        yield
        raise _Enough


def _is_full(gateway: Gateway, held: ExitStack) -> bool:
    """Whether nobody of so many more finds a place; whoever does keeps it until *held* ends."""
    burst = held.enter_context(Burst(gateway, "saturated-alone", [{}] * MORE, body=LONG))
    with suppress(AssertionError):
        eventually(lambda: burst.ended == MORE, seconds=REFUSED_SECONDS, what="refusals")
    return burst.ended == MORE


class _Enough(Exception):  # noqa: N818 (it ends a burst, and is no error)
    """The burst may end."""
