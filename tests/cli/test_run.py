"""`modelfleet run` reads the settings and hands over to the operator."""

import importlib
from typing import Any

import pytest
from tests.cli.running import modelfleet


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return the settings of every operator that was started, none of which runs."""
    settings: list[Any] = []
    monkeypatch.setattr(importlib.import_module("modelfleet.controller.run"), "main", settings.append)
    return settings


def test_flags_win_over_the_environment(started: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELFLEET_HTTP_PORT", "1234")
    monkeypatch.setenv("MODELFLEET_LOG_LEVEL", "WARNING")

    result = modelfleet("run", "--http-port", "4321", "--read-only")

    assert result.exit_code == 0
    assert (started[0].http_port, started[0].log_level, started[0].read_only) == (4321, "WARNING", True)


def test_without_the_flag_the_environment_decides_about_read_only(
    started: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELFLEET_READ_ONLY", "true")

    modelfleet("run")

    assert started[0].read_only is True


def test_wrong_setting_is_named(started: list[Any]) -> None:
    result = modelfleet("run", "--http-port", "99999")

    assert result.exit_code == 1
    assert '`--http-port` must be a port from 0 (any free one) to 65535, got "99999"' in result.output
    assert started == []
