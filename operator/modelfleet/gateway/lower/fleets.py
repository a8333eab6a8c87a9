"""A ModelDeployment → the table of its own names, while it may be reached by them."""

from collections.abc import Collection

from modelfleet.api.served_names import Verdict
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.gateway import ir
from modelfleet.gateway.lower.access import open_access
from modelfleet.gateway.lower.backends import Target, hold_seconds
from modelfleet.gateway.lower.rules import patient, split_tries
from modelfleet.gateway.lower.setting import Setting

DIRECT_RULE = "direct"
DIRECT_ATTEMPTS = 2
"""The default of a policy's `retries.attempts`."""


def table_name(fleet: ModelDeployment) -> str:
    """Return the name of the table of *fleet*."""
    return f"fleet/{fleet.canonical_name}"


def is_direct(fleet: ModelDeployment, *, is_named: bool) -> bool:
    """
    Return whether *fleet* is reached by its own names and those of its adapters.

    *is_named* says whether any RoutePolicy sends requests to it: then only `exposure: Direct` opens this way round it.
    """
    if fleet.spec.exposure is not None:
        return fleet.spec.exposure == "Direct"
    return not is_named


def direct_table(
    fleet: ModelDeployment,
    *,
    verdict: Verdict,
    refined: Collection[str],
    is_named: bool,
    setting: Setting,
) -> ir.RouteTable | None:
    """
    Return the table of the names of *fleet*; None while it is reached through policies alone.

    *verdict* says which names are its own, and *refined* which of them a policy of its namespace answers for
    instead.
    """
    if not is_direct(fleet, is_named=is_named):
        return None
    backend = ir.Backend(ir.BackendKind.FLEET, fleet.canonical_name)
    target = Target(backend, fleet.metadata.name, holds_seconds=hold_seconds(fleet))
    rule = ir.Rule(
        name=DIRECT_RULE,
        tries=tuple(split_tries(ir.Split(((backend, 1),)), [target], DIRECT_ATTEMPTS)),
        timeouts=patient(ir.Timeouts(), [target]),
    )
    bare_names = verdict.accepted - frozenset(refined)
    return ir.RouteTable(
        name=table_name(fleet),
        models=tuple(sorted({fleet.canonical_name, *bare_names})),
        access=open_access(fleet.metadata.namespace, setting),
        rules=(rule,),
    )
