"""
A constant load of streams through the gateway on real pods, while everything around them changes.

Policies change, engines' pods, gateways and operators are replaced one after another; the stand-in engines, the clients
and a whole cluster share the machine, which bounds how many streams a second there are.
"""

import time
from collections.abc import Iterator

from e2e import installation
from e2e.cluster import Namespace, eventually
from e2e.disturbance import Disturbance, disturbed, serve
from e2e.gateway import Gateway
from e2e.lab import Lab, Progress, Request
from e2e.operators import Operators

from benchmarks.stage import Row

LAB_NAME = "bench-steady"
NAMESPACE = "gateway-steady"
ENGINE_VERSION = "0.33.0"
MUCH = Disturbance(
    clients=64, tokens=30, policy_changes=100, pod_replacements=20, gateway_restarts=2, operator_restarts=2
)
"""Streams of 0.2 s, which 64 clients open again and again, as fast as the machine lets them."""
WANTED_PER_SECOND = 100


def run(progress: Progress) -> Iterator[Row]:
    """Yield how many streams broke, and how many there were a second."""
    lab = Lab.up(name=LAB_NAME, request=Request(), progress=progress)
    try:
        install(lab, progress)
        yield from measured(lab, progress)
    finally:
        lab.down(progress=progress)


def install(lab: Lab, progress: Progress) -> None:
    """Bring the operator, the gateway and a namespace with a key into *lab*."""
    installation.load_images(lab, engine_versions=(ENGINE_VERSION,), progress=progress)
    installation.make_models_namespace(lab, NAMESPACE)
    values = (f"secrets.namespaces={{{NAMESPACE}}}",)
    installation.install_chart(lab, progress=progress, values=values, with_gateway=True)


def measured(lab: Lab, progress: Progress, much: Disturbance = MUCH) -> Iterator[Row]:
    """Yield the rows about streams in *lab*, where everything is installed."""
    gateway, operators = Gateway(Namespace(lab, NAMESPACE)), Operators(lab)
    serve(gateway)
    eventually(operators.are_ready, seconds=60, what="two operators")
    began = time.monotonic()
    streams = disturbed(gateway, operators, much)
    seconds = time.monotonic() - began
    for ending in streams.broken:
        progress.note(f"broken: {ending}")
    broken, count = sum(not each.is_whole for each in streams.outcomes), len(streams.outcomes)
    around = (
        f"{much.policy_changes} policy changes, {much.pod_replacements} pod replacements, "
        f"{much.gateway_restarts} Envoy and {much.operator_restarts} operator restarts"
    )
    yield f"streams that broke or were refused, of {count} through {around}", f"{broken}", "0"
    yield "streams a second meanwhile", f"{count / seconds:.0f}", f"{WANTED_PER_SECOND}"
