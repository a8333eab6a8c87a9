"""Each crash is read once, and of many crashed pods only the one that speaks for the fleet."""

from typing import Any

from tests.workload.status.pods import Pod, crashed, pod

from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.errors import Unavailable
from modelfleet.controller.reconcile.logs import CrashLogs


class Logs(Cluster):
    """A cluster that has logs and counts who reads them."""

    def __init__(self, *, answers: bool = True) -> None:
        self.read: list[str] = []
        self._answers = answers

    async def pod_log_tail(
        self, namespace: str, pod: str, container: str, *, lines: int, previous: bool = False
    ) -> str:
        """Return a log that names its pod."""
        self.read.append(pod)
        if not self._answers:
            raise Unavailable("no answer")
        return f"INFO loading\nValueError: {pod} is broken\nbye"


def many(count: int) -> list[Pod]:
    return [crashed(f"llama-{number:03}") for number in reversed(range(count))]


async def test_of_many_crashed_pods_the_first_by_name_is_read_and_only_once() -> None:
    logs = Logs()
    crash_logs = CrashLogs(logs)

    first, second = await crash_logs.last_words(many(500)), await crash_logs.last_words(many(500))

    assert first == second == {"llama-000": "ValueError: llama-000 is broken"}
    assert logs.read == ["llama-000"]


async def test_another_crash_of_the_same_pod_is_read_again() -> None:
    logs = Logs()
    crash_logs = CrashLogs(logs)

    for restarts in (1, 2):
        await crash_logs.last_words([crashed(restarts=restarts)])

    assert logs.read == ["llama-1", "llama-1"]


async def test_who_serves_or_goes_is_not_read() -> None:
    recovered: dict[str, Any] = crashed("llama-0")
    recovered["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    going: dict[str, Any] = crashed("llama-2")
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    logs = Logs()

    assert await CrashLogs(logs).last_words([recovered, going, pod()]) == {}
    assert logs.read == []


async def test_a_log_that_cannot_be_read_says_nothing() -> None:
    assert await CrashLogs(Logs(answers=False)).last_words([crashed()]) == {}
