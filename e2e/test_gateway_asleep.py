"""A fleet at zero: its requests are held, over the death of any operator, and answered once it serves."""

from collections import Counter
from collections.abc import Callable, Mapping

import pytest

from e2e.cluster import Json, eventually, name_of, small_fleet
from e2e.gateway import Burst, Gateway, metrics
from e2e.operators import Operators

HELD = 200
ALL: list[Mapping[str, str]] = [{}] * HELD
METRICS_PORT = 8080
SHORTLY = 3
"""Seconds that requests for the fleet "brief" are held."""


@pytest.fixture(scope="module")
def serving(gateway: Gateway) -> Gateway:
    """Two fleets at zero that wake on demand, and a key."""
    gateway.namespace.apply(
        gateway.keys(), sleeper("sleeper", hold_seconds=300), sleeper("brief", hold_seconds=SHORTLY)
    )
    for fleet in ("sleeper", "brief"):
        gateway.namespace.wait_for(fleet, "Asleep")
    eventually(lambda: {"sleeper", "brief"} <= served(gateway), seconds=30, what="a gateway that knows both")
    return gateway


@pytest.fixture
def operators(serving: Gateway) -> Operators:
    """Two replicas of the operator."""
    operators = Operators(serving.lab)
    eventually(operators.are_ready, seconds=60, what="two operators")
    return operators


def end_as_kubernetes_does(operators: Operators, name: str) -> None:
    """Delete a pod."""
    operators.home.delete_pod(name)


@pytest.mark.parametrize("leads", [True, False], ids=["leader", "follower"])
@pytest.mark.parametrize("end", [end_as_kubernetes_does, Operators.kill], ids=["SIGTERM", "SIGKILL"])
def test_held_requests_survive_the_end_of_either_operator(
    serving: Gateway, operators: Operators, end: Callable[[Operators, str], None], *, leads: bool
) -> None:
    """`kubectl scale` answers all of them, wherever they were held."""
    with Burst(serving, "sleeper", ALL) as burst:
        eventually(lambda: are_held(operators), seconds=60, what=f"{HELD} held requests, some at each operator")
        gone = next(name for name in map(name_of, operators.pods()) if (name == operators.leader()) is leads)
        end(operators, gone)
        eventually(lambda: is_replaced(operators, gone), seconds=60, what=f"a successor of {gone}")
        eventually(lambda: are_held(operators, among=1), seconds=60, what=f"{HELD} requests that are still held")
        serving.namespace.kubectl("scale", "mdep", "sleeper", "--replicas", "1")
    put_to_sleep(serving)

    assert Counter(answer.fleet for answer in burst.answers) == {"sleeper": HELD}
    assert operators.defects() == []


def test_a_hold_that_ends_says_when_to_come_back(serving: Gateway) -> None:
    """With 503 in OpenAI's shape, as the client's answer."""
    answer = serving.ask("brief")

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "model_not_ready"
    assert int(answer.headers["retry-after"]) > 0
    assert answer.elapsed.total_seconds() > SHORTLY - 1


def test_a_fleet_that_is_put_to_sleep_again_holds_again(serving: Gateway) -> None:
    """Its requests wait from the moment on at which the last pod left."""
    serving.namespace.kubectl("scale", "mdep", "sleeper", "--replicas", "1")
    put_to_sleep(serving)
    with Burst(serving, "sleeper", [{}] * 4) as burst:
        operators = Operators(serving.lab)
        eventually(lambda: held(operators) == 4, seconds=30, what="four held requests")
        serving.namespace.kubectl("scale", "mdep", "sleeper", "--replicas", "1")

    assert [answer.fleet for answer in burst.answers] == ["sleeper"] * 4


def put_to_sleep(serving: Gateway) -> None:
    """Scale "sleeper" to 0 once it serves, and return when it is asleep."""
    serving.namespace.wait_ready("sleeper", replicas=1)
    serving.namespace.kubectl("scale", "mdep", "sleeper", "--replicas", "0")
    serving.namespace.wait_for("sleeper", "Asleep")


def sleeper(name: str, *, hold_seconds: int) -> Json:
    """Return a fleet that has no replicas until somebody scales it."""
    scaling = {"mode": "Advisory", "minReplicas": 0, "maxReplicas": 2, "scaleToZero": {"holdSeconds": hold_seconds}}
    return small_fleet(name, replicas=0, autoscaling=scaling)


def served(gateway: Gateway) -> set[str]:
    """Return the models of the list."""
    answer = gateway.send("GET", "/v1/models")
    return {model["id"] for model in answer.json()["data"]} if answer.is_success else set()


def held_by_pod(operators: Operators) -> list[float]:
    """Return how many requests each operator holds."""
    pages = [metrics(operators.lab, pod, METRICS_PORT) for pod in operators.pods()]
    return [
        sum(value for name, value in page.items() if name.startswith("modelfleet_activator_held{")) for page in pages
    ]


def held(operators: Operators) -> float:
    """Return how many requests are held in all."""
    return sum(held_by_pod(operators))


def are_held(operators: Operators, *, among: int = 2) -> bool:
    """Return whether all requests are held, some of them by each of at least *among* operators."""
    found = held_by_pod(operators)
    return sum(found) == HELD and sum(map(bool, found)) >= among


def is_replaced(operators: Operators, gone: str) -> bool:
    """Return whether there are two operators again, without *gone*."""
    return operators.are_ready() and gone not in map(name_of, operators.pods())
