"""Whose a served name is, and whose a fleet's CachePolicy: one has it, the other is told who."""

from typing import Any

from tests.apiserver.namespace import SOURCE, Namespace, policy, template
from tests.apiserver.operator_process import Operator
from tests.apiserver.waiting import eventually

CHAT = {"source": SOURCE, "revision": "main", "servedNames": ["chat"]}
CLAIM = {"cache": {"claim": {"size": "10Gi", "accessMode": "ReadWriteOnce"}}}


def test_older_fleet_keeps_the_name_and_the_other_runs_all_the_same(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet("older", model=CHAT, replicas=0)
    namespace.await_condition("NamesAccepted", "True", name="older")

    namespace.fleet("younger", model=CHAT, replicas=0)

    said = namespace.await_condition("NamesAccepted", "False", "Conflict", name="younger")["message"]
    assert said.startswith(f'"chat" belongs to {namespace.name}/older. Choose other `model.servedNames`')
    namespace.await_deployment("younger", replicas=0)
    namespace.finish_rollout("younger")
    namespace.await_condition("Ready", "True", name="younger")
    assert f"{namespace.name}/younger" in template(namespace.get("Deployment", "younger"))["args"]
    assert served_names(namespace, "older") == ["chat"]
    assert served_names(namespace, "younger") == []


def test_name_of_a_fleet_that_is_deleted_goes_to_the_other(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet("older", model=CHAT)
    namespace.await_condition("NamesAccepted", "True", name="older")
    namespace.fleet("younger", model=CHAT)
    namespace.await_condition("NamesAccepted", "False", name="younger")

    namespace.delete("ModelDeployment", "older")

    namespace.await_condition("NamesAccepted", "True", name="younger")
    assert served_names(namespace, "younger") == ["chat"]


def test_name_that_its_fleet_gives_up_goes_to_the_other(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet("older", model=CHAT)
    namespace.await_condition("NamesAccepted", "True", name="older")
    namespace.fleet("younger", model=CHAT)
    namespace.await_condition("NamesAccepted", "False", name="younger")

    namespace.edit("older", model={"servedNames": ["talk"]})

    namespace.await_condition("NamesAccepted", "True", name="younger")
    namespace.await_report("older")
    assert served_names(namespace, "older") == ["talk"]


def test_fleet_that_has_a_name_keeps_it_against_an_older_one_that_asks_later(
    namespace: Namespace, operator: Operator
) -> None:
    namespace.fleet("older")
    namespace.await_report("older")
    namespace.fleet("younger", model=CHAT)
    namespace.await_condition("NamesAccepted", "True", name="younger")

    namespace.edit("older", model={"servedNames": ["chat"]})

    namespace.await_condition("NamesAccepted", "False", "Conflict", name="older")
    assert served_names(namespace, "younger") == ["chat"]
    assert namespace.condition("NamesAccepted", "younger")["status"] == "True"


def test_adapters_share_the_name_space(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet("older", model=CHAT)
    namespace.await_condition("NamesAccepted", "True", name="older")

    namespace.fleet("younger", model={"source": SOURCE, "adapters": [{"name": "chat", "source": "hf://team/adapter"}]})

    said = namespace.await_condition("NamesAccepted", "False", "Conflict", name="younger")["message"]
    assert f'"chat" belongs to {namespace.name}/older' in said
    assert served_names(namespace, "younger") == ["younger"]


def test_policy_changes_its_fleet_and_leaves_it_again(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet()
    namespace.await_deployment()

    namespace.create(policy("cache", "fleet", prefixCaching=False))

    policy_says(namespace, "cache", "Ready", "True")
    eventually(lambda: "--no-enable-prefix-caching" in arguments(namespace), "the policy's argument")
    namespace.delete("CachePolicy", "cache")
    eventually(lambda: "--no-enable-prefix-caching" not in arguments(namespace), "no argument")


def test_policy_without_its_target_says_so_until_the_target_comes(namespace: Namespace, operator: Operator) -> None:
    namespace.create(policy("cache", "fleet", prefixCaching=False))
    said = policy_says(namespace, "cache", "ResolvedRefs", "False", "TargetNotFound")["message"]

    namespace.fleet()

    assert '"fleet"' in said
    policy_says(namespace, "cache", "ResolvedRefs", "True")
    policy_says(namespace, "cache", "Ready", "True")
    eventually(lambda: "--no-enable-prefix-caching" in arguments(namespace), "the policy's argument")


def test_older_of_two_policies_is_in_force_until_it_goes(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet()
    namespace.create(policy("a-first", "fleet", prefixCaching=False))
    policy_says(namespace, "a-first", "Accepted", "True")

    namespace.create(policy("b-second", "fleet", prefixCaching=True))

    said = policy_says(namespace, "b-second", "Accepted", "False", "Conflict")["message"]
    assert '"fleet" has the older policy "a-first"' in said
    eventually(lambda: "--no-enable-prefix-caching" in arguments(namespace), "the older policy's argument")
    namespace.delete("CachePolicy", "a-first")
    policy_says(namespace, "b-second", "Accepted", "True")
    eventually(lambda: "--enable-prefix-caching" in arguments(namespace), "the other policy's argument")


def test_policy_that_the_engine_is_too_old_for_refuses_the_fleet(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet(engine={"image": "vllm/vllm-openai:v0.9.2"})
    before = namespace.await_deployment()["metadata"]["generation"]

    namespace.create(policy("cache", "fleet", kvOffload={"cpuGiB": 16}))

    said = namespace.await_condition("Accepted", "False", "EngineVersion")["message"]
    assert "`--kv-offloading-size`, which exists from vLLM 0.11.2 on, and the image is vLLM 0.9.2" in said
    assert namespace.get("Deployment")["metadata"]["generation"] == before


def test_claim_of_one_writer_keeps_a_fleet_at_one_replica(namespace: Namespace, operator: Operator) -> None:
    namespace.fleet(weights=CLAIM)
    namespace.await_deployment(replicas=1)

    scaled = namespace.kubectl("scale", "mdep/fleet", "--replicas=2")

    assert not scaled.succeeded
    assert "use ReadWriteMany" in scaled.text
    assert namespace.get("Deployment")["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def served_names(namespace: Namespace, name: str) -> list[str]:
    """Return the names that belong to a fleet."""
    names: list[str] = namespace.get("ModelDeployment", name)["status"].get("servedNames", [])
    return names


def arguments(namespace: Namespace) -> list[str]:
    """Return the arguments of the fleet's engine, none while there is no Deployment."""
    live = namespace.find("Deployment")
    args: list[str] = template(live)["args"] if live else []
    return args


def policy_says(namespace: Namespace, name: str, kind: str, status: str, reason: str | None = None) -> dict[str, Any]:
    """Return a condition of a CachePolicy once it says this."""
    return namespace.await_condition(kind, status, reason, name=name, of="CachePolicy")
