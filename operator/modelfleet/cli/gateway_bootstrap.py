"""The static Envoy bootstrap that `modelfleet gateway --envoy-bootstrap` prints."""

import json
from dataclasses import replace
from typing import Any

from modelfleet.gateway import render
from modelfleet.gateway.ir import Gateway
from modelfleet.gateway.render.bootstrap import Served, static_bootstrap
from modelfleet.gateway.render.operator import OPERATOR_API
from modelfleet.gateway.schema import type_urls

NOT_SHOWN = "not-shown"


def bootstrap(gateway: Gateway) -> dict[str, Any]:
    """Return all that is served in one file, with a stand-in for every key, and without replicas or operators."""
    alone = without_operator(without_keys(gateway))
    found = render.resources(alone, render.Replicas({}), render.Place())
    clusters = {name: cluster for name, cluster in found[type_urls.CDS].items() if name != OPERATOR_API}
    served = Served(
        route_configurations=found[type_urls.RDS],
        scopes=found[type_urls.SRDS],
        clusters=clusters,
        endpoints=found[type_urls.EDS],
        secrets=found.get(type_urls.SDS, {}),
    )
    plain: dict[str, Any] = json.loads(json.dumps(static_bootstrap(alone, served)))
    return plain


def without_keys(gateway: Gateway) -> Gateway:
    """Return *gateway* with a stand-in for every key; they differ, as Envoy wants keys of callers to."""
    return replace(
        gateway,
        keys=tuple(replace(key, key=f"{NOT_SHOWN}-{index}") for index, key in enumerate(gateway.keys, 1)),
        provider_keys=dict.fromkeys(gateway.provider_keys, NOT_SHOWN),
    )


def without_operator(gateway: Gateway) -> Gateway:
    """Return *gateway* as it is without an operator, where nobody holds requests for fleets that sleep."""
    return replace(gateway, pools={name: replace(pool, sleep=None) for name, pool in gateway.pools.items()})
