"""A machine that cannot have a lab is told so; one that had some is as before."""

import json
import os
import sys
from pathlib import Path

import pytest
from e2e.lab import LabError, host, layout


def test_another_operating_system_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    with pytest.raises(LabError, match=r"must run on Linux .* found 'darwin'; .* set KUBECONFIG"):
        host.require_capable()


def test_an_ordinary_user_is_refused_with_a_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(LabError, match=r"must run as root .* found user id 1000; .* set KUBECONFIG"):
        host.require_capable()


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    labs, settings = tmp_path / "labs", tmp_path / "proc"
    for module in (layout, host):
        monkeypatch.setattr(module, "LABS", labs)
    monkeypatch.setattr(host, "_setting_file", lambda name: settings / name)
    monkeypatch.setattr(host, "KERNEL_SETTINGS", ("panic",))
    places = (f"{tmp_path}/var/lib/kubelet", f"{tmp_path}/var")
    monkeypatch.setattr(host, "FIXED_PLACES", places)
    labs.mkdir()
    settings.mkdir()
    (settings / "panic").write_text("1")
    return tmp_path


def test_kernel_settings_are_given_back_after_the_last_lab(machine: Path) -> None:
    host.remember()
    (machine / "proc" / "panic").write_text("10")

    host.restore_after_last_lab()

    assert (machine / "proc" / "panic").read_text() == "1"
    assert not (machine / "labs").exists()


def test_a_second_lab_does_not_take_changed_settings_for_the_machines_own(machine: Path) -> None:
    host.remember()
    (machine / "proc" / "panic").write_text("10")
    host.remember()

    assert json.loads((machine / "labs" / "machine.json").read_text())["settings"] == {"panic": "1"}


def test_nothing_is_given_back_while_a_lab_is_left(machine: Path) -> None:
    host.remember()
    (machine / "labs" / "other").mkdir()

    host.restore_after_last_lab()

    assert (machine / "labs" / "machine.json").exists()


def test_directories_that_were_there_before_stay(machine: Path) -> None:
    (machine / "var").mkdir()
    host.remember()
    (machine / "var" / "lib" / "kubelet").mkdir(parents=True)

    host.restore_after_last_lab()

    assert not (machine / "var" / "lib" / "kubelet").exists()
    assert (machine / "var").exists()
