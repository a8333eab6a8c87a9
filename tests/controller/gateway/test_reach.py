"""A table is everywhere when every gateway that is connected anywhere has all that it needs, and refused nothing."""

from collections.abc import Mapping

import pytest
from tests.controller.gateway.server_model import ServerModel

from modelfleet.controller.gateway.reach import Reach
from modelfleet.controller.serve.peers.report import PeerView, Report, Unknown
from modelfleet.controller.serve.xds.acknowledgements import Refusal
from modelfleet.controller.serve.xds.resources import Key
from modelfleet.gateway.schema.type_urls import CDS, RDS

TABLE = "policy/models/chat"
KEYS: Mapping[str, tuple[Key, ...]] = {TABLE: ((RDS, TABLE), (CDS, "models/a")), "policy/models/b": ((RDS, "b"),)}


class Given:
    """A replica called "own" with its gateways, and what others say."""

    def __init__(self) -> None:
        self.server = ServerModel({(RDS, TABLE): 1, (CDS, "models/a"): 1, (RDS, "b"): 1})
        self.others: dict[str, Report | Unknown] = {}
        self.reach = Reach(
            self.server.as_server(),
            lambda: PeerView(0.0, {"own": report(("gw-9",)), **self.others}),
            own_name="own",
            keys_of=lambda table: KEYS.get(table, ()),
            tables_of=lambda key: [table for table, keys in KEYS.items() if key in keys],
        )
        self.put((1, 5))

    def put(self, state: tuple[int, ...]) -> None:
        """Note that the table was put."""
        self.reach.note(state, {TABLE: object()}, {})


@pytest.fixture
def given() -> Given:
    return Given()


def report(
    gateways: tuple[str, ...] = ("gw-2",),
    state: tuple[int, ...] = (1, 5),
    pending: tuple[str, ...] = (),
    refused: Mapping[str, str] | None = None,
    content: str = "0000",
) -> Report:
    return Report({}, {node: {} for node in gateways}, refused or {}, state, content, pending)


def test_without_gateways_nothing_is_anywhere(given: Given) -> None:
    spread = given.reach.spread(TABLE)

    assert (spread.connected, spread.is_everywhere) == (0, False)
    assert given.reach.pending() == (TABLE,)


def test_a_gateway_that_lacks_a_part_is_named(given: Given) -> None:
    given.server.take_all("gw-1")
    given.server.take_all("gw-0")
    del given.server.gateways["gw-0"][CDS, "models/a"]

    assert given.reach.spread(TABLE).lacking == ("gw-0",)
    assert given.reach.pending() == (TABLE,)


def test_what_all_have_is_everywhere(given: Given) -> None:
    given.server.take_all("gw-0")

    assert given.reach.spread(TABLE).is_everywhere
    assert given.reach.pending() == ()


def test_a_table_that_was_never_put_is_nowhere(given: Given) -> None:
    given.server.take_all("gw-0")

    assert given.reach.spread("policy/models/unknown").lacking == ("gw-0",)


def test_a_refused_cluster_is_a_refusal_of_each_table_that_needs_it(given: Given) -> None:
    given.server.take_all("gw-0")
    given.reach.note((1, 6), {"policy/models/b": object()}, {})
    given.server.refused = [Refusal("gw-0", CDS, "models/a", "no such thing")]

    assert given.reach.spread(TABLE).refused == "models/a: no such thing"
    assert given.reach.spread("policy/models/b").refused == ""
    assert TABLE in given.reach.unsettled()


def test_what_does_not_fit_the_schema_counts_as_refused(given: Given) -> None:
    given.server.take_all("gw-0")
    given.reach.note((1, 6), {}, {(RDS, TABLE): "must be a number"})

    assert given.reach.spread(TABLE).refused == f"{TABLE}: must be a number"
    assert not given.reach.spread(TABLE).is_everywhere


def test_gateways_of_other_replicas_count(given: Given) -> None:
    given.others["other"] = report()
    everywhere = given.reach.spread(TABLE)
    given.others["other"] = report(pending=(TABLE,))
    pending = given.reach.spread(TABLE)
    given.others["other"] = report(state=(1, 4))
    behind = given.reach.spread(TABLE)

    assert (everywhere.connected, everywhere.is_everywhere) == (1, True)
    assert pending.lacking == behind.lacking == ("other",)


def test_a_replica_that_serves_the_same_is_up_to_date_whatever_it_has_seen(given: Given) -> None:
    given.others["other"] = report(state=(1, 0), content=given.server.fingerprint)
    same = given.reach.spread(TABLE)
    given.others["other"] = report(state=(1, 0), content=given.server.fingerprint, pending=(TABLE,))

    assert same.is_everywhere
    assert given.reach.spread(TABLE).lacking == ("other",)


def test_a_replica_without_gateways_says_nothing(given: Given) -> None:
    given.others = {"empty": report((), state=()), "silent": Unknown("gone")}

    assert given.reach.spread(TABLE).connected == 0


def test_a_refusal_elsewhere_counts_unless_it_is_of_an_older_state(given: Given) -> None:
    said = {"RouteConfiguration policy/models/chat": "bad regex"}
    given.others["other"] = report(refused=said)
    now = given.reach.spread(TABLE)
    given.put((1, 6))

    assert now.refused == f"{TABLE}: bad regex"
    assert given.reach.spread(TABLE).refused == ""


def test_the_first_gateway_settles_nothing_until_it_was_asked_about(given: Given) -> None:
    before = given.reach.unsettled()
    given.others["other"] = report()

    assert before == set()
    assert given.reach.unsettled() == {TABLE}

    given.server.take_all("gw-0")

    assert given.reach.unsettled() == set()


def test_a_refusal_that_is_over_is_asked_about_once_more(given: Given) -> None:
    given.server.take_all("gw-0")
    given.server.refused = [Refusal("gw-0", CDS, "models/a", "no such thing")]
    given.reach.unsettled()
    given.server.refused = []

    assert given.reach.unsettled() == {TABLE}
    assert given.reach.unsettled() == set()


def test_a_table_that_is_gone_waits_for_nobody(given: Given) -> None:
    given.reach.note((1, 6), {TABLE: None}, {})

    assert given.reach.pending() == ()
