"""What follows from the answers of all replicas, and from those that did not answer."""

import json

import pytest

from modelfleet.controller.cluster.resources import Json
from modelfleet.controller.serve.activator.demand import Demand
from modelfleet.controller.serve.peers.report import (
    PeerView,
    Report,
    Unknown,
    everybody_has,
    peers_of,
    read_report,
    write_report,
)

QUIET = Report({}, {})
SILENT = Unknown("no route")


def view(*answers: Report | Unknown) -> PeerView:
    return PeerView(0.0, {str(number): answer for number, answer in enumerate(answers)})


def connected(**versions: int) -> Report:
    return Report({}, {node: {"models/m": str(version)} for node, version in versions.items()})


def is_at_least(held: str | None, wanted: str) -> bool:
    return int(held or 0) >= int(wanted)


def test_demand_adds_up() -> None:
    one = Report({"models/m": Demand(2, 20.0, 0.0), "models/n": Demand(0, 0.0, 12.0)}, {})
    other = Report({"models/m": Demand(1, 30.0, 0.0)}, {})

    assert view(one, other, SILENT).demand() == {"models/m": Demand(3, 30.0, 0.0), "models/n": Demand(0, 0.0, 12.0)}


def test_silence_is_told_by_name() -> None:
    assert view(QUIET, SILENT).unknown == {"1": "no route"}


@pytest.mark.parametrize(
    ("answers", "verdict"),
    [
        pytest.param([connected(a=5), connected(b=6)], True, id="everybody"),
        pytest.param([connected(a=5), connected(b=4)], False, id="one is behind"),
        pytest.param([connected(a=5), Report({}, {"b": {}})], False, id="one has none"),
        pytest.param([connected(a=5), connected(a=4)], True, id="one that changes replicas"),
        pytest.param([connected(a=5), SILENT], None, id="a replica is silent"),
        pytest.param([connected(a=4), SILENT], False, id="behind, whatever the silent one knows"),
        pytest.param([QUIET], True, id="nobody is connected"),
    ],
)
def test_everybody_has_what_every_gateway_acknowledged(answers: list[Report | Unknown], verdict: bool | None) -> None:
    assert everybody_has("5", "models/m", view(*answers), is_at_least=is_at_least) is verdict


def test_a_report_is_read_as_it_was_written() -> None:
    report = Report({"models/m": Demand(2, 20.5, 0.0)}, {"gateway-0": {"models/m": "1-77.9f86"}})

    assert read_report(json.loads(json.dumps(write_report(report)))) == report
    assert write_report(report)["demand"] == {"models/m": {"held": 2, "oldestSeconds": 20.5, "lastSeconds": 0.0}}


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        {},
        {"demand": {}},
        {"demand": {"m": {"held": -1}}, "acknowledged": {}},
        {"demand": 1, "acknowledged": {}},
    ],
)
def test_what_is_no_report_is_unknown(given: object) -> None:
    assert isinstance(read_report(given), Unknown)


def test_what_newer_replicas_add_is_not_read() -> None:
    assert read_report({"demand": {}, "acknowledged": {}, "mood": "fine"}) == QUIET


def test_every_pod_that_may_hold_something_is_asked() -> None:
    def pod(name: str, **status: str) -> Json:
        return {"metadata": {"name": name}, "status": status}

    pods = [
        pod("ready", podIP="192.0.2.1", phase="Running"),
        pod("not-ready", podIP="2001:db8::1", phase="Running"),
        pod("pending", phase="Pending"),
        pod("evicted", podIP="192.0.2.3", phase="Failed"),
        {"metadata": {"name": "new"}},
    ]

    assert peers_of(pods, port=8091) == {"ready": "https://192.0.2.1:8091", "not-ready": "https://[2001:db8::1]:8091"}
