"""Whether the CRDs in the cluster are the ones this operator was built with."""

import logging

from prometheus_client import Gauge

from modelfleet.api.kinds import KINDS
from modelfleet.api.names import GROUP
from modelfleet.api.schema.crd import crd
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.errors import ClusterError
from modelfleet.controller.cluster.resources import CRDS, Json
from modelfleet.workload.drift import agrees

SKEW = Gauge("modelfleet_crd_skew", "1 where the installed CRD differs from the operator's. Labeled by kind.", ["kind"])

log = logging.getLogger(__name__)


async def check(cluster: Cluster) -> None:
    """Compare the installed CRDs with our own, and say which differ; a difference stops nothing."""
    for kind in KINDS:
        try:
            installed = await cluster.get(CRDS, None, f"{kind.plural}.{GROUP}")
        except ClusterError as error:
            log.warning("an installed CRD could not be read", extra={"kind": kind.name, "error": str(error)})
            continue
        differs = not agrees(_schema(crd(kind)), _schema(installed))
        SKEW.labels(kind.name).set(differs)
        if differs:
            advice = "install the CRDs of this version: kubectl apply --server-side -f crds/"
            log.warning("the installed CRD is of another version", extra={"kind": kind.name, "advice": advice})


def _schema(definition: Json) -> Json:
    return {"versions": definition["spec"]["versions"]}
