"""Our kinds, and how kubectl shows them."""

from dataclasses import replace

from modelfleet.api.schema.crd import Column, Kind
from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.route_policy import RoutePolicy

READY = Column("Ready", "string", ".status.conditions[?(@.type=='Ready')].status", "Whether requests are served.")
REASON = Column("Reason", "string", ".status.conditions[?(@.type=='Ready')].reason", "Why.", priority=1)
MESSAGE = Column("Message", "string", ".status.conditions[?(@.type=='Ready')].message", "What to do.", priority=1)

MODEL_DEPLOYMENT = Kind(
    model=ModelDeployment,
    plural="modeldeployments",
    short_name="mdep",
    columns=(
        READY,
        Column("Desired", "integer", ".status.desiredReplicas", "Replicas the fleet is meant to have."),
        Column("Serving", "integer", ".status.readyReplicas", "Replicas that take requests."),
        Column("TP", "integer", ".status.fit.tensorParallelSize", "Accelerators each layer is split over."),
        Column("Accelerator", "string", ".spec.hardware.accelerator", "Accelerator of the fleet."),
        REASON,
        MESSAGE,
    ),
    scale={
        "specReplicasPath": ".spec.replicas",
        "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector",
    },
)

CACHE_POLICY = Kind(
    model=CachePolicy,
    plural="cachepolicies",
    short_name="cpol",
    columns=(READY, REASON, MESSAGE),
)

ROUTE_POLICY = Kind(
    model=RoutePolicy,
    plural="routepolicies",
    short_name="rpol",
    columns=(
        READY,
        Column("Models", "string", ".spec.models", "Names the policy answers for."),
        replace(REASON, priority=0),
        MESSAGE,
    ),
)

KINDS = (MODEL_DEPLOYMENT, CACHE_POLICY, ROUTE_POLICY)
