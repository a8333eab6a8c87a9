"""Settings come from the environment and flags, and say what they must be."""

from pathlib import Path
from typing import Any

import pytest

from modelfleet.controller.settings import Settings, SettingsError


def test_without_anything_there_are_defaults() -> None:
    settings = Settings.read({})

    assert (settings.workers, settings.resync_seconds, settings.http_port) == (16, 600, 8080)
    assert (settings.watch_namespaces, settings.read_only, settings.platform_file) == ((), False, None)
    assert settings.lease_timing().grace == 5


def test_a_flag_wins_over_its_variable_and_an_absent_flag_does_not() -> None:
    settings = Settings.read(
        {"MODELFLEET_WORKERS": "4", "MODELFLEET_HTTP_PORT": "1"}, {"workers": 8, "http_port": None}
    )

    assert (settings.workers, settings.http_port) == (8, 1)


def test_variables_are_read_by_their_types(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.yaml"
    catalogue.touch()
    environment = {
        "MODELFLEET_WATCH_NAMESPACES": "models, staging,",
        "MODELFLEET_READ_ONLY": "true",
        "MODELFLEET_LOG_LEVEL": "debug",
        "MODELFLEET_PLATFORM_FILE": str(catalogue),
        "MODELFLEET_POD_NAME": "",
        "HOME": "/",
    }

    settings = Settings.read(environment)

    assert settings.watch_namespaces == ("models", "staging")
    assert (settings.read_only, settings.log_level, settings.platform_file) == (True, "DEBUG", catalogue)


@pytest.mark.parametrize(
    ("environment", "flags", "message"),
    [
        pytest.param(
            {"MODELFLEET_WORKERS": "many"},
            {},
            '`MODELFLEET_WORKERS` must be an integer from 1 to 256, got "many"',
            id="not a number",
        ),
        pytest.param(
            {}, {"workers": 0}, '`--workers` must be an integer from 1 to 256, got "0"', id="a flag out of bounds"
        ),
        pytest.param(
            {"MODELFLEET_HTTP_PORT": "tcp://10.96.0.7:80", "MODELFLEET_LOG_LEVEL": "loud"},
            {},
            '`MODELFLEET_HTTP_PORT` must be a port from 0 (any free one) to 65535, got "tcp://10.96.0.7:80"\n'
            '`MODELFLEET_LOG_LEVEL` must be one of DEBUG, INFO, WARNING, ERROR, got "LOUD"',
            id="two at once",
        ),
        pytest.param(
            {"MODELFLEET_WATCH_NAMESPACES": "models,No_Name"},
            {},
            "`MODELFLEET_WATCH_NAMESPACES` must be names of namespaces with commas between; none means all namespaces, "
            'got "No_Name"',
            id="not a namespace",
        ),
        pytest.param(
            {"MODELFLEET_PLATFORM_FILE": "/none"},
            {},
            '`MODELFLEET_PLATFORM_FILE` must be the path of a file that exists, got "/none"',
            id="a file that is missing",
        ),
        pytest.param(
            {"MODELFLEET_LEASE_DURATION_SECONDS": "5"},
            {},
            "`MODELFLEET_LEASE_DURATION_SECONDS`, `MODELFLEET_LEASE_RENEW_DEADLINE_SECONDS`, "
            "`MODELFLEET_LEASE_RETRY_SECONDS`: lease times must be retry < renew deadline < duration, "
            'got "2", "10", "5"',
            id="times that contradict each other",
        ),
        pytest.param({}, {"color": "red"}, '`--color` is not a setting, got "red"', id="no such flag"),
    ],
)
def test_what_is_wrong_is_named_with_what_it_must_be(
    environment: dict[str, str], flags: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.read(environment, flags)

    assert str(caught.value) == message
