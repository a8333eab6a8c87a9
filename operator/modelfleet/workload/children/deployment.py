"""The Deployment of a fleet's engines."""

from typing import Any

from modelfleet.api.names import (
    INPUT_HASH_ANNOTATION,
    TEMPLATE_HASH_ANNOTATION,
    TEMPLATE_HASH_LABEL,
    TENSOR_PARALLEL_ANNOTATION,
    TENSOR_PARALLEL_INPUTS_ANNOTATION,
)
from modelfleet.workload import rollout
from modelfleet.workload.labels import metadata, pod_selector
from modelfleet.workload.plan import Plan, digest, sizing_inputs
from modelfleet.workload.pod import pod_template

HISTORY = 3
"""Old ReplicaSets that are kept."""
PROGRESS_MARGIN_SECONDS = 300
"""Besides drain and start-up: scheduling, a new node, and pulling an image of 10 GB."""


def deployment(plan: Plan) -> dict[str, Any]:
    """
    Return the Deployment, without `replicas`: the size belongs to the scale subresource.

    Its annotations tell a change by the user from one by the operator or the catalogue, and keep the
    tensor-parallel size that was chosen; its pods carry the digest of the template they were made from.
    """
    template = pod_template(plan)
    template_hash = digest(template)
    template["metadata"]["labels"][TEMPLATE_HASH_LABEL] = template_hash
    annotations = {
        INPUT_HASH_ANNOTATION: input_hash(plan),
        TEMPLATE_HASH_ANNOTATION: template_hash,
        TENSOR_PARALLEL_ANNOTATION: str(plan.sized.tensor_parallel_size),
        TENSOR_PARALLEL_INPUTS_ANNOTATION: sizing_inputs(plan.fleet),
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata(plan.fleet) | {"annotations": annotations},
        "spec": {
            "selector": {"matchLabels": pod_selector(plan.fleet)},
            "strategy": rollout.strategy(plan.fleet),
            "revisionHistoryLimit": HISTORY,
            "progressDeadlineSeconds": progress_deadline_seconds(plan),
            "template": template,
        },
    }


def progress_deadline_seconds(plan: Plan) -> int:
    """Return how long no pod may become ready: a successor waits for the accelerator of the pod that drains first."""
    return rollout.grace_period_seconds(plan.fleet) + plan.sized.startup_seconds + PROGRESS_MARGIN_SECONDS


def input_hash(plan: Plan) -> str:
    """
    Return a digest of everything the user declared that may change the pods.

    Defaults are left out, so that a field that a later version adds changes no digest. The image is always in it: its
    default moves with every version, and stored objects keep the one they were made with.
    """
    spec = plan.fleet.spec
    apart = dict.fromkeys(("replicas", "suspend", "exposure", "autoscaling"), True)  # no pod depends on them
    declared = spec.model_dump(by_alias=True, exclude_defaults=True, exclude=apart | {"engine": {"image"}})
    cache = plan.cache.model_dump(by_alias=True, exclude_defaults=True) if plan.cache else None
    return digest({"spec": declared, "image": spec.engine.image, "cache": cache})
