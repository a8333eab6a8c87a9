"""What the watches, the cache and the queue tell about themselves."""

import functools
from collections.abc import Callable

from prometheus_client import Counter, Gauge

from modelfleet.controller.watch.cache import Cache
from modelfleet.controller.watch.queue import Key, KeyedQueue

CONNECTED_AT = Gauge(
    "modelfleet_watch_connected_timestamp_seconds", "When a list or watch was last answered.", ["resource"]
)
EVENTS = Counter("modelfleet_watch_events", "Events from watches that were news.", ["resource", "type"])
LISTS = Counter("modelfleet_watch_lists", "Whole lists taken in.", ["resource"])
PRUNED = Counter("modelfleet_watch_pruned", "Objects whose deletion only a list showed.", ["resource"])
RESTARTS = Counter("modelfleet_watch_restarts", "Times the watches ended and were started again.")
OBJECTS = Gauge("modelfleet_cache_objects", "Objects in the cache.", ["resource"])
DEPTH = Gauge("modelfleet_queue_depth", "Keys that wait for a reconcile, due or not.")
BUSY = Gauge("modelfleet_queue_busy", "Keys being reconciled.")
OLDEST = Gauge("modelfleet_queue_oldest_seconds", "For how long the most overdue key has been waiting.")


def expose_queue(current: Callable[[], KeyedQueue[Key] | None]) -> None:
    """Let the gauges read the queue there is whenever they are asked; 0 while there is none, as on a standby."""
    DEPTH.set_function(lambda: queue.depth if (queue := current()) else 0)
    BUSY.set_function(lambda: queue.busy if (queue := current()) else 0)
    OLDEST.set_function(lambda: queue.oldest_seconds() if (queue := current()) else 0.0)


def expose_cache(cache: Cache) -> None:
    """Let the gauges read *cache* whenever they are asked."""
    for resource in cache.resources:
        OBJECTS.labels(resource.plural).set_function(functools.partial(cache.count, resource))
