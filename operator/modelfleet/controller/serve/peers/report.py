"""
What one replica of the operator tells the others, and what follows from all their answers together.

A replica that does not answer is `Unknown`, which is a value of its own: nobody may conclude from it that nothing is
asked for.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from modelfleet.controller.cluster.resources import Json
from modelfleet.controller.serve.activator.demand import Demand

Acknowledged = Mapping[str, Mapping[str, str]]
"""
For every connected gateway, by its node's id: which version of the endpoints of which fleet it has acknowledged.

Fleets that nobody wakes or drains may be left out.
"""
IsAtLeast = Callable[[str | None, str], bool]
"""Tells whether a version of a resource that somebody holds (None: none) has the content of another, or is newer."""
ENDED = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class Report:
    """What one replica knows first-hand."""

    demand: Mapping[str, Demand]
    acknowledged: Acknowledged
    refused: Mapping[str, str] = field(default_factory=dict)
    """refused says why a gateway refused something, by the resource's type and name."""
    state: tuple[int, ...] = ()
    """state is how new the configuration is that this replica serves."""
    content: str = ""
    """content is the same at two replicas exactly when they serve the same; empty of one that does not say."""
    pending: tuple[str, ...] = ()
    """pending are the routing tables that some gateway connected to it has not acknowledged as they are then."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A replica exists, and nobody knows what it knows."""

    why: str


@dataclass(frozen=True, slots=True)
class PeerView:
    """What every replica answered, the own one included; *taken_at* is when the first was asked (`time.monotonic`)."""

    taken_at: float
    answers: Mapping[str, Report | Unknown]

    @property
    def reports(self) -> tuple[Report, ...]:
        """Return the answers there are."""
        return tuple(answer for answer in self.answers.values() if isinstance(answer, Report))

    @property
    def unknown(self) -> Mapping[str, str]:
        """Return the replicas that did not answer, and why; empty when the view is complete."""
        return {name: answer.why for name, answer in self.answers.items() if isinstance(answer, Unknown)}

    def demand(self) -> dict[str, Demand]:
        """Return the demand for every fleet, over all replicas that answered."""
        total: dict[str, Demand] = {}
        for report in self.reports:
            for target, demand in report.demand.items():
                total[target] = _added(total[target], demand) if target in total else demand
        return total

    def versions(self, target: str) -> dict[str, tuple[str, ...]]:
        """
        Return the versions of the endpoints of *target* that each connected gateway acknowledged.

        Empty for a gateway that has acknowledged none; more than one while it changes from one replica to another.
        """
        found: dict[str, tuple[str, ...]] = {}
        for report in self.reports:
            for node, held in report.acknowledged.items():
                found[node] = found.get(node, ()) + ((held[target],) if target in held else ())
        return found


def everybody_has(version: str, target: str, view: PeerView, *, is_at_least: IsAtLeast) -> bool | None:
    """
    Return whether every connected gateway acknowledged *version* of the endpoints of *target*, or a newer one.

    None when that cannot be known, because a replica did not answer: gateways may be connected to it.
    """
    for held in view.versions(target).values():
        if not any(is_at_least(each, version) for each in held):
            return False
    return None if view.unknown else True


def peers_of(pods: Iterable[Json], *, port: int) -> dict[str, str]:
    """
    Return the address of every pod of the operator that may have been asked anything, Ready or not, by its name.

    A pod without an address was never reachable, and one that has ended holds nothing any more.
    """
    found = {}
    for pod in pods:
        status = pod.get("status") or {}
        if (address := status.get("podIP")) and status.get("phase") not in ENDED:
            host = f"[{address}]" if ":" in address else address
            found[pod["metadata"]["name"]] = f"https://{host}:{port}"
    return found


def write_report(report: Report) -> Json:
    """Return *report* as JSON."""
    return _Report(
        demand={
            target: _Demand(held=each.held, oldest_seconds=each.oldest_seconds, last_seconds=each.last_seconds)
            for target, each in report.demand.items()
        },
        acknowledged={node: dict(held) for node, held in report.acknowledged.items()},
        refused=dict(report.refused),
        state=list(report.state),
        content=report.content,
        pending=list(report.pending),
    ).model_dump(by_alias=True)


def read_report(given: Any) -> Report | Unknown:
    """Return the report in *given*, or Unknown when it is not one; what newer replicas add is not read."""
    try:
        parsed = _Report.model_validate(given)
    except ValidationError as error:
        return Unknown(f"the answer must be a report: {error.errors()[0]['msg']}")
    demand = {
        target: Demand(each.held, each.oldest_seconds, each.last_seconds) for target, each in parsed.demand.items()
    }
    return Report(
        demand, parsed.acknowledged, parsed.refused, tuple(parsed.state), parsed.content, tuple(parsed.pending)
    )


class _Wire(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="ignore")


class _Demand(_Wire):
    held: int = Field(ge=0)
    oldest_seconds: float = Field(ge=0)
    last_seconds: float = Field(ge=0)


class _Report(_Wire):
    demand: dict[str, _Demand]
    acknowledged: dict[str, dict[str, str]]
    refused: dict[str, str] = {}
    state: list[int] = []
    content: str = ""
    pending: list[str] = []


def _added(one: Demand, other: Demand) -> Demand:
    return Demand(
        one.held + other.held,
        max(one.oldest_seconds, other.oldest_seconds),
        min(one.last_seconds, other.last_seconds),
    )
