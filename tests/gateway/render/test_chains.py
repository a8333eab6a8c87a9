"""Which clusters take the tries of a rule."""

from tests.gateway.render.tables import EXTERNAL, PROVIDER, fleet, rule, split, table

from modelfleet.gateway import ir
from modelfleet.gateway.render.chains import BUSY, FINAL, Member, all_chains, chains, tries_of

FIRST, SECOND = split(fleet("first")), split(fleet("second"))


def test_tries_at_one_fleet_need_no_cluster_of_their_own() -> None:
    one = rule(FIRST, FIRST)
    (begun,) = chains(table(one), one)

    assert [(chain.name, chain.is_plain) for chain in begun] == [("ns/first", True)]


def test_a_chain_begins_at_the_fleet_and_goes_on_over_the_relay() -> None:
    one = rule(FIRST, FIRST, SECOND, split(EXTERNAL), final=ir.StaticAnswer(503, "no"))
    first = chains(table(one), one)[0][0]

    assert first.name == "policy/ns/chat/all/0.0"
    assert first.members == (
        Member("ns/first", is_direct=True),
        Member("ns/first", is_direct=True),
        Member("ns/second", is_direct=False),
        Member(PROVIDER.name, is_direct=False),
        Member(FINAL, is_direct=False),
    )
    assert tries_of(one) == 5


def test_every_stage_has_chains_and_so_has_every_backend_of_a_split() -> None:
    shared = split((fleet("first"), 9), (fleet("canary"), 1))
    one = rule(shared, shared, SECOND, final=ir.StaticAnswer(503, "no"))
    names = [[chain.name.removeprefix("policy/ns/chat/all/") for chain in begun] for begun in chains(table(one), one)]

    assert names == [["0.0", "0.1"], ["1.0"], ["final"]]


def test_another_try_stays_with_the_backend_that_was_chosen() -> None:
    shared = split((fleet("first"), 9), (fleet("canary"), 1))
    canary = chains(table(rule(shared, shared, SECOND)), rule(shared, shared, SECOND))[0][1]

    assert [member.target for member in canary.members] == ["ns/canary", "ns/canary", "ns/second"]


def test_a_provider_is_reached_over_the_relay_also_first() -> None:
    one = rule(split(EXTERNAL), FIRST)

    assert [member.is_direct for member in chains(table(one), one)[0][0].members] == [False, False]


def test_only_rejected_requests_have_a_chain_that_refuses() -> None:
    def targets(shed: ir.Shed | None) -> set[str]:
        one = rule(FIRST, SECOND, shed=shed)
        return {member.target for chain in all_chains(table(one), one) for member in chain.members}

    assert BUSY in targets(ir.Shed.REJECT)
    assert BUSY not in targets(ir.Shed.FALLBACK) | targets(None)
