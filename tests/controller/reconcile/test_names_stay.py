"""A user's error takes no name away from what runs."""

from tests.controller.reconcile.objects import cached, claims, fleet

from modelfleet.api.served_names import claim_of, judge
from modelfleet.controller.reconcile.gather import gather
from modelfleet.controller.watched import Key, Subject

CHAT = {"source": "hf://a/b", "servedNames": ["chat"]}


def test_a_fleet_whose_spec_cannot_be_read_keeps_the_names_it_serves() -> None:
    ours = fleet("newcomer", model=CHAT)
    broken = fleet("incumbent", model=CHAT, replicas="three", status={"servedNames": ["chat"]})

    found = gather(cached(ours, broken), claims(ours, broken), Key(Subject.FLEET, "models", "newcomer"))

    assert found is not None
    assert found.fleet is not None
    assert judge(claim_of(found.fleet), found.claims).lost == {"chat": "models/incumbent"}
