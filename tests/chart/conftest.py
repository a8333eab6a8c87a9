"""Helm, found or made once for all tests of this folder."""

import pytest

from e2e.lab import provision, tools
from e2e.lab.progress import Progress
from tests.chart.rendering import Helm, Object


@pytest.fixture(scope="session")
def helm() -> Helm:
    """Return Helm, from this machine or fetched."""
    return Helm(provision.ensure(tools.named(("helm",)), progress=Progress())["helm"])


@pytest.fixture(scope="session")
def default_objects(helm: Helm) -> list[Object]:
    """Return what the chart installs with its defaults; to be read only."""
    return helm.render()
