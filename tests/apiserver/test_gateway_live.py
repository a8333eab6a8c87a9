"""What is applied to the API server is what a real Envoy does, and policies are told when it does."""

from collections.abc import Iterator

import pytest
from tests.apiserver.client import Client
from tests.apiserver.conftest import new_namespace
from tests.apiserver.gateway_world import KEY, Gate, api_keys, route_policy
from tests.apiserver.gateway_world import gate as new_gate
from tests.apiserver.kubectl import Kubectl
from tests.apiserver.namespace import Namespace
from tests.apiserver.operator_process import Operators
from tests.apiserver.waiting import eventually
from tests.envoy.engines import engines

pytestmark = pytest.mark.envoy

ANOTHER_KEY = "sk-another-key-of-ada"
UNSEEN_KEY = "sk-a-key-of-eve-00000"
FOREIGN_KEY = "sk-a-key-of-bob-00000"


@pytest.fixture(scope="module")
def gate(operators: Operators, api: Client, kubectl: Kubectl) -> Iterator[Gate]:
    """Yield a gateway with one operator, fleets with keys in two namespaces; policies name "behind" and "qwen"."""
    with (
        new_namespace(api, kubectl) as own,
        new_namespace(api, kubectl) as other,
        engines() as behind,
        new_gate(operators, own, other, behind) as made,
    ):
        own.create(api_keys(ada=KEY))
        other.create(api_keys(bob=FOREIGN_KEY))
        made.fleet(own, "llama")
        made.fleet(own, "behind")
        made.fleet(other, "qwen")
        made.forbidden.append("default")  # what may not be read keeps nobody waiting
        replica = made.replica()
        made.start_envoy(replica)
        yield made


def programmed(gate: Gate, name: str, status: str = "True", reason: str = "Programmed") -> str:
    found = gate.own.await_condition("Programmed", status, reason, name=name, of="RoutePolicy")
    return str(found["message"])


def test_a_fleet_is_reached_by_its_own_names_without_any_policy(gate: Gate) -> None:
    gate.await_engine("llama", f"{gate.own.name}/llama")
    gate.await_engine(f"{gate.own.name}/llama", f"{gate.own.name}/llama")

    assert gate.ask("llama", key=None).status_code == 401
    assert gate.ask("llama", key=FOREIGN_KEY).status_code == 403


def test_a_policy_is_in_force_when_it_says_so(gate: Gate) -> None:
    gate.own.create(route_policy("chat", "behind", models=["chat"]))
    programmed(gate, "chat")

    status = gate.own.get("RoutePolicy", "chat")["status"]
    conditions = {one["type"]: one["status"] for one in status["conditions"]}

    assert gate.engine_of("chat") == f"{gate.own.name}/behind"
    assert status["models"] == ["chat"]
    assert status["rules"] == [{"name": "all", "backends": ["behind"]}]
    assert conditions.items() >= dict.fromkeys(("Ready", "Accepted", "ResolvedRefs", "Programmed"), "True").items()


def test_a_change_is_in_force_when_it_says_so(gate: Gate) -> None:
    gate.fleet(gate.own, "second")
    gate.own.create(route_policy("moving", "behind", models=["moving"]))
    programmed(gate, "moving")
    for fleet in ("second", "behind", "second"):
        rules = [{"name": "all", "backends": [{"modelDeployment": fleet}]}]
        gate.own.patch("RoutePolicy", {"spec": {"rules": rules}}, "moving")
        programmed(gate, "moving")

        assert gate.engine_of("moving") == f"{gate.own.name}/{fleet}"


def test_a_rotated_key_is_in_effect_and_the_old_one_as_long_as_it_is_there(gate: Gate) -> None:
    gate.own.patch("Secret", {"stringData": {"ada": f"{ANOTHER_KEY},{KEY}"}}, "clients")
    gate.await_engine("llama", f"{gate.own.name}/llama", key=ANOTHER_KEY)
    both = gate.ask("llama").status_code
    gate.own.patch("Secret", {"stringData": {"ada": ANOTHER_KEY}}, "clients")
    gate.await_status("llama", 401)
    gate.own.patch("Secret", {"stringData": {"ada": KEY}}, "clients")

    gate.await_engine("llama", f"{gate.own.name}/llama")
    assert both == 200


def test_the_name_of_a_deleted_policy_is_gone(gate: Gate) -> None:
    gate.own.create(route_policy("passing", "behind", models=["passing"]))
    programmed(gate, "passing")
    gate.own.delete("RoutePolicy", "passing")
    answer = gate.await_status("passing", 404)

    error = answer.json()["error"]
    assert error["code"] == "model_not_found"
    assert "llama" in error["message"]


def test_a_name_belongs_to_who_had_it_first(gate: Gate) -> None:
    gate.own.create(route_policy("first", "behind", models=["shared"]))
    programmed(gate, "first")
    gate.other.create(route_policy("late", "qwen", models=["shared", "late"]))
    gate.other.await_condition("Accepted", "False", "Conflict", name="late", of="RoutePolicy", words="first")

    gate.await_engine("late", f"{gate.other.name}/qwen", key=FOREIGN_KEY)
    assert gate.engine_of("shared") == f"{gate.own.name}/behind"

    gate.own.delete("RoutePolicy", "first")
    gate.await_engine("shared", f"{gate.other.name}/qwen", key=FOREIGN_KEY)


def test_one_tenants_refused_policy_keeps_its_last_good_rules_and_harms_no_other(gate: Gate) -> None:
    gate.own.create(route_policy("poisoned", "behind", models=["poisoned"]))
    why = programmed(gate, "poisoned", "False", "RejectedByGateway")
    gate.other.create(route_policy("healthy", "qwen", models=["healthy"]))
    gate.other.await_condition("Programmed", "True", name="healthy", of="RoutePolicy")

    assert "missing )" in why
    assert gate.engine_of("healthy", key=FOREIGN_KEY) == f"{gate.other.name}/qwen"
    gate.own.delete("RoutePolicy", "poisoned")


def test_keys_count_for_nothing_where_the_operator_may_not_read_them(gate: Gate, namespace: Namespace) -> None:
    namespace.create(api_keys(eve=UNSEEN_KEY))
    gate.fleet(namespace, "unseen")
    auth = {"apiKeys": {"secretSelector": {"matchLabels": {"team": "red"}}}}
    namespace.create(route_policy("guarded", "unseen", models=["guarded"], auth=auth))
    namespace.await_condition("ResolvedRefs", "False", "SecretNamespaceNotListed", name="guarded", of="RoutePolicy")

    assert gate.ask("guarded", key=UNSEEN_KEY).status_code == 401
    assert gate.ask("guarded").status_code == 403


def test_a_pod_that_becomes_unready_gets_nothing_more(gate: Gate) -> None:
    gate.fleet(gate.own, "flaky")
    gate.await_engine("flaky", f"{gate.own.name}/flaky")
    slice_ = gate.own.get("EndpointSlice", "flaky-1")
    endpoints = [each | {"conditions": {"ready": False}} for each in slice_["endpoints"]]
    gate.own.patch("EndpointSlice", {"endpoints": endpoints}, "flaky-1")

    gate.await_status("flaky", 503)


def test_models_are_listed_for_who_asks(gate: Gate) -> None:
    answer = gate.http.get(f"http://127.0.0.1:{gate.entry}/v1/models", headers={"authorization": f"Bearer {KEY}"})
    names = {each["id"] for each in answer.json()["data"]}

    assert {"llama", f"{gate.own.name}/llama"} <= names
    assert "qwen" not in names


def test_nothing_more_is_written_once_all_is_said(gate: Gate) -> None:
    gate.own.create(route_policy("calm", "behind", models=["calm"]))
    programmed(gate, "calm")
    version = gate.own.get("RoutePolicy", "calm")["metadata"]["resourceVersion"]
    gate.fleet(gate.own, "noise")
    gate.await_engine("noise", f"{gate.own.name}/noise")
    eventually(lambda: gate.own.find("Deployment", "noise"), "the operator has written since")

    assert gate.own.get("RoutePolicy", "calm")["metadata"]["resourceVersion"] == version
