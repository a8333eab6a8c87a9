"""A configuration server without gateways, but with what tests say that they hold and refuse."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from modelfleet.controller.serve.xds.acknowledgements import Refusal
from modelfleet.controller.serve.xds.resources import Changes, Gap, Key, Prepared, UnfitResources
from modelfleet.controller.serve.xds.server import Server
from modelfleet.controller.serve.xds.versions import Vector
from modelfleet.gateway.schema import SchemaError


@dataclass(frozen=True)
class Node:
    """A connected gateway."""

    node: str


@dataclass
class ServerModel:
    """What is served is a body for each key; a gateway holds bodies too."""

    served: dict[Key, Any] = field(default_factory=dict)
    gateways: dict[str, dict[Key, Any]] = field(default_factory=dict)
    refused: list[Refusal] = field(default_factory=list)
    unfit: set[str] = field(default_factory=set)
    vectors: list[Vector] = field(default_factory=list)

    fingerprint: str = "0001"

    def as_server(self) -> Server:
        """Return it in place of a server."""
        return cast(Server, self)

    def take_all(self, node: str) -> None:
        """Let a gateway have all that is served."""
        self.gateways[node] = dict(self.served)

    def prepare(self, changes: Changes) -> Prepared:
        """Return what fits."""
        bodies = {(kind, name): body for kind, by_name in changes.items() for name, body in by_name.items()}
        bad = {key: SchemaError(*key, "a defect") for key, body in bodies.items() if body and key[1] in self.unfit}
        if bad:
            raise UnfitResources(bad)
        return cast(Prepared, bodies)

    def put_prepared(self, vector: Vector, prepared: Prepared, gap: Gap | None = None) -> None:
        """Serve what was prepared."""
        del gap
        self.vectors.append(vector)
        for key, body in prepared.items():
            self.served.pop(key, None)
            if body is not None:
                self.served[key] = body

    def connected(self) -> tuple[Node, ...]:
        """Return the gateways."""
        return tuple(map(Node, self.gateways))

    def digests(self, keys: Iterable[Key]) -> dict[Key, Any]:
        """Return what was put."""
        return {key: self.served.get(key) for key in keys}

    def acknowledged(self, wanted: Mapping[Key, Any]) -> dict[str, bool]:
        """Return who has it."""
        return {
            node: all(held.get(key) == body for key, body in wanted.items()) for node, held in self.gateways.items()
        }

    def refusals(self) -> tuple[Refusal, ...]:
        """Return what was refused."""
        return tuple(self.refused)
