"""The last log line of engines that crashed without a termination message: vLLM ends with 0 when its engine dies."""

from collections import OrderedDict
from collections.abc import Iterable

from modelfleet.api.names import ENGINE_CONTAINER
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.errors import ClusterError
from modelfleet.controller.cluster.resources import Json
from modelfleet.workload.status.failures import engine_of, has_crashed, is_live, is_ready, last_line

LINES = 20
REMEMBERED = 1000


class CrashLogs:
    """Reads each crash once."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lines: OrderedDict[tuple[str, int], str] = OrderedDict()

    async def last_lines(self, pods: Iterable[Json]) -> dict[str, str]:
        """Return the last line of each live pod that crashed, by name; a log that cannot be read is left out."""
        crashed = [pod for pod in pods if is_live(pod) and not is_ready(pod) and has_crashed(pod)]
        lines = {pod["metadata"]["name"]: await self._last_line(pod) for pod in crashed if not _has_message(pod)}
        return {name: line for name, line in lines.items() if line}

    async def _last_line(self, pod: Json) -> str:
        crash = pod["metadata"]["uid"], engine_of(pod).get("restartCount", 0)
        if crash not in self._lines:
            self._lines[crash] = await self._read(pod)
            if len(self._lines) > REMEMBERED:
                self._lines.popitem(last=False)
        return self._lines[crash]

    async def _read(self, pod: Json) -> str:
        meta, is_running = pod["metadata"], "terminated" not in (engine_of(pod).get("state") or {})
        try:
            log = await self._cluster.pod_log_tail(
                meta["namespace"], meta["name"], ENGINE_CONTAINER, lines=LINES, previous=is_running
            )
        except ClusterError:
            return ""
        return last_line(log)


def _has_message(pod: Json) -> bool:
    engine = engine_of(pod)
    states = (engine.get("state") or {}, engine.get("lastState") or {})
    return any((state.get("terminated") or {}).get("message") for state in states)
