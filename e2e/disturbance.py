"""A constant load of streams through the gateway, and everything that happens around them."""

from dataclasses import dataclass

from e2e.cluster import Json, eventually, name_of, small_fleet
from e2e.gateway import Gateway, policy, rule
from e2e.operators import Operators
from e2e.streams import Load

TOKENS = 150
"""Of a stream that takes a second."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """How much happens at what load."""

    clients: int = 6
    tokens: int = TOKENS
    """tokens are those of each stream; an engine makes 150 a second."""
    policy_changes: int = 10
    pod_replacements: int = 2
    gateway_restarts: int = 1
    operator_restarts: int = 1


def serve(gateway: Gateway) -> None:
    """Have two fleets that share a name, and a key."""
    gateway.namespace.apply(gateway.keys(), small_fleet("left", replicas=2), small_fleet("right"), shared(1, 1))
    gateway.namespace.wait_ready("left", replicas=2)
    gateway.namespace.wait_ready("right")
    gateway.wait_programmed("shared")
    eventually(gateway.are_ready, seconds=60, what="two gateways")


def disturbed(gateway: Gateway, operators: Operators, much: Disturbance) -> Load:
    """Return the load, after all that happened to it."""
    with load(gateway, clients=much.clients, tokens=much.tokens) as streams:
        eventually(lambda: streams.opened >= much.clients, seconds=30, what="open streams")
        for number in range(much.policy_changes):
            gateway.namespace.apply(shared(1 + number, 10))
        for _ in range(much.gateway_restarts):
            replace_gateway(gateway)
        for _ in range(much.pod_replacements):
            replace_engine(gateway)
        for _ in range(much.operator_restarts):
            replace_operator(operators)
        gateway.wait_programmed("shared")
    return streams


def replace_gateway(gateway: Gateway) -> None:
    """Delete the oldest pod of the gateway, and wait for its successor."""
    old = [name_of(pod) for pod in sorted(gateway.pods(), key=lambda pod: str(pod["metadata"]["creationTimestamp"]))]
    gateway.home.delete_pod(old[0])
    eventually(lambda: gateway.are_ready() and is_gone(gateway, old), seconds=90, what=f"a successor of {old[0]}")


def replace_operator(operators: Operators) -> None:
    """Delete the pod of the operator that leads, and wait for its successor."""
    old = eventually(lambda: living_leader(operators), seconds=60, what="an operator that leads")
    operators.home.delete_pod(old)
    eventually(lambda: operators.are_ready() and not are_among(operators, [old]), seconds=60, what="two operators")


def living_leader(operators: Operators) -> str:
    """Return the name of the pod that leads; empty while that is one that is gone, or nobody."""
    leader = operators.leader()
    return leader if are_among(operators, [leader]) else ""


def replace_engine(gateway: Gateway) -> None:
    """Delete a pod of the fleet "left", and wait for its successor."""
    gone = gateway.namespace.ready_pods("left")[0]
    gateway.namespace.delete_pod(gone)

    def is_replaced() -> bool:
        pods = gateway.namespace.ready_pods("left")
        return gone not in pods and len(pods) == 2

    eventually(is_replaced, seconds=60, what=f"a successor of {gone}")


def shared(left: int, right: int) -> Json:
    """Return the policy with these weights."""
    return policy("shared", rule("all", f"left={left}", f"right={right}", sticky={"header": "x-session-id"}))


def load(gateway: Gateway, *, clients: int, tokens: int = TOKENS) -> Load:
    """Return streams through the gateway, of one second if nothing else is said."""
    return Load(gateway.lab, f"{gateway.origin}/v1", "shared", clients=clients, tokens=tokens, key=gateway.key)


def is_gone(gateway: Gateway, old: list[str]) -> bool:
    """Return whether one of *old* is no gateway any more."""
    return not set(old) <= {name_of(pod) for pod in gateway.pods()}


def are_among(operators: Operators, names: list[str]) -> bool:
    """Return whether some operator is one of *names*."""
    return bool({name_of(pod) for pod in operators.pods()} & set(names))
