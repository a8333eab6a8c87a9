"""How soon changes of policies, endpoints and keys are in effect at two Envoys, with 1,000 models."""

import statistics
import time
from collections.abc import Iterator
from functools import partial

from e2e.lab import Progress
from tests.apiserver.gateway_world import Gate, Replica, endpoint_slice, route_policy

from benchmarks.gateway.live import Entrance, entrances, milliseconds_until, serves, start, world
from benchmarks.gateway.load import percentile
from benchmarks.gateway.stand import busy
from benchmarks.stage import Row

MODELS = 1000
ENVOYS = 2
CHANGES = 500
ENDPOINT_CHANGES = 30
ROTATIONS = 10
QUIET_SECONDS = 5


def run(progress: Progress) -> Iterator[Row]:
    """Yield the times from the API server's answer until every Envoy does what was said."""
    with world(MODELS, progress) as made:
        replica = made.replica()
        envoys = start(made, replica, ENVOYS)
        progress.note(f"{ENVOYS} Envoys are ready")
        with entrances(made, *envoys) as ways:
            policy, endpoint, key = policies(made, ways, CHANGES), endpoints(made, ways), keys(made, ways)
        progress.note(f"measured; {busy()}")
        sent = sent_after_restart(made, replica)
    of = f"{MODELS} models, {ENVOYS} Envoys"
    yield (f"policy change in effect, {of}, median", f"{statistics.median(policy):.0f} ms", "≤ 30 ms")
    yield (f"the same, 99th percentile of {CHANGES}", f"{percentile(policy, 0.99):.0f} ms", "≤ 100 ms")
    yield (
        "endpoint Ready → receives traffic, median and slowest",
        f"{statistics.median(endpoint):.0f} ms, {max(endpoint):.0f} ms",
        "≤ 100 ms",
    )
    yield ("rotated key in effect, slowest", f"{max(key):.0f} ms", "≤ 1000 ms")
    yield ("resources sent by a restarted operator", f"{sent:.0f} bytes", "0")


def policies(made: Gate, ways: list[Entrance], changes: int) -> list[float]:
    """Return the milliseconds of *changes* changes that move a name from one fleet to another and back."""
    made.engines.engine("b")
    made.fleet(made.own, "second", "b")
    made.own.create(route_policy("moving", "model-0", models=["moving"]))
    milliseconds_until(lambda: answer(ways, "moving", "a"))
    found = []
    for number in range(changes):
        fleet, engine = (("second", "b"), ("model-0", "a"))[number % 2]
        rules = [{"name": "all", "backends": [{"modelDeployment": fleet}]}]
        made.own.patch("RoutePolicy", {"spec": {"rules": rules}}, "moving")
        found.append(milliseconds_until(partial(answer, ways, "moving", engine)))
    return found


def answer(ways: list[Entrance], model: str, engine: str) -> bool:
    """Return whether every Envoy has *engine* answer for *model*."""
    return all(way.ask(model).headers.get("x-engine") == engine for way in ways)


def endpoints(made: Gate, ways: list[Entrance]) -> list[float]:
    """Return the milliseconds from a slice whose one endpoint became ready until it answers."""
    port, found = made.engines["a"].port, []
    for _ in range(ENDPOINT_CHANGES):
        for is_ready in (False, True):
            changed = endpoint_slice("model-1", port, ready=is_ready)
            made.own.patch("EndpointSlice", {"endpoints": changed["endpoints"]}, "model-1-1")
            took = milliseconds_until(partial(serves, ways, "model-1", is_served=is_ready))
        found.append(took)
    return found


def keys(made: Gate, ways: list[Entrance]) -> list[float]:
    """Return the milliseconds until a new key is taken."""
    found = []
    for number in range(ROTATIONS):
        key = f"sk-new-key-number-{number:04}"
        made.own.patch("Secret", {"stringData": {"ada": key}}, "clients")
        found.append(milliseconds_until(partial(serves, ways, "model-2", key)))
    return found


def sent_after_restart(made: Gate, replica: Replica) -> float:
    """Return the bytes that an operator sends which starts again with nothing changed."""
    replica.operator.stop()
    again = made.replica(xds_port=replica.xds_port)
    again.operator.await_ready()
    milliseconds_until(lambda: again.gateways() == ENVOYS)
    time.sleep(QUIET_SECONDS)
    return again.sent_bytes()
