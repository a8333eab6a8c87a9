"""
What each part of the gateway's configuration costs: processor time with everything on, and without that part.

`python -m benchmarks.gateway.parts [--stream] [--rounds 4]`; all variants run at once and take turns in every round.
"""

import argparse
import copy
import statistics
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from tests.envoy.envoy_process import free_ports
from tests.gateway.objects import lowered

from benchmarks.gateway import plain
from benchmarks.gateway.cpu import PODS, everything_on, microseconds
from benchmarks.gateway.stand import Through, busy, engines, of, through
from modelfleet.gateway.render.types import Resource, extension

Change = Callable[[Resource], None]
SHORTEST = (
    "function envoy_on_request(h) h:headers():replace('x-modelfleet-model','chat') "
    "h:headers():replace('x-modelfleet-scope','models/clients') h:clearRouteCache() end"
)


def variants() -> dict[str, Change]:
    """Return what is taken away in each variant, by what it is called."""
    filters = ("unknown-model", "access", "requests", "tokens", "unavailable")
    return {
        "nothing": lambda _: None,
        **{f"filter {name}": _without_filter(name) for name in filters},
        "filter authentication (and access)": _without_filter("authentication", "access"),
        "filter identity, but its model": _with_short_identity,
        "access log, lines": _without_logs("lines"),
        "access log, statistics": _without_logs("requests", "answers", "tokens"),
        "access log, times to first tokens": _without_logs("answers"),
        "reading of usage": _without_usage,
        "local replies": _without_keys("local_reply_config"),
        "early header mutation": _without_keys("early_header_mutation_extensions"),
        "choice of the chain, composite and retries": _with_direct_route,
        "retry policy": _without_retries,
        "affinity in the pool (maglev)": _with_least_request,
        "outliers and breakers": _without_breakers,
    }


def manager_of(bootstrap: Resource) -> Resource:
    """Return the connection manager of the client listener."""
    listener = next(one for one in bootstrap["static_resources"]["listeners"] if one["name"] == "gateway")
    found: Resource = listener["filter_chains"][0]["filters"][0]["typed_config"]
    return found


def _without_filter(*names: str) -> Change:
    def change(bootstrap: Resource) -> None:
        manager = manager_of(bootstrap)
        manager["http_filters"] = [one for one in manager["http_filters"] if one["name"] not in names]

    return change


def _without_logs(*names: str) -> Change:
    def change(bootstrap: Resource) -> None:
        manager = manager_of(bootstrap)
        manager["access_log"] = [one for one in manager["access_log"] if one["name"] not in names]

    return change


def _without_keys(*keys: str) -> Change:
    def change(bootstrap: Resource) -> None:
        for key in keys:
            manager_of(bootstrap).pop(key)

    return change


def _with_short_identity(bootstrap: Resource) -> None:
    kind = "extensions.filters.http.lua.v3.Lua"
    manager = manager_of(bootstrap)
    short = extension("identity", kind, clear_route_cache=False, default_source_code={"inline_string": SHORTEST})
    manager["http_filters"] = [short if one["name"] == "identity" else one for one in manager["http_filters"]]


def _without_usage(bootstrap: Resource) -> None:
    [script] = (one["typed_config"] for one in manager_of(bootstrap)["http_filters"] if one["name"] == "identity")
    code = script["default_source_code"]
    code["inline_string"] = code["inline_string"].replace("function envoy_on_response", "local function never")


def _routes(bootstrap: Resource) -> Iterator[Resource]:
    scoped = manager_of(bootstrap)["scoped_routes"]["scoped_route_configurations_list"]
    for scope in scoped["scoped_route_configurations"]:
        for host in scope["route_configuration"]["virtual_hosts"]:
            yield from (route for route in host["routes"] if "route" in route)


def _with_direct_route(bootstrap: Resource) -> None:
    for route in _routes(bootstrap):
        route["route"].pop("inline_cluster_specifier_plugin", None)
        route["route"]["cluster"] = "models/llama"


def _without_retries(bootstrap: Resource) -> None:
    for route in _routes(bootstrap):
        route["route"].pop("retry_policy")


def _with_least_request(bootstrap: Resource) -> None:
    for cluster in bootstrap["static_resources"]["clusters"]:
        if cluster.pop("load_balancing_policy", None):
            cluster["lb_policy"] = "LEAST_REQUEST"


def _without_breakers(bootstrap: Resource) -> None:
    for cluster in bootstrap["static_resources"]["clusters"]:
        cluster.pop("outlier_detection", None)
        if cluster["name"].startswith("models/"):
            cluster.pop("circuit_breakers", None)


def main() -> None:
    """Print a line for each variant; the least of all rounds is the figure that others on the machine move least."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--stream", action="store_true")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--only", nargs="*", default=[], help="variants whose names have one of these words in them")
    given = parser.parse_args()
    wanted = {
        name: change
        for name, change in variants().items()
        if name == "nothing" or not given.only or any(word in name for word in given.only)
    }
    with ExitStack() as running:
        ways = dict(_ways(running, wanted))
        costs: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(given.rounds):
            for name, way in ways.items():
                costs[name].append(microseconds(way, is_stream=given.stream, requests=given.requests))
    whole = min(costs["nothing"])
    for name, found in costs.items():
        least, median = min(found), statistics.median(found)
        print(f"{least:6.0f} µs at least, {median:4.0f} µs median, {whole - least:+5.0f} µs  without {name}")
    print(busy())


def _ways(running: ExitStack, wanted: dict[str, Change]) -> Iterator[tuple[str, Through]]:
    pods = running.enter_context(engines(PODS))
    served = lowered(*everything_on(), replicas=1).gateway
    for name, change in wanted.items():
        port, sink = free_ports(2)
        bootstrap = copy.deepcopy(of(served, {"models/llama": pods, "models/spare": pods}, port=port, sink=sink))
        change(bootstrap)
        yield name, running.enter_context(through(bootstrap, port))
    [port] = free_ports(1)
    yield "all of it (routing by body)", running.enter_context(through(plain.bootstrap("chat", pods, port), port))


if __name__ == "__main__":
    main()
