"""The gauges tell of the queue there is, and of none on a standby."""

from tests.controller.virtual_time import run

from modelfleet.controller.watch import metrics
from modelfleet.controller.watch.queue import KeyedQueue


def values() -> list[float]:
    gauges = (metrics.DEPTH, metrics.BUSY, metrics.OLDEST)
    return [sample.value for gauge in gauges for family in gauge.collect() for sample in family.samples]


def test_a_queue_that_was_left_behind_is_forgotten() -> None:
    async def main() -> tuple[list[float], list[float]]:
        queue: KeyedQueue[str] = KeyedQueue()
        there_is = [queue]
        metrics.expose_queue(lambda: next(iter(there_is), None))
        queue.add("llama")
        queue.add("qwen")
        await queue.get()
        leading = values()
        there_is.clear()
        return leading, values()

    assert run(main()) == ([1.0, 1.0, 0.0], [0.0, 0.0, 0.0])
