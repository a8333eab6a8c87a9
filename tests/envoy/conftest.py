"""The real Envoy for the tests of this folder, all of which carry the marker `envoy`."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.envoy.envoy_process import Envoy

HERE = Path(__file__).parent

StartEnvoy = Callable[..., Envoy]
"""`(bootstrap, *, concurrency=1, log_level="warning") -> Envoy`, running; it ends with the test."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, so that `-m "not envoy"` leaves them out."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.envoy)


@pytest.fixture
def start_envoy() -> Iterator[StartEnvoy]:
    """Yield what starts an Envoy from a bootstrap; each of them ends with the test."""
    with ExitStack() as running:
        yield lambda *args, **kwargs: running.enter_context(Envoy(*args, **kwargs))
