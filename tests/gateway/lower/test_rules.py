"""A rule becomes tries in order; what cannot be used is left out, told, and never replaced by something else."""

from typing import Any

import pytest
from tests.gateway.objects import (
    fleet,
    lowered,
    outside,
    policy,
    provider_secret,
    rule,
    secret,
    sleeper,
    to,
)

from modelfleet.api.conditions import Finding
from modelfleet.gateway import ir
from modelfleet.gateway.lower.whole import Lowered


def only_rule(found: Lowered) -> ir.Rule:
    """Return the first rule of the policy "chat"."""
    return found.gateway.tables["policy/models/chat"].rules[0]


def tried(found: Lowered) -> list[list[tuple[str, int]]]:
    """Return the names and weights of every try."""
    return [
        [(_title(found, backend), weight) for backend, weight in split.backends] for split in only_rule(found).tries
    ]


def _title(found: Lowered, backend: ir.Backend) -> str:
    provider = found.gateway.providers.get(backend.name)
    return provider.host if provider else backend.name


def condition(found: Lowered, name: str) -> Finding:
    """Return a condition of the policy "chat"."""
    return next(one for one in found.policies["models/chat"].findings if one.type == name)


LLAMA = [("models/llama", 1)]
BIG = [("models/big", 1)]
UNAVAILABLE = ir.StaticAnswer(503, "No backend of this model can take requests now.")


def test_backend_is_tried_as_often_as_attempts_say_and_then_the_fallbacks_in_order() -> None:
    chain = rule(
        retries={"attempts": 3},
        fallback=[to("big"), outside(), {"static": {"status": 529, "message": "later", "retryAfterSeconds": 7}}],
    )

    found = lowered(fleet(), fleet("big"), policy(chain), allowedHosts=["api.example.com"])

    assert tried(found) == [LLAMA, LLAMA, LLAMA, BIG, [("api.example.com", 1)]]
    assert only_rule(found).final == ir.StaticAnswer(529, "later", 7)
    assert found.policies["models/chat"].rules[0].backends == ("llama", "big", "api.example.com", "static 529")


def test_two_attempts_are_the_default_and_one_tries_nothing_again() -> None:
    assert tried(lowered(fleet(), policy())) == [LLAMA, LLAMA]
    assert tried(lowered(fleet(), policy(rule(retries={"attempts": 1})))) == [LLAMA]


def test_backends_share_by_weight_and_stick_to_a_header() -> None:
    shared = rule(to("llama", weight=90), to("big", weight=10), sticky={"header": "x-session-id"})

    found = only_rule(lowered(fleet(), fleet("big"), policy(shared))).tries[0]

    assert [weight for _, weight in found.backends] == [90, 10]
    assert found.sticky_header == "x-session-id"


def test_backend_without_weight_gets_nothing_and_is_no_problem() -> None:
    found = lowered(fleet(), fleet("big"), policy(rule(to("llama"), to("big", weight=0))))

    assert tried(found) == [LLAMA, LLAMA]
    assert condition(found, "ResolvedRefs").status == "True"


def test_fleet_that_may_sleep_is_tried_four_times_with_longer_idle_timeouts() -> None:
    found = lowered(sleeper(hold=600), policy(rule(retries={"attempts": 1}, fallback=[to("big")])), fleet("big"))

    assert tried(found) == [LLAMA, LLAMA, LLAMA, LLAMA, BIG]
    assert only_rule(found).timeouts == ir.Timeouts(idle_seconds=605, per_try_idle_seconds=605)


def test_fallback_that_may_sleep_is_tried_four_times() -> None:
    found = lowered(fleet(), sleeper("big"), policy(rule(retries={"attempts": 1}, fallback=[to("big")])))

    assert tried(found) == [LLAMA, BIG, BIG, BIG, BIG]


def test_fleet_that_falls_back_while_it_wakes_is_not_waited_for() -> None:
    found = lowered(sleeper(waking="Fallback"), policy(rule(fallback=[to("big")])), fleet("big"))

    assert tried(found) == [LLAMA, LLAMA, BIG]
    assert only_rule(found).timeouts == ir.Timeouts()


def test_longer_timeouts_of_the_policy_stay() -> None:
    patient = rule(timeouts={"idleSeconds": 900, "perTryIdleSeconds": 800, "requestSeconds": 3600})

    assert only_rule(lowered(sleeper(), policy(patient))).timeouts == ir.Timeouts(900, 800, 3600)


def test_retries_and_match_are_carried_over() -> None:
    headers = [
        {"name": "x-a", "exact": "v"},
        {"name": "x-b", "prefix": "v"},
        {"name": "x-c", "regex": "v+"},
        {"name": "x-d", "present": True},
        {"name": "x-e", "present": False},
    ]
    match = {"headers": headers, "promptBytesAtMost": 8000, "teams": ["a"], "users": ["b"], "priority": "Low"}
    retries = {"budgetPercent": 30, "backoffMilliseconds": 10, "maxBackoffMilliseconds": 20}

    found = only_rule(lowered(fleet(), policy(rule(match=match, retries=retries))))

    assert found.retries == ir.Retries(10, 20)
    assert found.match == ir.Match(
        headers=(
            ir.HeaderMatch("x-a", ir.HeaderTest.EXACT, "v"),
            ir.HeaderMatch("x-b", ir.HeaderTest.PREFIX, "v"),
            ir.HeaderMatch("x-c", ir.HeaderTest.REGEX, "v+"),
            ir.HeaderMatch("x-d", ir.HeaderTest.PRESENT),
            ir.HeaderMatch("x-e", ir.HeaderTest.ABSENT),
        ),
        body_bytes_at_most=8000,
        teams=("a",),
        users=("b",),
        priority=ir.Priority.LOW,
    )


OLD_ENGINE = {"image": "vllm/vllm-openai:v0.20.0"}
REFUSED = {"type": "Accepted", "status": "False", "reason": "TooLarge", "lastTransitionTime": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("backend", "beside", "reason", "message"),
    [
        pytest.param(to("gone"), [], "RefNotFound", 'found none called "gone"', id="missing fleet"),
        pytest.param(to("gone"), [fleet("gone", namespace="x")], "RefNotFound", "found none", id="fleet elsewhere"),
        pytest.param(
            to("gone"), [fleet("gone", status={"conditions": [REFUSED]})], "RefNotFound", "refused", id="refused fleet"
        ),
        pytest.param(
            to("gone"), [fleet("gone", engine=OLD_ENGINE)], "EngineRejectsAlias", 'answer to "chat"', id="old engine"
        ),
        pytest.param(outside("evil.example.com"), [], "HostNotAllowed", 'found "evil.example.com"', id="host"),
        pytest.param(
            outside(apiKeySecretRef={"name": "gone"}), [], "RefNotFound", "models/gone", id="missing provider key"
        ),
        pytest.param(
            outside(apiKeySecretRef={"name": "clients", "key": "ada"}),
            [secret()],
            "RefNotFound",
            "of type modelfleet.dev/provider-key",
            id="key of a caller as provider key",
        ),
    ],
)
def test_backend_that_cannot_be_used_is_left_out_and_told(
    backend: dict[str, Any], beside: list[Any], reason: str, message: str
) -> None:
    both = policy(rule(to("llama"), backend))
    fallback = policy(rule(to("llama"), fallback=[backend, to("big")]))
    alone = policy(rule(backend, fallback=[to("big")]))
    nothing = policy(rule(backend))
    around = [fleet(), fleet("big"), *beside]

    def made(one: Any) -> Lowered:
        return lowered(one, *around, allowedHosts=["api.example.com"])

    assert (condition(made(both), "ResolvedRefs").status, condition(made(both), "ResolvedRefs").reason) == (
        "False",
        reason,
    )
    assert message in condition(made(both), "ResolvedRefs").message
    assert tried(made(both)) == [LLAMA, LLAMA]
    assert tried(made(fallback)) == [LLAMA, LLAMA, BIG]
    assert tried(made(alone)) == [BIG]
    assert tried(made(nothing)) == []
    assert only_rule(made(nothing)).final == UNAVAILABLE


def test_provider_key_in_a_namespace_whose_secrets_may_not_be_read_is_told_so() -> None:
    external = outside(apiKeySecretRef={"name": "openai"})

    found = lowered(policy(rule(external)), allowedHosts=["api.example.com"], secretNamespaces=[])

    assert condition(found, "ResolvedRefs").reason == "SecretNamespaceNotListed"
    assert only_rule(found).tries == ()


def test_rule_with_nothing_left_gives_its_own_static_answer() -> None:
    static = {"static": {"status": 529, "message": "later"}}

    assert only_rule(lowered(policy(rule(to("gone"), fallback=[static])))).final == ir.StaticAnswer(529, "later")


def test_refused_fleet_that_still_has_pods_still_gets_requests() -> None:
    found = lowered(fleet(status={"conditions": [REFUSED], "replicas": 1}), policy())

    assert tried(found) == [LLAMA, LLAMA]


def test_old_engine_answers_to_its_own_names() -> None:
    old = fleet(engine=OLD_ENGINE, model={"servedNames": ["chat"], "adapters": [{"name": "sql", "source": "hf://a/b"}]})

    found = lowered(old, policy(models=["chat", "sql"]))

    assert condition(found, "ResolvedRefs").status == "True"


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("api.example.com", True),
        ("eu.models.example.org", True),
        ("example.org", False),
        ("api.example.com.evil.net", False),
        ("evilexample.org", False),
    ],
)
def test_host_must_match_what_the_platform_allows(host: str, allowed: bool) -> None:
    found = lowered(policy(rule(outside(host))), allowedHosts=["api.example.com", "*.example.org"])

    assert bool(only_rule(found).tries) == allowed


def test_no_host_is_allowed_unless_the_platform_says_so() -> None:
    assert only_rule(lowered(policy(rule(outside())))).tries == ()


def test_provider_has_its_address_model_and_key() -> None:
    external = outside(
        "api.example.com:8443", model="gpt-x", apiKeySecretRef={"name": "openai"}, apiKeyHeader="api-key"
    )

    found = lowered(policy(rule(external)), provider_secret(), allowedHosts=["*.example.com"])

    (provider,) = found.gateway.providers.values()
    assert (provider.host, provider.port, provider.base_path, provider.model) == (
        "api.example.com",
        8443,
        "/v1",
        "gpt-x",
    )
    assert provider.key == ir.SecretKey("models", "openai", "api-key")
    assert provider.key_header == "api-key"
    assert list(found.gateway.provider_keys) == [provider.key]


def test_equal_providers_of_a_namespace_are_one_and_others_are_not() -> None:
    names = {
        name
        for made in (policy(rule(outside())), policy(rule(outside()), name="other"), policy(rule(outside(model="m"))))
        for name in lowered(made, allowedHosts=["*.example.com"]).gateway.providers
    }

    assert len(names) == 2
    assert all(name.startswith("external/models/") for name in names)


def test_shedding_falls_back_where_there_is_a_fallback_and_else_rejects() -> None:
    shedding = {"lowPriority": {"action": "Fallback"}}
    rules = (rule(fallback=[to("big")], name="one"), rule(name="two"))

    found = lowered(fleet(), fleet("big"), policy(*rules, shedding=shedding)).gateway.tables["policy/models/chat"].rules

    assert [one.shed for one in found] == [ir.Shed.FALLBACK, ir.Shed.REJECT]
    assert only_rule(lowered(fleet(), policy())).shed is None


def test_provider_of_a_rule_that_must_keep_in_the_cluster_is_left_out_whatever_the_schema_let_through() -> None:
    leaking = policy(rule(to("llama"), fallback=[outside()]))
    kept = leaking.spec.rules[0].model_copy(update={"keep_in_cluster": True})
    stored = leaking.model_copy(update={"spec": leaking.spec.model_copy(update={"rules": (kept,)})})

    found = lowered(fleet(), stored, allowedHosts=["api.example.com"])

    assert tried(found) == [LLAMA, LLAMA]
    assert found.gateway.providers == {}
    assert condition(found, "Accepted").reason == "KeepInCluster"
