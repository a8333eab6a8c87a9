"""Writes are counted from the audit log."""

import json
from pathlib import Path
from typing import Any

import pytest
from e2e.lab import audit


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def event(**changes: Any) -> str:
    target = {"resource": "deployments", "subresource": "scale", "namespace": "models", "name": "llama"}
    whole = {
        "stage": "ResponseComplete",
        "verb": "patch",
        "user": {"username": "system:serviceaccount:modelfleet:operator"},
        "userAgent": "modelfleet",
        "objectRef": target,
        "responseStatus": {"code": 200},
        "stageTimestamp": "2026-01-01T00:00:00Z",
    }
    return json.dumps({**whole, **changes}) + "\n"


def test_a_write_names_who_did_what_to_which_object(log: Path) -> None:
    log.write_text(event())

    (write,) = audit.writes(log)

    assert (write.user, write.verb) == ("system:serviceaccount:modelfleet:operator", "patch")
    assert (write.resource, write.namespace, write.name) == ("deployments/scale", "models", "llama")
    assert write.status == 200


def test_writes_before_the_mark_are_left_out(log: Path) -> None:
    log.write_text(event(verb="create"))
    mark = audit.position(log)
    log.write_text(log.read_text() + event(verb="delete"))

    assert [write.verb for write in audit.writes(log, after=mark)] == ["delete"]


def test_a_line_that_is_still_being_written_waits_for_its_end(log: Path) -> None:
    log.write_text(event() + event()[:40])

    assert len(audit.writes(log)) == 1


def test_a_log_that_does_not_exist_yet_has_its_mark_at_the_start(log: Path) -> None:
    assert audit.position(log) == 0
