"""What a RoutePolicy says beyond its schema, read the same way by everybody."""

import pytest
from tests.api.specs.manifests import bases

from modelfleet.api.v1alpha1.route_policy import RoutePolicy
from modelfleet.api.v1alpha1.route_policy.backends import External


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://api.example.com", "api.example.com", 443, ""),
        ("https://api.example.com/", "api.example.com", 443, ""),
        ("https://api.example.com/v1", "api.example.com", 443, "/v1"),
        ("https://api.example.com:8443/openai/v1/", "api.example.com", 8443, "/openai/v1"),
    ],
)
def test_address_of_a_provider_has_a_host_a_port_and_a_path(url: str, host: str, port: int, path: str) -> None:
    external = External(url=url)

    assert (external.host, external.port, external.base_path) == (host, port, path)


def test_smallest_policy_has_the_defaults_that_are_worth_keeping() -> None:
    [rule] = RoutePolicy.model_validate(bases()["route-policy-smallest"]).spec.rules

    assert (rule.retries.attempts, rule.retries.budget_percent) == (2, 20)
    assert (rule.timeouts.idle_seconds, rule.timeouts.request_seconds) == (300, None)
    assert (rule.outlier_detection.consecutive_errors, rule.outlier_detection.max_ejection_percent) == (5, 100)
    assert rule.backends[0].weight == 1
    assert not rule.keep_in_cluster


def test_new_policy_is_pending_and_holds_no_name() -> None:
    status = RoutePolicy.model_validate(bases()["route-policy-smallest"]).status

    assert [(found.type, found.status, found.reason) for found in status.conditions] == [
        ("Ready", "Unknown", "Pending")
    ]
    assert status.models == ()
