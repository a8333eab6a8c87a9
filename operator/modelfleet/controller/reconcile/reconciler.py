"""
One reconcile, five verbs.

    cluster ─gather→ Snapshot ─compile→ Desired ┐
            Snapshot ─decide──→ Decision ───────┴─apply→ cluster ─status→ one patch

Every pass starts from what is, never from what happened: running it twice writes nothing the second time.
"""

import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from modelfleet.api.conditions import ConditionType, Finding, Reason
from modelfleet.api.served_names import Verdict, claim_of, judge
from modelfleet.api.v1alpha1.metadata import ObjectMeta
from modelfleet.controller.claims import ClaimIndex
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.errors import ClusterError, Forbidden, Invalid
from modelfleet.controller.cluster.resources import DEPLOYMENTS
from modelfleet.controller.reconcile.apply import Applier, NameTakenError
from modelfleet.controller.reconcile.compile import Desired, compile_fleet
from modelfleet.controller.reconcile.decide import Decision, decide
from modelfleet.controller.reconcile.gather import Snapshot, gather, pods
from modelfleet.controller.reconcile.lasting import LASTING, LastingFailures
from modelfleet.controller.reconcile.logs import CrashLogs
from modelfleet.controller.reconcile.report import Reporter
from modelfleet.controller.reconcile.writer import Writer
from modelfleet.controller.watch.cache import Cache
from modelfleet.controller.watched import FLEETS, Key
from modelfleet.workload.plan import Setting
from modelfleet.workload.status.conditions import Judgement
from modelfleet.workload.status.observed import Observed
from modelfleet.workload.status.summary import status

PENDING_SECONDS = 15.0
"""How soon a fleet looks again whether it is its turn to take an operator's change."""
TAKEN_SECONDS = 5.0
"""How soon a fleet looks again whether the name of a child is free: nobody watches foreign objects."""
REFUSED_SECONDS = 60.0
"""How soon a child is tried again that a quota, a policy or a missing right forbids, which change without a word."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why not everything was written, and in how many seconds that may have changed, or None for never by itself."""

    finding: Finding
    again_seconds: float | None


class FleetReconciler:
    """Brings one fleet at a time to what its spec says, and its status to what is."""

    def __init__(
        self,
        *,
        cache: Cache,
        claims: ClaimIndex,
        cluster: Cluster,
        writer: Writer,
        reporter: Reporter,
        setting: Callable[[], Setting],
        clock: Callable[[], datetime],
    ) -> None:
        self._cache, self._claims = cache, claims
        self._applier = Applier(cluster, writer)
        self._logs = CrashLogs(cluster)
        self._reporter = reporter
        self._setting = setting
        self._clock = clock
        self._turning: set[Key] = set()
        self._failures = LastingFailures(clock)

    async def reconcile(self, key: Key) -> float | None:
        """Run one pass, and return in how many seconds to come again, or None for only after a change."""
        await self._applier.end_loading_pods(pods(self._cache, key))
        snapshot = gather(self._cache, self._claims, key)
        if snapshot is None or "deletionTimestamp" in snapshot.raw["metadata"]:
            self._failures.end(key)
            return None
        setting = self._setting()
        desired = compile_fleet(snapshot, setting)
        decision = self._decide(snapshot, desired, setting)
        try:
            refused = await self._take_turn(key, self._apply(snapshot, desired, decision), decision)
        except ClusterError as error:
            if self._failures.lasts(key, error):
                with contextlib.suppress(ClusterError):  # the first failure is the one to tell
                    await self._report(snapshot, replace(desired, accepted=_failing(error)), decision)
            raise
        self._failures.end(key)
        accepted = refused.finding if refused else desired.accepted
        await self._report(snapshot, replace(desired, accepted=accepted), decision)
        if refused:
            return refused.again_seconds
        return PENDING_SECONDS if decision.update_pending else None

    def _decide(self, snapshot: Snapshot, desired: Desired, setting: Setting) -> Decision:
        return decide(
            snapshot,
            desired,
            self._cache.list(DEPLOYMENTS),
            most_operator_changes=setting.platform.rollouts.max_concurrent_operator_changes,
            turns_taken=len(self._turning),
        )

    async def _take_turn(
        self, key: Key, writes: Coroutine[Any, Any, Refused | None], decision: Decision
    ) -> Refused | None:
        """Run *writes*; while an operator's change is under way, no other fleet takes the same turn."""
        if not decision.takes_turn:
            return await writes
        self._turning.add(key)
        try:
            return await writes
        finally:
            self._turning.discard(key)

    async def _apply(self, snapshot: Snapshot, desired: Desired, decision: Decision) -> Refused | None:
        """Write what was decided, or return why not, where a person has to act."""
        try:
            missing = await self._applier.apply(
                snapshot.raw, decision.children, snapshot.children, replicas=decision.scaling.replicas
            )
        except NameTakenError as error:
            return Refused(Finding(ConditionType.ACCEPTED, "False", Reason.NAME_TAKEN, str(error)), TAKEN_SECONDS)
        except (Invalid, Forbidden) as error:
            finding = Finding(ConditionType.ACCEPTED, "False", Reason.CHILD_REFUSED, error.message)
            return Refused(finding, _again_seconds(error))
        if decision.children and not decision.update_pending:  # pods of the former template may still need the rest
            await self._applier.prune(snapshot.raw, desired.children, snapshot.children)
        return Refused(_without_metrics(missing), _again_seconds(missing)) if missing else None

    async def _report(self, snapshot: Snapshot, desired: Desired, decision: Decision) -> None:
        observed = Observed(
            deployment=self._cache.get(
                DEPLOYMENTS, snapshot.raw["metadata"]["namespace"], snapshot.raw["metadata"]["name"]
            ),
            pods=snapshot.pods,
            last_words=await self._logs.last_words(snapshot.pods),
        )
        judgement = Judgement(
            accepted=desired.accepted,
            names=_names(snapshot),
            fits=desired.fits,
            scale=decision.scaling.finding,
            desired=_size(snapshot, desired, decision),
            suspended=bool(snapshot.raw["spec"].get("suspend")),
            update_pending=decision.update_pending,
        )
        fleet = ObjectMeta.model_validate(snapshot.raw["metadata"])
        after = status(fleet, snapshot.status, judgement, observed, plan=desired.plan, now=self._clock())
        await self._reporter.report(FLEETS, snapshot.raw, after)


def _again_seconds(error: ClusterError) -> float | None:
    return None if isinstance(error, Invalid) else REFUSED_SECONDS


def _failing(error: ClusterError) -> Finding:
    message = f"Writing has failed for {LASTING.seconds} s and is tried again: {error.message}"
    return Finding(ConditionType.ACCEPTED, "False", Reason.CHILD_REFUSED, message)


def _without_metrics(error: ClusterError) -> Finding:
    message = f"The spec is valid, and the fleet has no PodMonitor, so that Prometheus misses it: {error.message}"
    return Finding(ConditionType.ACCEPTED, "True", Reason.CHILD_REFUSED, message)


def _size(snapshot: Snapshot, desired: Desired, decision: Decision) -> int:
    """Return the size that is followed: one asked for while nothing is, is told from it when the fleet goes on."""
    is_followed = bool(decision.children) and desired.accepted.status == "True"
    before = snapshot.status.desired_replicas
    return decision.scaling.desired if is_followed or before is None else before


def _names(snapshot: Snapshot) -> Verdict:
    """Return which names are the fleet's own; one whose spec cannot be read keeps what it has."""
    if snapshot.fleet is None:
        return Verdict(frozenset(snapshot.status.served_names))
    return judge(claim_of(snapshot.fleet), snapshot.claims)
