"""Of several operators one writes, and another takes over soon when it ends, however it ends."""

import datetime as dt
import itertools
import time
from collections import Counter

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
CREATED = 201


@pytest.fixture
def pair(nobody: Operators) -> tuple[Operator, Operator]:
    """Return an operator that leads, and one that waits."""
    leader = nobody.start("operator-a")
    leader.await_leading()
    follower = nobody.start("operator-b")
    follower.await_ready()
    return leader, follower


def test_follower_takes_over_within_the_lease_when_the_leader_is_killed(
    namespace: Namespace, pair: tuple[Operator, Operator], plane: ControlPlane
) -> None:
    mark = audit.position(plane.audit_log)
    names = [f"fleet-{number}" for number in range(CROWD)]
    for name in names:
        namespace.fleet(name)
    eventually(lambda: namespace.find("Deployment", names[0]), "the leader is in the middle of it")

    pair[0].kill()
    killed_at = time.monotonic()
    pair[1].await_leading()
    took = time.monotonic() - killed_at

    for name in names:
        namespace.await_deployment(name, replicas=1)
        namespace.await_report(name)
    assert took <= LEASE_SECONDS + BUSY_SECONDS
    writes = audit.writes(plane.audit_log, after=mark)
    assert [user for user, _ in itertools.groupby(writes, key=lambda write: write.user)] == ["operator-a", "operator-b"]
    assert written_twice(writes) == {}


def test_leader_that_is_told_to_end_hands_over_at_once(
    namespace: Namespace, pair: tuple[Operator, Operator], plane: ControlPlane
) -> None:
    mark = audit.position(plane.audit_log)
    namespace.fleet()
    namespace.await_deployment()
    namespace.await_report()

    seconds = pair[0].stop()
    pair[1].await_leading()

    handed_over = moment(pair[1], "leading") - moment(pair[0], "gave the lease back")
    assert pair[0].process.returncode == 0
    assert seconds < BUSY_SECONDS
    assert handed_over < dt.timedelta(seconds=1.5 * SETTINGS["lease_retry_seconds"] + BUSY_SECONDS / 2)
    namespace.edit(replicas=3)
    namespace.await_deployment(replicas=3)
    fleets = [write for write in audit.writes(plane.audit_log, after=mark) if write.resource != "leases"]
    assert [user for user, _ in itertools.groupby(fleets, key=lambda write: write.user)] == ["operator-a", "operator-b"]


def test_leader_that_slept_through_its_lease_writes_nothing_more(
    namespace: Namespace, pair: tuple[Operator, Operator], plane: ControlPlane
) -> None:
    namespace.fleet()
    namespace.await_deployment()
    namespace.await_report()
    pair[0].pause()
    namespace.edit(replicas=2)
    pair[1].await_leading()
    namespace.await_deployment(replicas=2)
    mark = audit.position(plane.audit_log)
    namespace.edit(replicas=3)

    pair[0].go_on()

    pair[0].await_word("no longer leading")
    namespace.await_deployment(replicas=3)
    namespace.await_report()
    accepted = [write for write in audit.writes(plane.audit_log, after=mark) if write.status < 300]
    assert [write for write in accepted if write.user != "operator-b"] == []
    assert pair[0].metric("modelfleet_leader") == 0
    assert pair[1].metric("modelfleet_leader") == 1


def test_follower_answers_and_watches_but_does_not_write(
    namespace: Namespace, pair: tuple[Operator, Operator], plane: ControlPlane
) -> None:
    mark = audit.position(plane.audit_log)
    namespace.fleet()
    namespace.await_deployment()

    known = "modelfleet_cache_objects"
    eventually(lambda: pair[1].metric(known, resource="modeldeployments") >= 1, "the follower knows the fleet")
    assert pair[1].get("/readyz").status_code == 200
    assert {write.user for write in audit.writes(plane.audit_log, after=mark)} == {"operator-a"}


def written_twice(writes: list[Write]) -> dict[tuple[str, str], int]:
    """Return the children that need one write and got more; a Deployment needs several, but is created once."""
    needed = (write for write in writes if write.resource in ONE_WRITE or write.status == CREATED)
    counts = Counter((write.resource, write.name) for write in needed)
    return {child: count for child, count in counts.items() if count > 1}


def moment(operator: Operator, message: str) -> dt.datetime:
    """Return when an operator said something first."""
    return dt.datetime.fromisoformat(operator.said(message)[0]["time"])
