"""`spec.rollout`: how pods are replaced."""

from typing import Annotated

from pydantic import Field

from modelfleet.api.schema.base import ApiModel
from modelfleet.api.schema.rules import Rule, fields
from modelfleet.api.schema.types import Int, IntOrPercent

ZERO = (0, "0%")


class Rollout(ApiModel):
    """How pods are replaced, and how long they may finish what they have."""

    validations = (
        Rule(
            cel="!(has(self.maxSurge) && has(self.maxUnavailable) && self.maxSurge in [dyn(0), dyn('0%')] "
            "&& self.maxUnavailable in [dyn(0), dyn('0%')])",
            holds=lambda r: r.max_surge not in ZERO or r.max_unavailable not in ZERO,
            message="`maxSurge` and `maxUnavailable` must not both be 0: no pod could ever be replaced",
            found=fields("maxSurge", "maxUnavailable"),
        ),
    )

    max_surge: IntOrPercent | None = None
    """maxSurge is how many pods may exist beyond the fleet's size. Absent means 1 for a fleet of one, which needs a spare accelerator, and 0 otherwise; 1 when maxUnavailable is 0."""
    max_unavailable: IntOrPercent | None = None
    """maxUnavailable is how many pods may be missing. Absent means 0 for a fleet of one, and 1 otherwise; 1 when maxSurge is 0."""
    drain_seconds: Annotated[Int, Field(ge=0, le=86_400)] = 120
    """drainSeconds is how long a pod may finish running requests before it ends; at least the longest generation worth finishing. Defaults to 120."""
