"""The reconcile of a CachePolicy: it has no children, only a status."""

from collections.abc import Callable
from datetime import datetime

from pydantic import ValidationError

from modelfleet.api.conditions import Finding, merged
from modelfleet.api.schema.problems import explain
from modelfleet.api.v1alpha1.cache_policy import CachePolicyStatus
from modelfleet.controller.cluster.resources import Json
from modelfleet.controller.reconcile.gather import policies, read_policy, readable_status
from modelfleet.controller.reconcile.report import Reporter
from modelfleet.controller.watch.cache import Cache
from modelfleet.controller.watched import FLEETS, POLICIES, Key
from modelfleet.workload.cache_policies import findings, findings_of_unreadable


class PolicyReconciler:
    """Tells each CachePolicy whether it is in force."""

    def __init__(self, cache: Cache, reporter: Reporter, *, clock: Callable[[], datetime]) -> None:
        self._cache = cache
        self._reporter = reporter
        self._clock = clock

    async def reconcile(self, key: Key) -> None:
        """Bring the status of one policy up to date."""
        raw = self._cache.get(POLICIES, key.namespace, key.name)
        if raw is None or "deletionTimestamp" in raw["metadata"]:
            return
        await self._reporter.report(POLICIES, raw, self._status(raw, key))

    def _status(self, raw: Json, key: Key) -> Json:
        before = readable_status(CachePolicyStatus, raw)
        status = CachePolicyStatus(
            observed_generation=raw["metadata"]["generation"],
            conditions=merged(
                before.conditions, self._findings(raw, key), generation=raw["metadata"]["generation"], now=self._clock()
            ),
        )
        return status.model_dump(by_alias=True, exclude_none=True, mode="json")

    def _findings(self, raw: Json, key: Key) -> tuple[Finding, ...]:
        try:
            policy = read_policy(raw)
        except ValidationError as error:
            return findings_of_unreadable(explain(error))
        others = [other for other in policies(self._cache, key.namespace) if other.metadata.name != key.name]
        fleets = {fleet["metadata"]["name"] for fleet in self._cache.list(FLEETS, key.namespace)}
        return findings(policy, others, fleets)
