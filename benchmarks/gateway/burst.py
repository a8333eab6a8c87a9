"""Many users at once on a fleet that is far too small for them: how often requests are tried, and what is refused."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from e2e.lab import Progress
from tests.gateway.objects import fleet, policy

from benchmarks.gateway.limits import most_files
from benchmarks.gateway.stand import Through, busy, engines, gateway
from benchmarks.gateway.users import SHED, Outcomes, ask_for
from benchmarks.stage import Row

PODS = 4
REQUESTS_PER_POD = 64
ANSWER_SECONDS = 15
FEW, MANY = 20, 2000
PHASES = ((FEW, 16), (MANY, 60), (FEW, 31))
"""Users, and for how many seconds they go on asking."""
WANTED_TRIES = 1.1
CLUSTER = "models/llama"


@dataclass(frozen=True, slots=True)
class Phase:
    """What so many users met, and how often Envoy tried."""

    users: int
    outcomes: Outcomes
    tries: int
    retries: int

    def tries_per_request(self) -> float:
        """Return tries at engines per request that got one; retries that found no place count as well."""
        requests = self.outcomes.by_kind.total() - self.outcomes.by_kind[SHED]
        return max(self.tries / requests, 1 + self.retries / self.outcomes.by_kind.total())


def run(progress: Progress) -> Iterator[Row]:
    """Yield tries per request, what was refused how, and what the few met afterwards."""
    most_files()
    small = fleet(engine={"maxNumSeqs": REQUESTS_PER_POD})
    with ExitStack() as running:
        pods = running.enter_context(engines(PODS, delay=ANSWER_SECONDS))
        way = running.enter_context(gateway([small, policy()], {CLUSTER: pods}, replicas=1, authRequired=False))
        phases = []
        for users, seconds in PHASES:
            phases.append(phase(way, users, seconds))
            progress.note(f"{phases[-1]}; {busy()}")
    yield from rows(*phases)


def phase(way: Through, users: int, seconds: float) -> Phase:
    """Return what *users* meet who ask for *seconds*."""
    before = counts(way)
    outcomes = asyncio.run(ask_for(way.port, users=users, seconds=seconds))
    tries, retries = (after - then for after, then in zip(counts(way), before, strict=True))
    return Phase(users, outcomes, tries, retries)


def counts(way: Through) -> tuple[int, int]:
    """Return Envoy's tries at engines, and its retries, those included that found no place."""
    stats = way.envoy.stats(f"^cluster\\.{CLUSTER}\\.upstream_rq_(total|retry|retry_overflow)$")
    found = {name.rpartition(".")[2]: value for name, value in stats.items()}
    retries = found.get("upstream_rq_retry", 0) + found.get("upstream_rq_retry_overflow", 0)
    return found.get("upstream_rq_total", 0), retries


def rows(before: Phase, burst: Phase, after: Phase) -> Iterator[Row]:
    """Yield the rows."""
    jump = f"{FEW} → {MANY} users, answers of {ANSWER_SECONDS} s, room for {PODS * REQUESTS_PER_POD}"
    yield (f"{jump}: tries per request", f"{burst.tries_per_request():.3f}", f"≤ {WANTED_TRIES}")
    met = burst.outcomes
    yield (
        "answered, shed with a clean 429 and Retry-After, anything else",
        f"{met.by_kind['200']}, {met.by_kind[SHED]}, {met.unexpected() or 0}",
        "nothing else",
    )
    few = {"before": before, "after": after}
    shed = {when: one.outcomes.by_kind.total() - one.outcomes.by_kind["200"] for when, one in few.items()}
    yield (
        f"the {FEW} users before, and right after: not answered",
        f"{shed['before']}, {shed['after']} of {after.outcomes.by_kind.total()}",
        "0, 0",
    )
