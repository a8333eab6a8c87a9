"""The gateway's part of the demo: the official client through it, a canary, and a fallback while a fleet is down."""

from collections import Counter

from e2e.cluster import Json, Namespace, eventually
from e2e.gateway import Burst, Gateway, policy, rule
from e2e.lab import Progress

NAME = "assistant"
STABLE, CANARY, SPARE = "llama-8b", "qwen3-30b-a3b", "llama-70b"
"""Fleets of the demo; once the policy names them, they answer to its name alone."""
SESSION = "x-session-id"
SESSIONS = 100
NOBODY = {"static": {"status": 503, "message": "Please try again in a minute.", "retryAfterSeconds": 60}}
SECONDS = 60


def demonstrate(namespace: Namespace, progress: Progress) -> None:
    """Tell each step, and print what clients see of it."""
    gateway = Gateway(namespace)
    with progress.step(f"a key, and a RoutePolicy `{NAME}`: {STABLE} 90, {CANARY} 10, then {SPARE}"):
        namespace.apply(gateway.keys(team="demo"), _assistant(90, 10))
        gateway.wait_programmed(NAME)
        eventually(lambda: _is_key_known(gateway), seconds=SECONDS, what="a key that both gateways know")
    _stream(gateway)
    _shift(gateway, progress)
    _fall_back(gateway, progress)


def _is_key_known(gateway: Gateway) -> bool:
    return all(gateway.send("GET", "/v1/models").is_success for _ in range(6))


def _stream(gateway: Gateway) -> None:
    """Stream a completion with OpenAI's own client."""
    print(f'\n>>> OpenAI(base_url="http://modelfleet-gateway.modelfleet-system.svc/v1", api_key="{gateway.key}")')
    print(f'>>> client.chat.completions.create(model="{NAME}", stream=True, …)')
    with gateway.openai() as client:
        question = "Who answers?"
        stream = client.chat.completions.create(
            model=NAME, messages=[{"role": "user", "content": question}], max_tokens=40, stream=True
        )
        for chunk in stream:
            for choice in chunk.choices:
                print(choice.delta.content or "", end="", flush=True)
    print("\n")


def _shift(gateway: Gateway, progress: Progress) -> None:
    """Raise the canary's share; sessions that met it stay with it."""
    before = _who_answers(gateway)
    with progress.step(f"kubectl apply: {CANARY} from 10 to 50 of a hundred"):
        gateway.namespace.apply(_assistant(50, 50))
        gateway.wait_programmed(NAME)
    after = _who_answers(gateway)
    stayed = sum(one == other == CANARY for one, other in zip(before, after, strict=True))
    print(f"  {SESSIONS} sessions before: {_shares(before)}; after: {_shares(after)}.")
    print(f"  Of the {before.count(CANARY)} that had met the canary, {stayed} stayed with it; no pod was restarted.")


def _fall_back(gateway: Gateway, progress: Progress) -> None:
    """Take the stable fleet away and bring it back, and show who answers."""
    with progress.step(f"kubectl scale mdep {STABLE} --replicas 0: {SPARE} takes its requests"):
        gateway.namespace.kubectl("scale", "mdep", STABLE, "--replicas", "0")
        eventually(lambda: _is_bridged(gateway), seconds=SECONDS, what=f"answers of {SPARE} instead")
    print(f"  {SESSIONS} sessions while {STABLE} is down: {_shares(_who_answers(gateway))}.")
    with progress.step(f"kubectl scale mdep {STABLE} --replicas 1: it takes its share again"):
        gateway.namespace.kubectl("scale", "mdep", STABLE, "--replicas", "1")
        eventually(lambda: STABLE in _who_answers(gateway), seconds=SECONDS, what=f"answers of {STABLE}")


def _assistant(stable: int, canary: int) -> Json:
    """Return the policy, in which a larger fleet takes over from both, and then the policy answers itself."""
    fallback = ({"modelDeployment": SPARE}, NOBODY)
    shares = (f"{STABLE}={stable}", f"{CANARY}={canary}")
    return policy(NAME, rule("everybody", *shares, sticky={"header": SESSION}, fallback=fallback))


def _who_answers(gateway: Gateway) -> list[str]:
    """Return the fleet that answers each session, or the error where none does."""
    with Burst(gateway, NAME, [{SESSION: f"session-{number}"} for number in range(SESSIONS)]) as burst:
        pass
    return [answer.fleet for answer in burst.answers]


def _is_bridged(gateway: Gateway) -> bool:
    """Return whether the others answer everything."""
    return set(_who_answers(gateway)) == {CANARY, SPARE}


def _shares(fleets: list[str]) -> str:
    return ", ".join(f"{fleet} {count}" for fleet, count in sorted(Counter(fleets).items()))
