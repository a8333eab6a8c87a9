"""Who reaches an engine: its own fleet, and nobody else's pods."""

import pytest

from e2e.cluster import Namespace, small_fleet
from e2e.lab import LabError

ASK = """
import sys, urllib.request
print(urllib.request.urlopen(sys.argv[1] + "/models", timeout=3).status)
"""


@pytest.fixture(scope="module")
def serving(shared_namespace: Namespace) -> Namespace:
    """Two fleets that serve."""
    shared_namespace.apply(small_fleet("mine"), small_fleet("theirs"))
    for fleet in ("mine", "theirs"):
        shared_namespace.wait_ready(fleet)
    return shared_namespace


def ask(namespace: Namespace, *, asking: str, asked: str) -> str:
    """Ask a fleet's Service from another fleet's pod, and return the status code; LabError without an answer."""
    [pod] = namespace.ready_pods(asking)
    return namespace.kubectl("exec", pod, "--", "python3", "-c", ASK, namespace.url(asked)).strip()


def test_a_fleet_reaches_itself(serving: Namespace) -> None:
    """Data-parallel peers and adapters that ask the base model need that."""
    assert ask(serving, asking="mine", asked="mine") == "200"


def test_other_fleets_do_not_reach_it(serving: Namespace) -> None:
    """The engine's API key guards few of its paths, so that the network must."""
    with pytest.raises(LabError, match="timed out"):
        ask(serving, asking="theirs", asked="mine")
