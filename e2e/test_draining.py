"""Under a constant load of streams that take a minute, whatever takes pods away loses nothing."""

from collections.abc import Mapping

from e2e.draining import CLIENTS
from e2e.streams import Load


def test_deletion_eviction_and_rolling_update_lose_no_stream(loads: Mapping[str, Load]) -> None:
    """`kubectl delete pod`, an eviction and a new template, one after another: every stream ends as it should."""
    assert len(loads["rolled"].outcomes) >= CLIENTS
    assert loads["rolled"].broken == []


def test_an_engine_without_shutdown_timeout_loses_no_stream(loads: Mapping[str, Load]) -> None:
    """A vLLM 0.17 cuts requests off at SIGTERM; its pods wait for them before that."""
    assert len(loads["older"].outcomes) >= CLIENTS
    assert loads["older"].broken == []


def test_scaling_down_loses_no_stream(loads: Mapping[str, Load]) -> None:
    """`kubectl scale mdep` from three replicas to one."""
    assert len(loads["shrunk"].outcomes) >= CLIENTS
    assert loads["shrunk"].broken == []
