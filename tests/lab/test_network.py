"""Labs side by side do not meet."""

from pathlib import Path

import pytest
from e2e.lab import LabError, layout, network
from e2e.lab.layout import Layout
from e2e.lab.progress import silent


@pytest.fixture(autouse=True)
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "LABS", tmp_path)
    monkeypatch.setattr(network, "LABS", tmp_path)


def test_two_labs_have_different_addresses_on_the_host() -> None:
    for name in ("one", "two"):
        network.claim_slot(Layout(name), progress=silent())

    assert network.outer_address(Layout("one")) != network.outer_address(Layout("two"))


def test_a_freed_slot_is_given_out_again(tmp_path: Path) -> None:
    network.claim_slot(Layout("one"), progress=silent())
    network.claim_slot(Layout("two"), progress=silent())
    (tmp_path / "one" / "slot").unlink()
    (tmp_path / "one").rmdir()

    assert network.claim_slot(Layout("three"), progress=silent()) == 0


def test_a_directory_without_a_slot_takes_none(tmp_path: Path) -> None:
    (tmp_path / "killed").mkdir()

    assert network.claim_slot(Layout("one"), progress=silent()) == 0


def test_addresses_stay_clear_of_metadata_services() -> None:
    assert network._FIRST_LINK + network._SLOTS <= 169


def test_a_full_machine_says_how_to_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_SLOTS", 1)
    network.claim_slot(Layout("one"), progress=silent())

    with pytest.raises(LabError, match="end one with"):
        network.claim_slot(Layout("two"), progress=silent())
