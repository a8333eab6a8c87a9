"""What every handler shares."""

import time
import uuid
from dataclasses import dataclass, field

from aiohttp import web

from e2e.engine.api.metrics import HttpMetrics
from e2e.engine.launch.config import Adapter, EngineConfig
from e2e.engine.launch.settings import Settings
from e2e.engine.metrics.exposition import Exposition
from e2e.engine.metrics.values import Store
from e2e.engine.serving.client import EngineClient


@dataclass(slots=True)
class Context:
    """A server: how it was configured, its engines, and the little state that HTTP itself has."""

    config: EngineConfig
    settings: Settings
    client: EngineClient
    store: Store
    exposition: Exposition
    http_metrics: HttpMetrics
    adapters: dict[str, Adapter]
    started: int = field(default_factory=lambda: int(time.time()))
    requests: int = 0
    sleeping: bool = False
    failing: str = ""
    """How every request but those for health and metrics fails: a status, "reset" or "hang"; empty where none does."""

    @property
    def served_name(self) -> str:
        """The name that answers carry."""
        return self.config.served_names[0]


def request_id(request: web.Request, prefix: str) -> str:
    """Return the id of an answer: the caller's `X-Request-Id`, else a new one."""
    return f"{prefix}-{request.headers.get('X-Request-Id') or uuid.uuid4().hex}"
