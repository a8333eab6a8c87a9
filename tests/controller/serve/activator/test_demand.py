"""What counts as demand, and for how long."""

import pytest

from modelfleet.controller.serve.activator.decide import Load
from modelfleet.controller.serve.activator.demand import Demand, Ledger


def test_held_requests_are_the_demand_and_the_oldest_tells_its_age() -> None:
    ledger = Ledger()
    ledger.note("models/m", now=100)
    ledger.hold("models/m", started_at=90)
    ledger.note("models/m", now=105)
    ledger.hold("models/m", started_at=105)

    assert ledger.demand(now=110) == {"models/m": Demand(2, 20, 0)}
    assert ledger.load("models/m") == Load(of_fleet=2, total=2, wanted_since=100)
    assert ledger.load("models/other") == Load(total=2)


def test_demand_outlives_the_last_request_for_half_a_minute() -> None:
    ledger = Ledger()
    ledger.note("models/m", now=100)
    ticket = ledger.hold("models/m", started_at=100)
    ledger.release("models/m", ticket, now=200)
    wanted = [ledger.demand(now=now)["models/m"].is_wanted for now in (200, 229, 230)]

    assert wanted == [True, True, False]
    assert ledger.demand(now=229) == {"models/m": Demand(0, 0, 29)}


def test_a_fleet_without_requests_is_forgotten() -> None:
    ledger = Ledger()
    ledger.note("models/m", now=100)

    assert ledger.demand(now=160) == {}


@pytest.mark.parametrize(("last", "since"), [(149, 100), (200, 200)])
def test_a_fleet_is_wanted_since_the_first_request_after_a_quiet_time(last: float, since: float) -> None:
    ledger = Ledger()
    for now in (100, 120, last):
        ledger.note("models/m", now=now)

    assert ledger.load("models/m").wanted_since == since


def test_a_fleet_with_held_requests_is_never_quiet() -> None:
    ledger = Ledger()
    ledger.note("models/m", now=100)
    ledger.hold("models/m", started_at=100)
    ledger.note("models/m", now=500)

    assert ledger.load("models/m").wanted_since == 100
