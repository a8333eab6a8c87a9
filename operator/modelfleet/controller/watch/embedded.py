"""
kopf inside our own event loop: it watches, and does nothing else.

kopf is started by its parts rather than by `kopf.operator()`, which takes every task that was created meanwhile for its
own: it would wait five seconds for each at the end, then cancel it.
"""

import asyncio
import logging
import random
import re
import signal
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import kopf

from modelfleet.controller.cluster.resources import Json, Resource

OnEvent = Callable[[Resource, str, Json], None]
OpenSession = Callable[[], Awaitable[kopf.AiohttpSession]]

SERVER_TIMEOUT_SECONDS = 290
"""The server ends a watch after this; it must be an integer, kopf puts it into the address as it is."""
INACTIVITY_SECONDS = 70.0
"""The server sends a bookmark every minute: a stream that is silent for longer is dead."""
REQUEST_TIMEOUT_SECONDS = 30.0
CONNECT_TIMEOUT_SECONDS = 5.0
RECONNECT_SECONDS = 0.2
WORKER_IDLE_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 5.0

KOPF_HOME = str(Path(kopf.__file__).parent)

NOISY_LOGGERS = (
    "kopf._cogs.clients.watching",
    "kopf._core.reactor.observation",
    "kopf._core.reactor.orchestration",
    "kopf._core.reactor.running",
)


class EndlessRetries:
    """Pauses in seconds between tries of one request; kopf ends with the last one, so there is none."""

    def __iter__(self) -> Iterator[float]:
        pause = 0.5
        while True:
            yield random.uniform(pause / 2, pause)  # noqa: S311 - spreads load, keeps no secret
            pause = min(2 * pause, LONGEST_RETRY_SECONDS)


class NoDiffBase(kopf.DiffBaseStorage):
    """Remembers no last state: nothing compares with it, and building it copies every object several times."""

    def build(self, **_: Any) -> Any:
        """Return an empty essence."""
        return {}

    def fetch(self, **_: Any) -> None:
        """Return nothing."""

    def store(self, **_: Any) -> None:
        """Store nothing."""


class NoProgress(kopf.ProgressStorage):
    """Remembers no handler's progress: handlers of events have none."""

    def fetch(self, **_: Any) -> None:
        """Return nothing."""

    def store(self, **_: Any) -> None:
        """Store nothing."""

    def purge(self, **_: Any) -> None:
        """Remove nothing."""

    def touch(self, **_: Any) -> None:
        """Touch nothing."""

    def clear(self, *, essence: Any) -> Any:
        """Return *essence* as it is."""
        return essence


class CalmLog(logging.Filter):
    """
    Keeps kopf's words about an API server that is away to one line each.

    Its retries are told once, and its tracebacks of failed requests are left out: the watcher reports the error and
    starts again.
    """

    _retry = re.compile(r"Request attempt #(\d+) failed")

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether *record* is logged, after removing its traceback."""
        record.exc_info = None
        retry = self._retry.match(str(record.msg))
        if retry is None:
            return True
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
        return retry.group(1) == "1"


_calm = CalmLog()


def settings(selectors: Sequence[tuple[Resource, str]]) -> kopf.OperatorSettings:
    """Return kopf's settings for watching only; *selectors* limit resources by label on the server's side."""
    made = kopf.OperatorSettings()
    made.scanning.disabled = True
    made.posting.enabled = False
    made.queueing.idle_timeout = WORKER_IDLE_SECONDS  # and no worker limit: an idle worker would keep its slot
    made.watching.server_timeout = SERVER_TIMEOUT_SECONDS
    made.watching.inactivity_timeout = INACTIVITY_SECONDS
    made.watching.reconnect_backoff = RECONNECT_SECONDS
    made.networking.request_timeout = REQUEST_TIMEOUT_SECONDS
    made.networking.connect_timeout = CONNECT_TIMEOUT_SECONDS
    made.networking.error_backoffs = EndlessRetries()
    made.persistence.finalizer = "modelfleet.dev/never-set"  # else kopf removes its default one where it finds it
    made.persistence.diffbase_storage = NoDiffBase()
    made.persistence.progress_storage = NoProgress()
    made.process.ultimate_exiting_timeout = None  # it would kill the process some time after a restart of the watches
    for resource, selector in selectors:
        made.watching.label_selectors[resource.group, resource.version, resource.plural] = selector
    return made


def registry(resources: Sequence[Resource], *, on_event: OnEvent, open_session: OpenSession) -> kopf.OperatorRegistry:
    """Return kopf's handlers: one for the events of each resource, and one that logs in."""
    made = kopf.OperatorRegistry()

    async def login(**_: Any) -> kopf.AiohttpSession:
        return await open_session()

    kopf.on.login(id="login", registry=made)(login)
    for resource in resources:
        watch(resource, registry=made, on_event=on_event)
    return made


def watch(resource: Resource, *, registry: kopf.OperatorRegistry, on_event: OnEvent) -> None:
    """Hand what happens to *resource* to *on_event*; what kopf lists is not told here."""

    async def handle(event: kopf.RawEvent, **_: Any) -> None:
        if event["type"] is not None:
            on_event(resource, event["type"], dict(event["object"]))

    kopf.on.event(resource.group, resource.version, resource.plural, id=f"watch-{resource}", registry=registry)(handle)


def calm_logs() -> None:
    """Quieten kopf's loggers; may be called more than once."""
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)  # it tells every handled event at INFO
    for name in NOISY_LOGGERS:
        logging.getLogger(name).addFilter(_calm)


async def run(
    made: kopf.OperatorRegistry,
    *,
    selectors: Sequence[tuple[Resource, str]] = (),
    namespaces: Sequence[str] = (),
    until: asyncio.Event,
    on_started: Callable[[], None] | None = None,
) -> None:
    """
    Watch until *until* is set or a watch fails, which raises its error; nothing of kopf is left afterwards.

    kopf takes over the process's signals when it starts; *on_started* is called right then, to take them back.
    """
    calm_logs()
    unused: Any = "modelfleet"  # kopf asks the system for the user's name otherwise, which a container may not have
    tasks = await kopf.spawn_tasks(
        registry=made,
        settings=settings(selectors),
        standalone=True,
        clusterwide=not namespaces,
        namespaces=namespaces,
        identity=unused,
    )
    if on_started is not None:
        on_started()
    waiter = asyncio.create_task(until.wait(), name="watch stopper")
    try:
        done, _ = await asyncio.wait({*tasks, waiter}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _stop({*tasks, waiter})
        await _stop_orphans()
    for task in done:
        task.result()


async def _stop_orphans() -> None:
    """
    Stop what kopf leaves behind when one of its watches fails: all the others, which would feed us for ever.

    Watches first: they stop their own helpers, and wait for them in vain when those are cancelled from outside.
    """
    await _stop({task for task in asyncio.all_tasks() if task.get_name().startswith("watcher for ")})
    await _stop({task for task in asyncio.all_tasks() if _is_kopfs(task)})


def _is_kopfs(task: asyncio.Task[Any]) -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and code.co_filename.startswith(KOPF_HOME)


async def _stop(tasks: Collection[asyncio.Task[Any]]) -> None:
    """End *tasks*; whatever they end with is looked at, or asyncio would log it as forgotten."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def claim_signals(stop: asyncio.Event) -> None:
    """Set *stop* at SIGTERM and SIGINT, whoever handled them before."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def as_login(server: str, session: aiohttp.ClientSession) -> kopf.AiohttpSession:
    """Return *session* as the credentials kopf asks for."""
    return kopf.AiohttpSession(server=server, aiohttp_session=session)
