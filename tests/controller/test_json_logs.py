"""Logs are one JSON object a line."""

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator

import kopf
import pytest

from modelfleet.controller import json_logs

log = logging.getLogger("modelfleet.test")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    written = io.StringIO()
    json_logs.configure("info", stream=written)
    yield written
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_record_is_one_line_with_its_fields(stream: io.StringIO) -> None:
    log.info("applied\na child", extra={"fleet": "models/llama", "count": 3})

    record = json.loads(stream.getvalue())

    assert list(record)[:4] == ["time", "level", "logger", "message"]
    assert record["time"].endswith("+00:00")
    assert record | {"time": ""} == {
        "time": "",
        "level": "INFO",
        "logger": "modelfleet.test",
        "message": "applied\na child",
        "fleet": "models/llama",
        "count": 3,
    }


def test_an_exception_stays_on_the_line(stream: io.StringIO) -> None:
    try:
        int("a defect")
    except ValueError:
        log.exception("failed")

    lines = stream.getvalue().splitlines()

    assert len(lines) == 1
    assert json.loads(lines[0])["exception"].endswith("invalid literal for int() with base 10: 'a defect'")


def test_records_below_the_level_and_each_handled_event_are_left_out(stream: io.StringIO) -> None:
    log.debug("detail")
    logging.getLogger("kopf.objects").info("Handler 'watch' succeeded.")

    assert stream.getvalue() == ""


def test_what_kopf_attaches_for_itself_is_left_out(stream: io.StringIO) -> None:
    extra = {"settings": kopf.OperatorSettings(), "k8s_skip": True, "k8s_ref": {"name": "llama"}}
    logging.getLogger("kopf.objects").warning("odd", extra=extra)

    record = json.loads(stream.getvalue())

    assert {"settings", "k8s_skip", "k8s_ref"} & record.keys() == set()
    assert record["object"] == {"name": "llama"}


def test_warnings_of_python_are_records_too(stream: io.StringIO) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning("old", DeprecationWarning, "x.py", 1)

    assert json.loads(stream.getvalue())["logger"] == "py.warnings"


def test_logs_go_to_standard_error_unless_told_otherwise(stream: io.StringIO) -> None:
    json_logs.configure()

    handler = logging.getLogger().handlers[0]

    assert isinstance(handler, logging.StreamHandler)
    assert handler.stream is sys.stderr
