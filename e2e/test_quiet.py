"""Where nothing happens, nothing is written."""

import time

from e2e.cluster import eventually
from e2e.operators import Operators, Untouched

IDLE_SECONDS = 30


def test_a_fleet_to_which_nothing_happens_is_written_nothing(untouched: Untouched) -> None:
    """Since the stories began, through restarts of the operator and everything that others did."""
    operators = Operators(untouched.namespace.lab)
    eventually(lambda: time.monotonic() > untouched.since + IDLE_SECONDS, seconds=IDLE_SECONDS, what="half a minute")
    written = [write for write in operators.writes(after=untouched.mark) if write.name.startswith("quiet")]

    assert [write for write in written if write.namespace == untouched.namespace.name] == []


def test_the_operator_has_nothing_to_complain_of(untouched: Untouched) -> None:
    """Whatever users did so far was theirs to repair: no error and no traceback in the logs."""
    assert Operators(untouched.namespace.lab).defects() == []
