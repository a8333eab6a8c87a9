"""The RoutePolicy kind, one module per part of its spec."""

from modelfleet.api.v1alpha1.route_policy.policy import RoutePolicy, RoutePolicySpec
from modelfleet.api.v1alpha1.route_policy.rule import RouteRule
from modelfleet.api.v1alpha1.route_policy.status import RoutePolicyStatus, RuleStatus

__all__ = ["RoutePolicy", "RoutePolicySpec", "RoutePolicyStatus", "RouteRule", "RuleStatus"]
