"""Whatever comes in whichever order: nothing breaks on the way, nothing goes back, and everything arrives."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.controller.serve.xds.gateway_model import GatewayModel, content, fleet, resources

from modelfleet.controller.serve.xds.resources import Content, Key, Prepared, Resources
from modelfleet.gateway.schema.type_urls import CDS, ECDS, EDS, LDS, RDS, SRDS

FLEETS = "abc"
Step = Callable[[GatewayModel], None]
State = dict[Key, Content | None]


@dataclass(frozen=True)
class Fleets:
    """Which fleets there are, the generation of each, and where its route leads."""

    generations: Mapping[str, int]
    targets: Mapping[str, str]

    def state(self) -> State:
        """Return all resources."""
        made: State = {(LDS, "l"): content("1")}
        for name, generation in self.generations.items():
            target = self.targets.get(name, name)
            made |= fleet(name, str(generation), to=target if target in self.generations else name)
        return made


def change(before: Prepared, after: Prepared) -> State:
    """Return what leads from one state to another."""
    return {**dict.fromkeys(before.keys() - after.keys()), **{k: c for k, c in after.items() if before.get(k) != c}}


names = st.sampled_from(FLEETS)
fleets = st.builds(
    Fleets,
    generations=st.dictionaries(names, st.integers(1, 3)),
    targets=st.dictionaries(names, names),
)
STEPS: Mapping[str, Step] = {
    "deliver": lambda gateway: [gateway.deliver()].clear(),
    "accept": lambda gateway: [gateway.accept()].clear(),
    "reconnect": lambda gateway: gateway.connect(gateway.resources),
    "settle": lambda gateway: gateway.settle(),
}
steps = st.lists(st.one_of(fleets, st.sampled_from([*STEPS, *["deliver", "accept", "accept"] * 2])), max_size=40)


def in_flight(gateway: GatewayModel) -> list[str]:
    return [type_url for type_url, watch in gateway.client._watches.items() if watch.is_waiting]


def play(gateway: GatewayModel, played: list[Fleets | str]) -> State:
    """Take the steps; after each one every scope must lead to a warm cluster with endpoints. Return the last state."""
    state: State = {}
    for number, step in enumerate(played, 2):
        if isinstance(step, str):
            STEPS[step](gateway)
        else:
            gateway.put((1, number), change(state, step.state()))
            state = step.state()

        assert gateway.broken() == []
    return state


REMOVED_WHILE_IT_COMES_BACK: list[Fleets | str] = [
    *(Fleets({"a": 1}, {}), "settle"),
    *("reconnect", "deliver", "deliver"),
    *(Fleets({}, {}), "accept", "accept"),
]


@settings(max_examples=200, deadline=None)
@example(REMOVED_WHILE_IT_COMES_BACK)
@given(steps)
def test_every_scope_leads_somewhere_all_the_time_and_everything_arrives(played: list[Fleets | str]) -> None:
    served = resources()
    served.put((1, 1), {})
    gateway = GatewayModel(served)
    state = play(gateway, played)
    gateway.settle()

    assert gateway.broken() == []
    assert in_flight(gateway) == []
    for type_url in (CDS, LDS, SRDS, RDS, EDS):
        wanted = {name: body.digest for (kind, name), body in state.items() if kind == type_url and body}
        assert gateway.digests(type_url) == wanted


@settings(max_examples=200, deadline=None)
@given(steps)
def test_one_response_of_a_type_is_in_flight(played: list[Fleets | str]) -> None:
    served = resources()
    served.put((1, 1), {})
    gateway = GatewayModel(served)
    unanswered: set[str] = set()
    for number, step in enumerate(played, 2):
        if not isinstance(step, str):
            gateway.put((1, number), step.state())
        elif step == "reconnect":
            STEPS[step](gateway)
            unanswered.clear()
        elif step == "accept" and gateway.accept():
            assert gateway.seen[-1].type_url not in unanswered

            unanswered.add(gateway.seen[-1].type_url)
        elif step == "deliver":
            _answer_one(gateway, unanswered)


def _answer_one(gateway: GatewayModel, unanswered: set[str]) -> None:
    if gateway.requests and gateway.requests[0].nonce:
        unanswered.discard(gateway.requests[0].type_url)
    gateway.deliver()


history = st.lists(fleets, min_size=1, max_size=8)
moves = st.lists(st.sampled_from(["deliver", "accept", "accept", "settle", "switch", "advance", "follow"]), max_size=80)


@settings(max_examples=200, deadline=None)
@given(history, moves)
def test_nothing_ever_goes_back_whichever_replica_serves(states: list[Fleets], played: list[str]) -> None:
    """Two replicas learn of the same states, one of them later; the gateway changes between them at any moment."""
    timeline = _timeline(states)
    replicas, at = [resources(), resources()], [0, 0]
    for replica in replicas:
        replica.put((1, 1), timeline[0])
    gateway = GatewayModel(replicas[0])
    held: dict[Key, int] = {}
    for move in played:
        current = next(index for index, replica in enumerate(replicas) if replica is gateway.resources)
        if move == "switch":
            gateway.connect(replicas[1 - current])
        elif move in {"advance", "follow"}:
            _advance(replicas, at, timeline, 0 if move == "advance" else 1, gateway)
        else:
            STEPS[move](gateway)
        _check(gateway, timeline, held)


def _timeline(states: list[Fleets]) -> list[State]:
    """Return states whose contents are all different, so that each tells when it was made."""
    timeline: list[State] = []
    for index, fleets in enumerate(states, 1):
        before = timeline[-1] if timeline else {}
        made = fleets.state()
        same = {k for k, c in made.items() if timeline and states[index - 2].state().get(k) == c}
        timeline.append(
            {
                k: before[k] if k in same and k in before else Content(f"{index}/{c.digest}", c.body, c.assignment)
                for k, c in made.items()
                if c
            }
        )
    return timeline


def _advance(
    replicas: list[Resources], at: list[int], timeline: list[State], which: int, gateway: GatewayModel
) -> None:
    if at[which] + 1 == len(timeline):
        return
    at[which] += 1
    changed = replicas[which].put((1, at[which] + 1), change(timeline[at[which] - 1], timeline[at[which]]))
    if gateway.resources is replicas[which]:
        gateway.client.changed(changed)


def _check(gateway: GatewayModel, timeline: list[State], held: dict[Key, int]) -> None:
    """Nothing that is held is older than what was held under its name, or older than its own removal."""
    present: set[Key] = set()
    for type_url in (CDS, SRDS, LDS):
        for name, digest in gateway.digests(type_url).items():
            made = int(str(digest).partition("/")[0])

            assert made >= held.get((type_url, name), 0)

            held[type_url, name] = made
            present.add((type_url, name))
    for key in held.keys() - present:
        if key in timeline[held[key] - 1]:  # it was removed by a later state
            held[key] += next(n for n, state in enumerate(timeline[held[key] :], 1) if key not in state)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.booleans(), min_size=1, max_size=19),
    st.sampled_from([CDS, EDS, RDS, SRDS, LDS, ECDS]),
    st.lists(st.sampled_from(["deliver", "accept", "put"]), max_size=30),
)
def test_halving_finds_whoever_is_at_fault_and_everybody_else_arrives(
    is_bad: list[bool], type_url: str, played: list[str]
) -> None:
    fleet_names = [f"m{number:02}" for number in range(len(is_bad))]
    state: State = {key: body for name in fleet_names for key, body in fleet(name).items()}
    state |= {(kind, name): content("1") for kind in (LDS, ECDS) for name in fleet_names}
    served = resources()
    served.put((1, 1), state)
    gateway = GatewayModel(served, is_bad=lambda kind, digest: kind == type_url and digest.startswith("bad"))
    gateway.watch(ECDS, *fleet_names)
    gateway.settle()
    changed = dict(zip(fleet_names, is_bad, strict=True))
    gateway.put((1, 2), {(type_url, n): _changed(type_url, n, bad="bad" if bad else "2") for n, bad in changed.items()})
    for number, step in enumerate(played, 3):
        if step == "put":
            gateway.put((1, number), {(EDS, fleet_names[0]): content(f"{number}")} if type_url != EDS else {})
        else:
            STEPS[step](gateway)
    gateway.settle()

    assert sorted(gateway.at_fault) == [name for name, bad in changed.items() if bad]
    assert gateway.broken() == []
    for name, bad in changed.items():
        assert str(gateway.digests(type_url)[name]).startswith("1" if bad else "2")
        assert served.wanted(type_url, name) == _changed(type_url, name, bad="bad" if bad else "2").digest


def _changed(type_url: str, name: str, *, bad: str) -> Content:
    return content(f"{bad}>{name}" if type_url == RDS else bad, name if type_url == CDS else None)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 18))
def test_one_of_nineteen_takes_no_more_than_six_refusals(culprit: int) -> None:
    served = resources()
    served.put((1, 1), {})
    gateway = GatewayModel(served, is_bad=lambda kind, digest: kind == LDS and digest == "bad")
    gateway.settle()
    gateway.put((1, 2), {(LDS, f"l{n:02}"): content("bad" if n == culprit else "1") for n in range(19)})
    gateway.seen.clear()
    gateway.settle()
    refused = [r for r in gateway.seen if any(resource.digest == "bad" for resource in r.resources)]

    assert len(refused) <= 6
    assert len(gateway.has[LDS]) == 18
