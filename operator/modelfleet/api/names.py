"""Every name the operator writes into a cluster, once, with its meaning."""

from typing import Final

GROUP = "modelfleet.dev"
VERSION = "v1alpha1"
API_VERSION: Final = "modelfleet.dev/v1alpha1"
CATEGORY = "modelfleet"

FIELD_MANAGER = "modelfleet"
"""Owns every field of the children, except the size of Deployments."""
SCALE_MANAGER = "modelfleet-scale"
"""Owns `spec.replicas` of Deployments, written through their scale subresource."""
STATUS_MANAGER = "modelfleet-status"
"""Owns the status of our kinds."""

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "modelfleet"
NAME_LABEL = "app.kubernetes.io/name"
COMPONENT_LABEL = "app.kubernetes.io/component"
FLEET_LABEL = f"{GROUP}/fleet"
"""The ModelDeployment a child or pod belongs to; Deployments select their pods by it."""
TRAFFIC_LABEL = f"{GROUP}/traffic"
"""`serving` on pods that take requests; the Service selects on it, the Deployment does not."""
TRAFFIC_SERVING = "serving"

APPLIED_HASH_ANNOTATION = f"{GROUP}/applied-hash"
"""Digest of a child as the operator last applied it: tells whether it must be applied again."""
INPUT_HASH_ANNOTATION = f"{GROUP}/input-hash"
"""Digest of what the user declared for this pod template: tells a user's change from an operator's."""
TEMPLATE_HASH_ANNOTATION = f"{GROUP}/template-hash"
"""Digest of the pod template as the operator last applied it."""
TEMPLATE_HASH_LABEL = TEMPLATE_HASH_ANNOTATION
"""On pods: the digest of the template they were made from."""
OPERATOR_CHANGE_ANNOTATION = f"{GROUP}/operator-change"
"""On Deployments whose last change of template came from a new operator or catalogue."""
TENSOR_PARALLEL_ANNOTATION = f"{GROUP}/tensor-parallel-size"
"""The tensor-parallel size the operator chose, kept until the inputs that justify it change."""
TENSOR_PARALLEL_INPUTS_ANNOTATION = f"{GROUP}/tensor-parallel-inputs"
"""Digest of the inputs that justified the chosen tensor-parallel size."""

ENGINE_CONTAINER = "engine"
ENGINE_PORT = 8000
ENGINE_PORT_NAME = "http"

MAX_NAME_LENGTH = 40
"""Longest name of our objects: leaves room for the suffixes of ReplicaSets and pods within 63 characters."""
