"""A real Kubernetes control plane and a real node on one machine, inside one network namespace."""

from e2e.lab.cluster import Cluster
from e2e.lab.errors import LabError
from e2e.lab.fake_nodes import FakeNodes
from e2e.lab.lab import Lab
from e2e.lab.node_shape import NodeShape
from e2e.lab.progress import Progress
from e2e.lab.start import Extent, Request

__all__ = ["Cluster", "Extent", "FakeNodes", "Lab", "LabError", "NodeShape", "Progress", "Request"]
