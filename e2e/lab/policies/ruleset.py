"""
NetworkPolicies and pods → one nftables script.

A pod that some policy selects for a direction gets a chain for that direction: one line for each way in which a rule
lets packets through, which returns to the caller, and a last line that drops. Packets of known connections pass before.
Named ports are those of the governed pod, so they work for ingress only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from e2e.lab.policies.selectors import Labels, selects

TABLE = "lab_policies"

_Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Direction:
    """How policies speak of one direction, and which address of a packet is the other side's."""

    policy_type: str
    rules: str
    peers: str
    own_address: str
    other_address: str


INGRESS = Direction("Ingress", "ingress", "from", "daddr", "saddr")
EGRESS = Direction("Egress", "egress", "to", "saddr", "daddr")


@dataclass(frozen=True, slots=True)
class Pod:
    """What policies ask of a pod."""

    namespace: str
    labels: Labels
    address: str
    named_ports: Mapping[str, int]

    @classmethod
    def of(cls, body: _Object) -> "Pod | None":
        """Return the pod in *body*; None while it has no address of its own."""
        spec, status, metadata = body["spec"], body.get("status", {}), body["metadata"]
        if spec.get("hostNetwork") or not status.get("podIP") or status.get("phase") in {"Succeeded", "Failed"}:
            return None
        ports = [port for container in spec["containers"] for port in container.get("ports") or ()]
        return cls(
            namespace=metadata["namespace"],
            labels=metadata.get("labels") or {},
            address=status["podIP"],
            named_ports={port["name"]: port["containerPort"] for port in ports if "name" in port},
        )


@dataclass(frozen=True, slots=True)
class World:
    """Everything that decides who may talk to whom."""

    policies: Sequence[_Object]
    pods: Sequence[Pod]
    namespaces: Mapping[str, Labels]

    def script(self) -> str:
        """Return the script that replaces whatever rules were there before, in one step."""
        chains = [chain for direction in (INGRESS, EGRESS) for chain in self._chains(direction)]
        lines = [line for chain in chains for line in chain.lines()]
        jumps = [line for direction in (INGRESS, EGRESS) for line in _jumps(direction, chains)]
        base = ["type filter hook forward priority 0; policy accept;", "ct state established,related accept", *jumps]
        body = [*lines, "chain forward {", *base, "}"]
        return "\n".join((f"table ip {TABLE} {{}}", f"delete table ip {TABLE}", f"table ip {TABLE} {{", *body, "}", ""))

    def _chains(self, direction: Direction) -> Iterator["_Chain"]:
        for pod in self.pods:
            policies = [policy for policy in self.policies if _governs(policy, pod, direction)]
            if policies:
                yield _Chain(direction, pod, tuple(self._passes(policies, pod, direction)))

    def _passes(self, policies: Sequence[_Object], pod: Pod, direction: Direction) -> Iterator[str]:
        for policy in policies:
            for rule in policy["spec"].get(direction.rules) or ():
                for side in self._sides(policy, rule.get(direction.peers), direction):
                    for port in _ports(rule.get("ports"), pod):
                        yield " ".join(filter(None, (side, port, "return")))

    def _sides(self, policy: _Object, peers: Sequence[_Object] | None, direction: Direction) -> Iterator[str]:
        """Yield matches of the other side's address; an empty match when the rule names no peers."""
        if not peers:
            yield ""
            return
        for peer in peers:
            if "ipBlock" in peer:
                yield _block(peer["ipBlock"], direction)
            elif addresses := [pod.address for pod in self.pods if self._is_peer(pod, peer, policy)]:
                yield f"ip {direction.other_address} {{ {', '.join(sorted(addresses))} }}"

    def _is_peer(self, pod: Pod, peer: _Object, policy: _Object) -> bool:
        if (selector := peer.get("namespaceSelector")) is not None:
            if not selects(selector, self.namespaces.get(pod.namespace, {})):
                return False
        elif pod.namespace != policy["metadata"]["namespace"]:
            return False
        return selects(peer.get("podSelector") or {}, pod.labels)


@dataclass(frozen=True, slots=True)
class _Chain:
    direction: Direction
    pod: Pod
    passes: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.direction.rules}_{self.pod.address.replace('.', '_')}"

    def lines(self) -> tuple[str, ...]:
        # A pod always reaches itself, also through a Service.
        own = f"ip {self.direction.other_address} {self.pod.address} return"
        return (f"chain {self.name} {{", own, *self.passes, "drop", "}")


def _jumps(direction: Direction, chains: Sequence[_Chain]) -> list[str]:
    targets = [f"{chain.pod.address} : jump {chain.name}" for chain in chains if chain.direction is direction]
    return [f"ip {direction.own_address} vmap {{ {', '.join(targets)} }}"] if targets else []


def _governs(policy: _Object, pod: Pod, direction: Direction) -> bool:
    spec = policy["spec"]
    if policy["metadata"]["namespace"] != pod.namespace or not selects(spec.get("podSelector") or {}, pod.labels):
        return False
    return direction.policy_type in (spec.get("policyTypes") or ("Ingress",))


def _block(block: _Object, direction: Direction) -> str:
    if ":" in block["cidr"]:  # the lab speaks IPv4 only: an IPv6 block lets nothing through
        return f"ip {direction.other_address} 0.0.0.0/32"
    closed = [cidr for cidr in block.get("except") or () if ":" not in cidr]
    exceptions = f" ip {direction.other_address} != {{ {', '.join(closed)} }}" if closed else ""
    return f"ip {direction.other_address} {block['cidr']}{exceptions}"


def _ports(ports: Sequence[_Object] | None, pod: Pod) -> Iterator[str]:
    """Yield matches of the destination port; an empty match when the rule names no ports."""
    if not ports:
        yield ""
    for port in ports or ():
        protocol, number = port.get("protocol", "TCP").lower(), port.get("port")
        if isinstance(number, str):
            number = pod.named_ports.get(number, 0)
        if number is None:
            yield f"meta l4proto {protocol}"
        else:
            yield f"{protocol} dport {number}" + (f"-{port['endPort']}" if "endPort" in port else "")
