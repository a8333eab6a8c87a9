"""A vector only grows."""

import pytest

from modelfleet.controller.gateway.vector import Vector


def test_an_older_version_changes_nothing() -> None:
    vector = Vector(["release", "fleets"])
    vector.see("fleets", 7)
    vector.see("fleets", 3)

    assert vector.now() == (0, 7)


def test_an_unknown_input_is_a_defect() -> None:
    with pytest.raises(KeyError):
        Vector(["fleets"]).see("policies", 1)
