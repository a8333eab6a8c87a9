"""Of several operators one writes, and another takes over soon when it ends, however it ends."""

import datetime as dt
import itertools
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from e2e.lab import audit
from e2e.lab.audit import Write
from tests.apiserver.control_plane import ControlPlane
from tests.apiserver.namespace import Namespace
from tests.apiserver.operator_process import SETTINGS, Operator, Operators
from tests.apiserver.waiting import eventually

LEASE_SECONDS = SETTINGS["lease_duration_seconds"] + 1.5 * SETTINGS["lease_retry_seconds"]
"""After this long without a leader there is one: the longest pause between two looks comes on top of the lease."""
BUSY_SECONDS = 3
"""What a busy machine may add to anything."""
CROWD = 12
ONE_WRITE = ("serviceaccounts", "services", "networkpolicies", "poddisruptionbudgets")
CREATED, REFUSED = 201, 400


@dataclass(slots=True)
class Pair:
    """An operator that leads, and one that waits."""

    leader: Operator
    follower: Operator

    @property
    def users(self) -> list[str]:
        """Return the users of both, in the order in which they lead."""
        return [self.leader.user, self.follower.user]


@pytest.fixture(scope="module")
def survivors(operators: Operators) -> Iterator[list[Operator]]:
    """Yield the operators that a test leaves running, the one that leads first."""
    operators.stop_all()
    yield []
    operators.stop_all()


@pytest.fixture
def pair(operators: Operators, survivors: list[Operator]) -> Iterator[Pair]:
    """Yield an operator that leads and one that waits: those of the last test, as far as they live."""
    free = iter(sorted({*operators.users} - {operator.user for operator in survivors}))
    leader = survivors[0] if survivors else operators.start(next(free))
    leader.await_leading()
    follower = survivors[1] if survivors[1:] else operators.start(next(free))
    follower.await_ready()
    yield Pair(leader, follower)
    alive = [operator for operator in (follower, leader) if operator.process.poll() is None]
    survivors[:] = sorted(alive, key=lambda operator: operator.metric("modelfleet_leader"), reverse=True)


def test_follower_answers_and_watches_but_does_not_write(namespace: Namespace, pair: Pair, plane: ControlPlane) -> None:
    mark = audit.position(plane.audit_log)
    namespace.fleet()
    namespace.await_deployment()

    known = "modelfleet_cache_objects"
    eventually(lambda: pair.follower.metric(known, resource="modeldeployments") >= 1, "the follower knows the fleet")
    assert pair.follower.get("/readyz").status_code == 200
    assert {write.user for write in audit.writes(plane.audit_log, after=mark)} == {pair.leader.user}


def test_follower_takes_over_within_the_lease_when_the_leader_is_killed(
    namespace: Namespace, pair: Pair, plane: ControlPlane
) -> None:
    mark = audit.position(plane.audit_log)
    names = [f"fleet-{number}" for number in range(CROWD)]
    for name in names:
        namespace.fleet(name)
    eventually(lambda: namespace.find("Deployment", names[0]), "the leader is in the middle of it")

    pair.leader.kill()
    killed_at = time.monotonic()
    pair.follower.await_leading()
    took = time.monotonic() - killed_at

    for name in names:
        namespace.await_deployment(name, replicas=1)
        namespace.await_report(name)
    assert took <= LEASE_SECONDS + BUSY_SECONDS
    writes = audit.writes(plane.audit_log, after=mark)
    assert writers(writes) == pair.users
    assert written_twice(writes) == {}


def test_leader_that_is_told_to_end_hands_over_at_once(namespace: Namespace, pair: Pair, plane: ControlPlane) -> None:
    mark = audit.position(plane.audit_log)
    namespace.fleet()
    namespace.await_deployment()
    namespace.await_report()

    seconds = pair.leader.stop()
    pair.follower.await_leading()

    handed_over = last(pair.follower, "leading") - last(pair.leader, "gave the lease back")
    assert pair.leader.process.returncode == 0
    assert seconds < BUSY_SECONDS
    assert handed_over < dt.timedelta(seconds=1.5 * SETTINGS["lease_retry_seconds"] + BUSY_SECONDS / 2)
    namespace.edit(replicas=3)
    namespace.await_deployment(replicas=3)
    assert writers(audit.writes(plane.audit_log, after=mark)) == pair.users


def test_leader_that_slept_through_its_lease_writes_nothing_more(
    namespace: Namespace, pair: Pair, plane: ControlPlane
) -> None:
    namespace.fleet()
    namespace.await_deployment()
    namespace.await_report()
    pair.leader.pause()
    namespace.edit(replicas=2)
    pair.follower.await_leading()
    namespace.await_deployment(replicas=2)
    mark = audit.position(plane.audit_log)
    namespace.edit(replicas=3)

    pair.leader.go_on()

    pair.leader.await_word("no longer leading")
    namespace.await_deployment(replicas=3)
    namespace.await_report()
    assert writers(audit.writes(plane.audit_log, after=mark)) == [pair.follower.user]
    assert (pair.leader.metric("modelfleet_leader"), pair.follower.metric("modelfleet_leader")) == (0, 1)


def writers(writes: list[Write]) -> list[str]:
    """Return who wrote, in turn; who wakes up may still try to renew a Lease that is another's, and is refused."""
    accepted = (write for write in writes if write.status < REFUSED)
    return [user for user, _ in itertools.groupby(accepted, key=lambda write: write.user)]


def written_twice(writes: list[Write]) -> dict[tuple[str, str], int]:
    """Return the children that need one write and got more; a Deployment needs several, but is created once."""
    accepted = (write for write in writes if write.status < REFUSED)  # others were cut off with their writer
    needed = (write for write in accepted if write.resource in ONE_WRITE or write.status == CREATED)
    counts = Counter((write.resource, write.name) for write in needed)
    return {child: count for child, count in counts.items() if count > 1}


def last(operator: Operator, message: str) -> dt.datetime:
    """Return when an operator said something last."""
    return dt.datetime.fromisoformat(operator.said(message)[-1]["time"])
