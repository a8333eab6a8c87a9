"""Whether the CRDs in the cluster are the ones this operator was built with."""

import asyncio
import logging

from prometheus_client import Gauge

from modelfleet.api.kinds import KINDS
from modelfleet.api.names import GROUP
from modelfleet.api.schema.crd import Kind, crd
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.errors import ClusterError, NotFound, Unavailable
from modelfleet.controller.cluster.resources import CRDS, Json
from modelfleet.workload.drift import agrees

SKEW = Gauge("modelfleet_crd_skew", "1 where the installed CRD differs from the operator's. Labeled by kind.", ["kind"])

AGAIN_SECONDS = 30.0
"""How soon an API server that did not answer, or has no such CRD yet, is asked again."""

log = logging.getLogger(__name__)


async def check(cluster: Cluster) -> None:
    """Compare the installed CRDs with our own, and say which differ; a difference stops nothing."""
    for kind in KINDS:
        try:
            installed = await _installed(cluster, kind)
        except ClusterError as error:
            log.warning("an installed CRD could not be read", extra={"kind": kind.name, "error": str(error)})
            continue
        differs = not _same(crd(kind), installed)
        SKEW.labels(kind.name).set(differs)
        if differs:
            advice = "install the CRDs of this version: kubectl apply --server-side -f crds/"
            log.warning("the installed CRD is of another version", extra={"kind": kind.name, "advice": advice})


async def _installed(cluster: Cluster, kind: Kind) -> Json:
    """Return the CRD in the cluster, however long it takes to come."""
    while True:
        try:
            return await cluster.get(CRDS, None, f"{kind.plural}.{GROUP}")
        except (NotFound, Unavailable):
            await asyncio.sleep(AGAIN_SECONDS)


def _same(ours: Json, installed: Json) -> bool:
    """Return whether both define the same; beside the schema, the API server may add defaults of its own."""
    wanted, found = ours["spec"]["versions"], installed["spec"]["versions"]
    return agrees(wanted, found) and agrees([version["schema"] for version in found], [v["schema"] for v in wanted])
