"""A real Kubernetes control plane and a real node on one machine, inside one network namespace."""

from e2e.lab.errors import LabError
from e2e.lab.lab import Lab

__all__ = ["Lab", "LabError"]
