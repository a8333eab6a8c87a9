"""How a rule deals with backends that err, stall or are slow."""

from typing import Annotated

from pydantic import Field

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import Rule, fields
from modelfleet.api.schema.types import Int
from modelfleet.api.v1alpha1.headers import RequestHeader

DAY_SECONDS = 86_400


class Sticky(ApiModel):
    """Which requests belong together, so that they all get the same backend."""

    header: RequestHeader
    """header is the header whose value decides. Requests without it go by their user, and by chance without one."""


class Retries(ApiModel):
    """How often and how fast a request is tried again. Nothing is tried again once a byte of an answer was sent."""

    validations = (
        Rule(
            cel="self.backoffMilliseconds <= self.maxBackoffMilliseconds",
            holds=lambda r: r.backoff_milliseconds <= r.max_backoff_milliseconds,
            message="`backoffMilliseconds` must be at most `maxBackoffMilliseconds`",
            found=fields("backoffMilliseconds", "maxBackoffMilliseconds"),
        ),
    )

    attempts: Annotated[Int, Field(ge=1, le=8)] = 2
    """attempts is how often the rule's backends are tried in all before the first fallback. Defaults to 2; 1 tries nothing again."""
    budget_percent: Annotated[Int, Field(ge=1, le=100)] = 20
    """budgetPercent is how many of the requests that run at a fleet may be further tries at any moment, so that an outage does not multiply the load; a hundred always may. It belongs to the fleet: that of the oldest policy which sets it counts, for rules without fallbacks. Defaults to 20."""
    backoff_milliseconds: Annotated[Int, Field(ge=1, le=60_000)] = 25
    """backoffMilliseconds is the pause before the second try at most; it doubles with every further one, and its length is left to chance. Defaults to 25."""
    max_backoff_milliseconds: Annotated[Int, Field(ge=1, le=60_000)] = 250
    """maxBackoffMilliseconds is the longest such pause. Defaults to 250."""


class Timeouts(ApiModel):
    """How long a request may take. An answer that goes on is not cut unless `requestSeconds` says so."""

    idle_seconds: Annotated[Int, Field(ge=1, le=DAY_SECONDS)] = 300
    """idleSeconds without a byte in either direction end a request. Defaults to 300."""
    per_try_idle_seconds: Annotated[Int, Field(ge=1, le=DAY_SECONDS)] = 120
    """perTryIdleSeconds without a byte from a backend end that try; they bound the wait for the first byte too. Defaults to 120."""
    connect_milliseconds: Annotated[Int, Field(ge=1, le=60_000)] = 1000
    """connectMilliseconds is how long a connection to a backend may take. Defaults to 1000."""
    request_seconds: Annotated[Int, Field(ge=1, le=DAY_SECONDS)] | None = None
    """requestSeconds is how long a request may take in all; it cuts streams in the middle. Absent means no limit."""


class OutlierDetection(ApiModel):
    """When a replica that errs is left out for a while."""

    consecutive_errors: Annotated[Int, Field(ge=1, le=1000)] = 5
    """consecutiveErrors is how many answers with 5xx, resets or refused connections in a row eject a replica. Defaults to 5."""
    ejection_seconds: Annotated[Int, Field(ge=1, le=3600)] = 10
    """ejectionSeconds is how long the first ejection lasts; each further one lasts longer. Defaults to 10."""
    max_ejection_percent: Annotated[Int, Field(ge=0, le=100)] = 100
    """maxEjectionPercent is how many of a fleet's replicas may be ejected at once. Defaults to 100: a fleet that only errs is left to the fallback."""
