"""Under a constant load of streams, nothing that happens around them costs one: policies, pods, gateways, operators."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from e2e.cluster import eventually, name_of, ready
from e2e.disturbance import Disturbance, are_among, disturbed, load, serve
from e2e.gateway import Gateway, metrics
from e2e.installation import OPERATOR_NAMESPACE
from e2e.operators import Operators

METRICS_PORT = 8080
RESPONSES = "modelfleet_xds_responses_total"
COLD_SECONDS = 5
"""For which a gateway's process runs before it is found to be still not ready."""


@pytest.fixture(scope="module")
def serving(gateway: Gateway) -> Gateway:
    """Two fleets that share a name."""
    serve(gateway)
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


def test_restarted_operators_with_nothing_new_send_where_they_are_and_no_more(
    serving: Gateway, operators: Operators
) -> None:
    """Gateways say what they have when they connect again, and that is all there is."""
    before = serving.updates()
    old = [name_of(pod) for pod in operators.pods()]
    for name in old:
        operators.home.delete_pod(name)
    eventually(lambda: operators.are_ready() and not are_among(operators, old), seconds=90, what="two new operators")
    eventually(lambda: total(operators, "modelfleet_xds_clients") == 2, seconds=60, what="two connected gateways")

    assert sent(operators) <= {f'{RESPONSES}{{type="{kind}"}}' for kind in ("endpoints", "marker")}
    assert serving.updates() == before


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


def total(operators: Operators, metric: str) -> float:
    """Return the sum of a metric over all operators."""
    pages = [metrics(operators.lab, pod, METRICS_PORT) for pod in operators.pods()]
    return sum(value for page in pages for name, value in page.items() if name.partition("{")[0] == metric)


def sent(operators: Operators) -> set[str]:
    """Return the metrics of the kinds of responses that any operator has sent."""
    pages = [metrics(operators.lab, pod, METRICS_PORT) for pod in operators.pods()]
    return {name for page in pages for name, value in page.items() if value and name.startswith(RESPONSES)}
