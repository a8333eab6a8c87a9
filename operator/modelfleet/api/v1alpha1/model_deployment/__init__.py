"""The ModelDeployment kind, one module per part of its spec."""

from modelfleet.api.v1alpha1.model_deployment.autoscaling import Autoscaling, ScaleToZero, Targets
from modelfleet.api.v1alpha1.model_deployment.spec import ModelDeployment, ModelDeploymentSpec
from modelfleet.api.v1alpha1.model_deployment.status import CostStatus, FitStatus, ModelDeploymentStatus

__all__ = [
    "Autoscaling",
    "CostStatus",
    "FitStatus",
    "ModelDeployment",
    "ModelDeploymentSpec",
    "ModelDeploymentStatus",
    "ScaleToZero",
    "Targets",
]
