"""The ModelDeployment kind, one module per part of its spec."""

from modelfleet.api.v1alpha1.model_deployment.spec import ModelDeployment, ModelDeploymentSpec
from modelfleet.api.v1alpha1.model_deployment.status import CostStatus, FitStatus, ModelDeploymentStatus

__all__ = ["CostStatus", "FitStatus", "ModelDeployment", "ModelDeploymentSpec", "ModelDeploymentStatus"]
