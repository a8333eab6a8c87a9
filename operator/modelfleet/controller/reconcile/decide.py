"""Decide: which of what a fleet asks for is written now. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from modelfleet.api.conditions import Reason
from modelfleet.controller.cluster.resources import DEPLOYMENTS, Json, Resource
from modelfleet.controller.reconcile.compile import Desired
from modelfleet.controller.reconcile.gather import Snapshot
from modelfleet.workload.scale import Scaling, scaling
from modelfleet.workload.updates import free_turns, is_operators_change, is_rolling_for_operator, marked

PENDING = (
    "A new operator or catalogue would replace this fleet's pods; {why}. Any change of the spec applies it at once."
)


@dataclass(frozen=True, slots=True)
class Decision:
    """The children to apply, the size to set, and what waits."""

    children: tuple[tuple[Resource, Json], ...]
    scaling: Scaling
    update_pending: str | None = None
    takes_turn: bool = False
    """takes_turn is True where pods are replaced for a change that no user made."""


def decide(
    snapshot: Snapshot,
    desired: Desired,
    deployments: Iterable[Json],
    *,
    most_operator_changes: int,
    turns_taken: int = 0,
) -> Decision:
    """
    Return what is written now.

    A template that changed although the user changed nothing waits until fewer than *most_operator_changes* fleets
    among *deployments* roll for the same reason; *turns_taken* more are about to, which *deployments* cannot show yet.
    A fleet that rolls already keeps its turn: what it waits for may be the repair of the change before.
    """
    fleet = snapshot.fleet
    size = scaling(
        snapshot.deployment,
        desired=fleet.spec.replicas if fleet else _size_of_unreadable(snapshot),
        previously_desired=fleet.status.desired_replicas if fleet else None,
        suspended=bool(snapshot.raw["spec"].get("suspend")),
    )
    if size.finding.reason is Reason.SUSPENDED:
        return Decision((), size)
    if desired.plan is None:
        return Decision((), _unchanged(size))
    wanted = next(child for resource, child in desired.children if resource == DEPLOYMENTS)
    live = snapshot.deployment
    if live is not None and is_operators_change(live, wanted):
        has_turn = is_rolling_for_operator(live) and most_operator_changes > 0
        if not has_turn and free_turns(deployments, at_most=most_operator_changes) <= turns_taken:
            why = "they are held" if not most_operator_changes else "it waits for its turn"
            kept = tuple((resource, child) for resource, child in desired.children if resource != DEPLOYMENTS)
            return Decision(kept, size, PENDING.format(why=why))
        return Decision(_with_mark(desired.children, live), size, takes_turn=True)
    if live is not None and is_rolling_for_operator(live):
        return Decision(_with_mark(desired.children, live), size)
    return Decision(desired.children, size)


def _size_of_unreadable(snapshot: Snapshot) -> int:
    """Return the size a spec asks for that cannot be read as a whole, or else the size in use."""
    asked = snapshot.raw["spec"].get("replicas")
    if isinstance(asked, int) and not isinstance(asked, bool) and asked >= 0:
        return asked
    return int(snapshot.deployment["spec"].get("replicas", 1)) if snapshot.deployment else 1


def _unchanged(size: Scaling) -> Scaling:
    """Return *size* without a write: what a spec says is followed once all of it is accepted."""
    if size.finding.status == "False":
        return size
    message = f"The size stays as it is until the spec is accepted; the spec says {size.desired}."
    return replace(size, replicas=None, finding=replace(size.finding, message=message))


def _with_mark(children: tuple[tuple[Resource, Json], ...], live: Json) -> tuple[tuple[Resource, Json], ...]:
    return tuple((resource, marked(child, live) if resource == DEPLOYMENTS else child) for resource, child in children)
