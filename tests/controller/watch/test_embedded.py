"""How kopf is set up: it watches without end, in silence, and leaves signals and the collector to us."""

import asyncio
import gc
import itertools
import logging
import os
import signal

import pytest
from prometheus_client import REGISTRY

from modelfleet.controller.cluster.resources import DEPLOYMENTS, PODS
from modelfleet.controller.watch import embedded, memory, metrics
from modelfleet.controller.watch.cache import Cache
from modelfleet.controller.watch.queue import KeyedQueue


def test_kopf_is_told_to_do_nothing_but_watch() -> None:
    settings = embedded.settings([(PODS, "app=a"), (DEPLOYMENTS, "app=b")])

    assert (settings.scanning.disabled, settings.posting.enabled) == (True, False)
    assert settings.process.ultimate_exiting_timeout is None
    assert isinstance(settings.watching.server_timeout, int)
    assert set(settings.watching.label_selectors.values()) == {"app=a", "app=b"}


def test_retries_never_end_and_stay_short() -> None:
    retries = embedded.EndlessRetries()

    first, again = (list(itertools.islice(retries, 100)) for _ in range(2))

    assert max(first + again) <= embedded.LONGEST_RETRY_SECONDS
    assert max(first[0], again[0]) <= 0.5, "each request starts with short pauses"
    assert min(first[10:]) >= embedded.LONGEST_RETRY_SECONDS / 2


@pytest.mark.parametrize(
    ("message", "is_told"),
    [
        pytest.param("Request attempt #1 failed; will retry: GET …", True, id="the first retry"),
        pytest.param("Request attempt #2 failed; will retry: GET …", False, id="the second"),
        pytest.param("Watcher for pods has failed: …", True, id="anything else"),
    ],
)
def test_the_log_of_an_outage_is_calm(message: str, is_told: bool) -> None:
    try:
        raise TimeoutError  # noqa: TRY301 - a record needs a traceback to lose
    except TimeoutError as error:
        trace = (TimeoutError, error, error.__traceback__)
    record = logging.LogRecord("kopf", logging.ERROR, __file__, 1, message, (), trace)

    told = embedded.CalmLog().filter(record)

    assert (told, record.exc_info) == (is_told, None)


async def test_signals_set_the_event_whoever_had_them_before() -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, pytest.fail, "the old handler was called")

    embedded.claim_signals(stop)
    os.kill(os.getpid(), signal.SIGTERM)
    async with asyncio.timeout(5):
        await stop.wait()

    assert stop.is_set()


def test_full_collections_become_rare() -> None:
    before = gc.get_threshold()
    memory.tune_collector()
    after = gc.get_threshold()
    gc.set_threshold(*before)

    assert after == memory.THRESHOLDS


def test_what_is_kept_for_long_is_left_to_counting_references() -> None:
    memory.keep_for_long()
    kept = gc.get_freeze_count()
    gc.unfreeze()

    assert kept > 0


async def test_gauges_read_the_queue_and_the_cache_when_asked() -> None:
    queue: KeyedQueue[str] = KeyedQueue()
    cache = Cache([PODS], index_label="fleet")
    metrics.expose_queue(lambda: queue)
    metrics.expose_cache(cache)
    queue.add("a", 60)
    cache.observe(PODS, "ADDED", {"metadata": {"name": "p", "namespace": "n", "resourceVersion": "1"}})

    depth = REGISTRY.get_sample_value("modelfleet_queue_depth")
    objects = REGISTRY.get_sample_value("modelfleet_cache_objects", {"resource": "pods"})

    assert (depth, objects) == (1, 1)
