"""An engine that hangs is restarted; one that is only busy is not."""

import time
from collections.abc import Iterator

import pytest

from e2e.cluster import Namespace, environment, eventually, name_of, restarts, small_fleet
from e2e.operators import Untouched
from e2e.streams import Load

RESTART_SECONDS = 330
"""Three rounds of the liveness probe and the one before them, 60 s each, its last answer, and the end of the pod."""


def test_an_engine_that_hangs_is_restarted(untouched: Untouched) -> None:
    """The kubelet's own probe finds it: the engine hung since the stories began, while /health said 200."""
    hung = untouched.namespace
    eventually(lambda: _restarts(hung, "hung") == 1, seconds=RESTART_SECONDS, what="a restart of the hung engine")
    hung.wait_ready("hung")

    assert "the engine does not answer" in hung.kubectl("get", "events", "--field-selector", "reason=Unhealthy")


@pytest.fixture
def busy(namespace: Namespace) -> Iterator[Namespace]:
    """A fleet whose only slot is taken for a minute, with others waiting for it."""
    namespace.apply(small_fleet("busy", engine=environment(2) | {"maxNumSeqs": 1}))
    namespace.wait_ready("busy")
    with Load(namespace.lab, namespace.url("busy"), "busy", clients=3, tokens=4_000) as load:
        eventually(lambda: load.opened == load.clients, seconds=20, what="open streams")
        load.finish()
        yield namespace
        # The streams have served their purpose: nobody waits for their end.
        namespace.kubectl("delete", "pods", "--all", "--grace-period=0", "--force")


def test_an_engine_with_a_long_queue_is_not_restarted(busy: Namespace) -> None:
    """The probe's own command finds it alive at once, although a request of its own would wait behind the others."""
    [pod] = busy.pods("busy")
    command = pod["spec"]["containers"][0]["livenessProbe"]["exec"]["command"]
    seconds = [_seconds_of(busy, name_of(pod), command) for _ in range(3)]

    assert max(seconds) < 10
    assert _restarts(busy, "busy") == 0


def _seconds_of(namespace: Namespace, pod: str, command: list[str]) -> float:
    """Return how long *command* takes in *pod*; an error when it fails."""
    started = time.monotonic()
    namespace.kubectl("exec", pod, "--", *command)
    return time.monotonic() - started


def _restarts(namespace: Namespace, fleet: str) -> int:
    return sum(map(restarts, namespace.pods(fleet)))
