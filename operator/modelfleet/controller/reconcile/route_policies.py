"""The reconcile of a RoutePolicy: it has no children, only a status; every replica compiles it all the same."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from modelfleet.api.conditions import Condition, Finding, merged
from modelfleet.api.v1alpha1.route_policy import RoutePolicyStatus
from modelfleet.api.v1alpha1.route_policy.status import RuleStatus
from modelfleet.controller.cluster.resources import Json
from modelfleet.controller.reconcile.gather import readable_status
from modelfleet.controller.reconcile.report import Reporter
from modelfleet.controller.watch.cache import Cache
from modelfleet.controller.watched import ROUTE_POLICIES, Key

AGAIN_SECONDS = 1.0
"""How soon a policy is looked at again that some gateway has not acknowledged: replicas are asked once a second."""


@dataclass(frozen=True, slots=True)
class PolicyStanding:
    """What a policy is told."""

    findings: tuple[Finding, ...]
    models: tuple[str, ...] = ()
    rules: tuple[RuleStatus, ...] = ()
    is_settled: bool = True
    """is_settled is false while gateways are still being programmed."""


class Standings(Protocol):
    """Knows what was made of each policy."""

    def standing(
        self, namespace: str, name: str, *, before: Iterable[Condition], generation: int
    ) -> PolicyStanding | None:
        """Return what is told about a policy whose conditions were *before*; None while it was not compiled yet."""


class RoutePolicyReconciler:
    """Tells each RoutePolicy whether it is in force."""

    def __init__(
        self, cache: Cache, standings: Standings, reporter: Reporter, *, clock: Callable[[], datetime]
    ) -> None:
        self._cache = cache
        self._standings = standings
        self._reporter = reporter
        self._clock = clock

    async def reconcile(self, key: Key) -> float | None:
        """Bring the status of one policy up to date, and return in how many seconds to come again."""
        raw = self._cache.get(ROUTE_POLICIES, key.namespace, key.name)
        if raw is None or "deletionTimestamp" in raw["metadata"]:
            return None
        before, generation = readable_status(RoutePolicyStatus, raw), raw["metadata"]["generation"]
        found = self._standings.standing(key.namespace, key.name, before=before.conditions, generation=generation)
        if found is None:
            return AGAIN_SECONDS
        await self._reporter.report(ROUTE_POLICIES, raw, self._status(found, before, generation))
        return None if found.is_settled else AGAIN_SECONDS

    def _status(self, found: PolicyStanding, before: RoutePolicyStatus, generation: int) -> Json:
        status = RoutePolicyStatus(
            observed_generation=generation,
            conditions=merged(before.conditions, found.findings, generation=generation, now=self._clock()),
            models=found.models,
            rules=found.rules,
        )
        return status.model_dump(by_alias=True, exclude_none=True, mode="json")
