"""What engines said before they crashed: vLLM ends with 0 when its engine dies, and its cause is not its last line."""

from collections import OrderedDict
from collections.abc import Iterable

from modelfleet.api.names import ENGINE_CONTAINER
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.errors import ClusterError
from modelfleet.controller.cluster.resources import Json
from modelfleet.workload.status.failures import engine_of, has_crashed, is_live, is_ready, last_words

LINES = 200
REMEMBERED = 1000


class CrashLogs:
    """Reads each crash once."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._lines: OrderedDict[tuple[str, int], str] = OrderedDict()

    async def last_words(self, pods: Iterable[Json]) -> dict[str, str]:
        """
        Return the telling line of the live pod that crashed, the first by name, or nothing where it cannot be read.

        One pod speaks for a fleet, so that a thousand crashes cost no more requests than one.
        """
        crashed = (pod for pod in pods if is_live(pod) and not is_ready(pod) and has_crashed(pod))
        first = min(crashed, key=_name, default=None)
        line = await self._last_words(first) if first else ""
        return {_name(first): line} if first and line else {}

    async def _last_words(self, pod: Json) -> str:
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
        return last_words(log)


def _name(pod: Json) -> str:
    name: str = pod["metadata"]["name"]
    return name
