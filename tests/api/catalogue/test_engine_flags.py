"""Which flags a version takes."""

import pytest

from modelfleet.api.catalogue import EngineFlags, EngineVersion
from modelfleet.api.catalogue.engine_version import NEWEST
from modelfleet.api.catalogue.flag_table import flag_table


def flags(version: str) -> EngineFlags:
    return EngineFlags.for_version(EngineVersion.parse(version))


@pytest.mark.parametrize(
    ("flag", "version", "expected"),
    [
        ("--shutdown-timeout", "0.17.1", False),
        ("--shutdown-timeout", "0.18.1", True),
        ("--shutdown-timeout", "0.33.0", True),
        ("--task", "0.12.0", True),
        ("--task", "0.12.1", False),
        ("--task", "0.13.0", False),
        ("-tp", "0.9.2", True),
        ("--no-enable-prefix-caching", "0.9.2", True),
        ("--no-enable-prefix-caching", "0.33.0", True),
        ("--disable-prefix-caching", "0.32.0", False),
        ("--disable-prefix-caching", "0.33.0", True),
        ("--no-seed", "0.33.0", False),
        ("--disable-log-requests", "0.16.0", True),
        ("--disable-log-requests", "0.20.2", False),
        ("--disable-log-requests", "0.33.0", True),
        ("--watchdog-config", "0.32.0", False),
        ("--max-model", "0.33.0", False),
    ],
)
def test_a_flag_is_there_from_its_first_sample_to_its_last(flag: str, version: str, *, expected: bool) -> None:
    assert flags(version).has(flag) is expected


def test_a_version_newer_than_all_samples_has_the_flags_of_the_newest() -> None:
    newest, next_year = flags(str(NEWEST)), flags("1.4.0")

    assert all(newest.has(name) == next_year.has(name) for name in flag_table().flags)


def test_the_first_version_is_known_of_aliases_too() -> None:
    assert flags("0.9.2").first_version("--shutdown-timeout") == EngineVersion(0, 18, 1)
    assert flags("0.9.2").first_version("--no-enable-eplb") == EngineVersion(0, 9, 2)
    assert flags("0.9.2").first_version("--never-was") is None


def test_every_flag_of_the_newest_version_says_what_follows_it() -> None:
    unknown = [flag.name for flag in flag_table().flags.values() if flag.is_in(NEWEST) and flag.values is None]

    assert unknown in ([], ["--help"])


def test_no_alias_means_two_flags() -> None:
    aliases = [alias for flag in flag_table().flags.values() for alias in flag.aliases]

    assert len(aliases) == len(set(aliases))
