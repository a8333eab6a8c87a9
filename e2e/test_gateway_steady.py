"""Under a constant load of streams, nothing that happens around them costs one: policies, pods, gateways, operators."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from e2e.cluster import Json, eventually, name_of, ready, small_fleet
from e2e.gateway import Gateway, metrics, policy, rule
from e2e.installation import OPERATOR_NAMESPACE
from e2e.operators import Operators
from e2e.streams import Load

TOKENS = 150
"""Of each stream: a second."""
METRICS_PORT = 8080
COLD_SECONDS = 5
"""For which a gateway's process runs before it is found to be still not ready."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """How much happens at what load; a benchmark takes more of everything."""

    clients: int = 6
    policy_changes: int = 10
    pod_replacements: int = 2
    gateway_restarts: int = 1
    operator_restarts: int = 1


@pytest.fixture(scope="module")
def serving(gateway: Gateway) -> Gateway:
    """Two fleets that share a name."""
    gateway.namespace.apply(gateway.keys(), small_fleet("left", replicas=2), small_fleet("right"), shared(1, 1))
    gateway.namespace.wait_ready("left", replicas=2)
    gateway.namespace.wait_ready("right")
    gateway.wait_programmed("shared")
    eventually(gateway.are_ready, seconds=60, what="two gateways")
    return gateway


@pytest.fixture
def operators(serving: Gateway) -> Iterator[Operators]:
    """Two replicas of the operator, before and after."""
    operators = Operators(serving.lab)
    eventually(operators.are_ready, seconds=60, what="two operators")
    yield operators
    scale_operators(serving, 2)


def test_changes_and_restarts_cost_no_stream(serving: Gateway, operators: Operators) -> None:
    """Policies change, engines, gateways and operators are replaced one after another."""
    lost = disturbed(serving, operators, Disturbance())

    assert lost.broken == []


def test_without_any_operator_the_gateway_goes_on_and_a_new_one_waits(serving: Gateway, operators: Operators) -> None:
    """Envoys keep what they have; one that starts is not ready before an operator is back; then all go on."""
    with load(serving, clients=3) as streams:
        scale_operators(serving, 0)
        eventually(lambda: not operators.pods(), seconds=60, what="no operator")
        old = [name_of(pod) for pod in serving.pods()]
        serving.home.delete_pod(old[0])
        new = eventually(lambda: newcomer(serving, old), seconds=90, what="a gateway that runs and is not ready")
        seen = len(streams.outcomes)
        eventually(lambda: len(streams.outcomes) > seen + 6, seconds=30, what="streams that end without operators")
        assert not ready(serving.home.get("pods", new))

        scale_operators(serving, 2)
        eventually(lambda: serving.are_ready() and operators.are_ready(), seconds=90, what="everybody's return")

    assert streams.broken == []


def test_a_restarted_operator_with_nothing_new_sends_nothing(serving: Gateway, operators: Operators) -> None:
    """Gateways say what they have when they connect again, and that is all there is."""
    before = serving.updates()
    old = [name_of(pod) for pod in operators.pods()]
    for name in old:
        operators.home.delete_pod(name)
    eventually(lambda: operators.are_ready() and not are_among(operators, old), seconds=90, what="two new operators")
    eventually(lambda: total(operators, "modelfleet_xds_clients") == 2, seconds=60, what="two connected gateways")

    assert total(operators, "modelfleet_xds_responses_total") == 0
    assert serving.updates() == before


def disturbed(gateway: Gateway, operators: Operators, much: Disturbance) -> Load:
    """Return the load, after all that happened to it."""
    with load(gateway, clients=much.clients) as streams:
        eventually(lambda: streams.opened >= much.clients, seconds=30, what="open streams")
        for number in range(much.policy_changes):
            gateway.namespace.apply(shared(1 + number, 10))
        for _ in range(much.gateway_restarts):
            replace_gateway(gateway)
        for _ in range(much.pod_replacements):
            replace_engine(gateway)
        for _ in range(much.operator_restarts):
            replace_operator(operators)
        gateway.wait_programmed("shared")
    return streams


def replace_gateway(gateway: Gateway) -> None:
    """Delete a pod of the gateway, and wait for its successor."""
    old = [name_of(pod) for pod in gateway.pods()]
    gateway.home.delete_pod(old[0])
    eventually(lambda: gateway.are_ready() and is_gone(gateway, old), seconds=90, what=f"a successor of {old[0]}")


def replace_operator(operators: Operators) -> None:
    """Delete the pod of the operator that leads, and wait for its successor."""
    old = operators.leader()
    operators.home.delete_pod(old)
    eventually(lambda: operators.are_ready() and not are_among(operators, [old]), seconds=60, what="two operators")


def replace_engine(gateway: Gateway) -> None:
    """Delete a pod of the fleet "left", and wait for its successor."""
    gone = gateway.namespace.ready_pods("left")[0]
    gateway.namespace.delete_pod(gone)

    def is_replaced() -> bool:
        pods = gateway.namespace.ready_pods("left")
        return gone not in pods and len(pods) == 2

    eventually(is_replaced, seconds=60, what=f"a successor of {gone}")


def shared(left: int, right: int) -> Json:
    """Return the policy with these weights."""
    return policy("shared", rule("all", f"left={left}", f"right={right}", sticky={"header": "x-session-id"}))


def load(gateway: Gateway, *, clients: int) -> Load:
    """Return streams of one second through the gateway."""
    return Load(gateway.lab, f"{gateway.origin}/v1", "shared", clients=clients, tokens=TOKENS, key=gateway.key)


def scale_operators(gateway: Gateway, replicas: int) -> None:
    """Set the number of operators."""
    what = ("deployment/modelfleet-operator", "--namespace", OPERATOR_NAMESPACE)
    gateway.lab.kubectl("scale", *what, "--replicas", str(replicas))


def newcomer(gateway: Gateway, old: list[str]) -> str:
    """Return the gateway that is none of *old*, once it has run for a while without being ready; empty until then."""
    for pod in gateway.pods():
        [container] = pod["status"].get("containerStatuses") or [{}]
        since = container.get("state", {}).get("running", {}).get("startedAt")
        if name_of(pod) not in old and since and not ready(pod):
            ran = datetime.now(UTC) - datetime.fromisoformat(since)
            return name_of(pod) if ran.total_seconds() > COLD_SECONDS else ""
    return ""


def is_gone(gateway: Gateway, old: list[str]) -> bool:
    """Return whether one of *old* is no gateway any more."""
    return not set(old) <= {name_of(pod) for pod in gateway.pods()}


def are_among(operators: Operators, names: list[str]) -> bool:
    """Return whether some operator is one of *names*."""
    return bool({name_of(pod) for pod in operators.pods()} & set(names))


def total(operators: Operators, metric: str) -> float:
    """Return the sum of a metric over all operators."""
    pages = [metrics(operators.lab, pod, METRICS_PORT) for pod in operators.pods()]
    return sum(value for page in pages for name, value in page.items() if name.partition("{")[0] == metric)
