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


def test_after_a_whole_list_a_replica_has_seen_what_others_have_but_is_no_other_release() -> None:
    vector = Vector(["release", "a", "b"])
    vector.see("release", 1)
    vector.see("b", 9)

    vector.make_up_for((2, 5, 5))
    vector.make_up_for((7, 7))

    assert vector.now() == (1, 5, 9)


def test_what_was_only_made_up_for_is_not_read_until_it_was_listed() -> None:
    vector = Vector(["release", "a", "b"])
    vector.see("b", 3)
    vector.make_up_for((1, 5, 9), ["b"])
    made_up = vector.now(), vector.read()
    vector.see("b", 4)
    heard = vector.now(), vector.read()
    vector.caught_up("b")

    assert made_up == ((0, 5, 9), (0, 5, 3))
    assert heard == ((0, 5, 9), (0, 5, 4))
    assert vector.read() == (0, 5, 9)
