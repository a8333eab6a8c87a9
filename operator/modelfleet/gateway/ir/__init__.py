"""
What the gateway does, in no vendor's words: the one form between our kinds and Envoy's resources.

`lower` makes it from the kinds, `render` makes Envoy's resources from it, and `answer` predicts from it what a request
meets. Everything is frozen and comparable, so that what did not change is not rendered again.
"""

from modelfleet.gateway.ir.backends import (
    RETRY_BUDGET_PERCENT,
    Address,
    Affinity,
    AffinityKey,
    OutlierDetection,
    Pool,
    Provider,
    SecretKey,
    Sleep,
)
from modelfleet.gateway.ir.callers import Access, ApiKey, JwtProvider, KeySelector, Labels, Priority
from modelfleet.gateway.ir.rules import (
    Backend,
    BackendKind,
    HeaderMatch,
    HeaderTest,
    Match,
    Retries,
    Rule,
    Shed,
    Split,
    StaticAnswer,
    Timeouts,
)
from modelfleet.gateway.ir.whole import Attribution, Frame, Gateway, Limit, Per, RouteTable, TokenPrice

__all__ = [
    "RETRY_BUDGET_PERCENT",
    "Access",
    "Address",
    "Affinity",
    "AffinityKey",
    "ApiKey",
    "Attribution",
    "Backend",
    "BackendKind",
    "Frame",
    "Gateway",
    "HeaderMatch",
    "HeaderTest",
    "JwtProvider",
    "KeySelector",
    "Labels",
    "Limit",
    "Match",
    "OutlierDetection",
    "Per",
    "Pool",
    "Priority",
    "Provider",
    "Retries",
    "RouteTable",
    "Rule",
    "SecretKey",
    "Shed",
    "Sleep",
    "Split",
    "StaticAnswer",
    "Timeouts",
    "TokenPrice",
]
