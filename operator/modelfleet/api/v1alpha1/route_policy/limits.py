"""What a policy lets through: budgets per minute, and what low priority gives up for others."""

from typing import Annotated, Literal

from pydantic import Field

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import Rule, fields
from modelfleet.api.schema.types import Int

UINT32_MAX = 4_294_967_295
"""Envoy counts tokens of its buckets in 32 bits."""
PerMinute = Annotated[Int, Field(ge=1, le=UINT32_MAX)]


class Limit(ApiModel):
    """A budget per minute, shared by all replicas of the gateway. It is full again after they restart."""

    validations = (
        Rule(
            cel="has(self.requestsPerMinute) || has(self.reservedTokensPerMinute)",
            holds=lambda limit: limit.requests_per_minute is not None or limit.reserved_tokens_per_minute is not None,
            message="at least one of `requestsPerMinute` and `reservedTokensPerMinute` must be set",
            found=fields("per"),
        ),
        Rule(
            cel="!has(self.reservedTokensPerMinute) || self.defaultMaxTokens <= self.reservedTokensPerMinute",
            holds=lambda limit: (
                limit.reserved_tokens_per_minute is None or limit.default_max_tokens <= limit.reserved_tokens_per_minute
            ),
            message="`defaultMaxTokens` must be at most `reservedTokensPerMinute`, or no request without a maximum would ever pass",
            found=fields("defaultMaxTokens", "reservedTokensPerMinute"),
        ),
    )

    per: Literal["User", "Team", "Model"]
    """per says what has a budget of its own: each User, each Team, or each Model of the policy."""
    requests_per_minute: PerMinute | None = None
    """requestsPerMinute is how many requests pass in a minute; others get 429. Absent means any number."""
    reserved_tokens_per_minute: PerMinute | None = None
    """reservedTokensPerMinute is how many tokens of answers requests may ask for in a minute, by their `max_tokens`, whatever they use of it. Absent means any number."""
    default_max_tokens: PerMinute = 512
    """defaultMaxTokens is what a request reserves that names no maximum. Defaults to 512."""


class LowPriorityShedding(ApiModel):
    """From where on requests of low priority give way."""

    at_concurrency_percent: Annotated[Int, Field(ge=1, le=100)] = 80
    """atConcurrencyPercent is the part of a fleet's concurrency, in percent, that low priority may use. Defaults to 80."""
    action: Literal["Fallback", "Reject"] = "Reject"
    """action is what happens beyond it: Fallback tries the rule's fallbacks, where it has some, and Reject answers 429. Defaults to Reject."""


class Shedding(ApiModel):
    """Who gives way when fleets are nearly full."""

    low_priority: LowPriorityShedding
    """lowPriority is for callers whose key or token says Low."""
