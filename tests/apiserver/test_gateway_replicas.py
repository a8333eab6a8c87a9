"""Operators come and go, and so does the API server: a real Envoy goes on, and nothing ever goes back."""

from collections.abc import Iterator

import pytest
from tests.apiserver.client import Client
from tests.apiserver.conftest import new_namespace
from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.gateway_world import KEY, Gate, api_keys, route_policy
from tests.apiserver.gateway_world import gate as new_gate
from tests.apiserver.kubectl import Kubectl
from tests.apiserver.operator_process import Operators
from tests.apiserver.proxy import proxy
from tests.apiserver.waiting import eventually
from tests.envoy.engines import engines

pytestmark = pytest.mark.envoy

FOREIGN_KEY = "sk-a-key-of-bob-00000"


@pytest.fixture
def gate(operators: Operators, api: Client, kubectl: Kubectl) -> Iterator[Gate]:
    """Yield a gateway without operators, and a fleet behind a policy."""
    with (
        new_namespace(api, kubectl) as own,
        new_namespace(api, kubectl) as other,
        engines() as behind,
        new_gate(operators, own, other, behind) as made,
    ):
        own.create(api_keys(ada=KEY))
        made.fleet(own, "llama")
        own.create(route_policy("chat", "llama", models=["chat"]))
        yield made


def test_secrets_that_cannot_be_read_hold_nobody_else_up_and_close_no_door(gate: Gate) -> None:
    gate.other.create(api_keys(bob=FOREIGN_KEY))
    gate.fleet(gate.other, "qwen")
    first = gate.replica()
    gate.start_envoy(first)
    gate.await_engine("qwen", f"{gate.other.name}/qwen", key=FOREIGN_KEY)
    gate.await_engine("chat", f"{gate.own.name}/llama")
    first.operator.stop()

    gate.unread(gate.other).touch()
    second = gate.replica(xds_port=first.xds_port)
    second.operator.await_leading()
    gate.fleet(gate.own, "later")
    gate.await_engine("later", f"{gate.own.name}/later")
    gate.other.create(route_policy("theirs", "qwen", models=["theirs"]))
    gate.other.await_condition("ResolvedRefs", "False", "SecretsUnread", name="theirs", of="RoutePolicy")
    gate.await_engine("theirs", f"{gate.other.name}/qwen", key=FOREIGN_KEY)
    unread = second.operator.metric("modelfleet_gateway_unread_secret_namespaces")
    gate.envoy.stop()
    gate.start_envoy_again()
    gate.await_engine("later", f"{gate.own.name}/later")
    cold = gate.ask("theirs", key=FOREIGN_KEY).status_code

    gate.unread(gate.other).unlink()
    gate.await_engine("theirs", f"{gate.other.name}/qwen", key=FOREIGN_KEY)
    gate.other.await_condition("ResolvedRefs", "True", name="theirs", of="RoutePolicy")

    assert (unread, cold) == (1, 401)
    assert second.operator.metric("modelfleet_gateway_unread_secret_namespaces") == 0


def test_a_restarted_operator_sends_nothing_and_writes_nothing(gate: Gate) -> None:
    first = gate.replica()
    gate.start_envoy(first)
    gate.own.await_condition("Programmed", "True", name="chat", of="RoutePolicy")
    gate.own.await_deployment("llama")
    gate.own.await_report("llama")
    first.operator.stop()
    version = gate.own.get("RoutePolicy", "chat")["metadata"]["resourceVersion"]
    during = gate.engine_of("chat")

    second = gate.replica(xds_port=first.xds_port)
    second.operator.await_leading()
    eventually(second.gateways, "Envoy is back")
    eventually(lambda: second.operator.metric("modelfleet_xds_held_clients") == 0, "Envoy is let go")
    sent = second.sent_bytes()
    gate.fleet(gate.own, "later")
    gate.await_engine("later", f"{gate.own.name}/later")

    assert sent == 0
    assert during == f"{gate.own.name}/llama"
    assert second.operator.metric("modelfleet_xds_sent_bytes_total", type="listeners") == 0
    assert second.operator.metric("modelfleet_xds_sent_bytes_total", type="extensions") == 0
    assert second.operator.metric("modelfleet_xds_responses_total", type="clusters") <= 2
    assert gate.own.get("RoutePolicy", "chat")["metadata"]["resourceVersion"] == version


def test_a_deleted_name_stays_gone_when_the_operator_was_restarted(gate: Gate) -> None:
    gate.own.create(route_policy("passing", "llama", models=["passing"]))
    first = gate.replica()
    gate.start_envoy(first)
    gate.await_engine("passing", f"{gate.own.name}/llama")
    first.operator.kill()
    gate.own.delete("RoutePolicy", "passing")

    second = gate.replica(xds_port=first.xds_port)
    eventually(second.gateways, "Envoy is back")

    gate.await_status("passing", 404)
    assert gate.engine_of("chat") == f"{gate.own.name}/llama"


def test_envoy_moves_to_the_other_operator_and_nothing_goes_back(gate: Gate) -> None:
    replicas = [gate.replica(user) for user in ("operator-a", "operator-b")]
    for replica in replicas:
        replica.operator.await_word("serving gateways")
    gate.start_envoy(*replicas)
    [connected] = eventually(lambda: [each for each in replicas if each.gateways()], "Envoy has an operator")
    [other] = [each for each in replicas if each is not connected]
    gate.await_engine("chat", f"{gate.own.name}/llama")

    connected.operator.kill()
    eventually(other.gateways, "Envoy has the other operator")
    answers = {gate.engine_of("chat") for _ in range(20)}
    gate.fleet(gate.own, "later")
    gate.await_engine("later", f"{gate.own.name}/later")

    assert answers == {f"{gate.own.name}/llama"}
    assert other.operator.metric("modelfleet_xds_sent_bytes_total", type="listeners") == 0


def test_requests_and_configuration_go_on_while_the_api_server_is_away(gate: Gate, plane: ControlPlane) -> None:
    with proxy(plane.connection.server) as way:
        replica = gate.replica(server=way.address)
        replica.operator.await_leading()
        gate.start_envoy(replica)
        gate.await_engine("chat", f"{gate.own.name}/llama")

        way.cut()
        replica.operator.await_word("no longer leading")
        during = gate.engine_of("chat")
        gate.envoy.stop()
        gate.start_envoy_again()
        cold = gate.engine_of("chat")
        gate.own.create(route_policy("meanwhile", "llama", models=["meanwhile"]))
        way.mend()

        gate.own.await_condition("Programmed", "True", name="meanwhile", of="RoutePolicy")
        assert (during, cold) == (f"{gate.own.name}/llama", f"{gate.own.name}/llama")
        assert gate.engine_of("meanwhile") == f"{gate.own.name}/llama"
        replica.operator.stop()


def test_nothing_is_served_before_everything_is_known(gate: Gate, plane: ControlPlane) -> None:
    with proxy(plane.connection.server) as way:
        way.cut()
        replica = gate.replica(server=way.address)
        replica.operator.await_word("serving health and metrics")
        not_ready = replica.operator.get("/readyz")

        assert not_ready.status_code == 503
        assert "gateway: what gateways are to do is not compiled yet" in not_ready.text
        assert replica.operator.said("serving gateways") == []

        way.mend()
        gate.start_envoy(replica)
        eventually(lambda: replica.operator.get("/readyz").is_success, "the operator is ready")

        assert gate.engine_of("chat") == f"{gate.own.name}/llama"
        replica.operator.stop()
