"""How `modelfleet gateway` prints what it found. Keys are in none of it."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from modelfleet.cli.output import as_table, as_text
from modelfleet.gateway.answer import Answer
from modelfleet.gateway.ir import Gateway
from modelfleet.gateway.lower.whole import Lowered
from modelfleet.gateway.request import Request
from modelfleet.gateway.table import (
    HEADER,
    access_in_words,
    final_in_words,
    limit_in_words,
    rows,
    split_in_words,
    unreachable,
)


def findings(lowered: Lowered) -> list[str]:
    """Return what objects are told is wrong with them, a line each."""
    return sorted({*_conditions(lowered), *_secrets(lowered)})


def printed(lowered: Lowered, output: str) -> str:
    """Return the routing table, and the names that lead nowhere."""
    lost = unreachable(lowered)
    if output != "table":
        data = {
            "routes": [_camel(asdict(row)) for row in rows(lowered.gateway)],
            "unreachable": [asdict(one) for one in lost],
            "findings": findings(lowered),
        }
        return as_text(data, output)
    found = rows(lowered.gateway)
    text = as_table(HEADER, (row.cells(above) for above, row in zip([None, *found], found, strict=False)))
    if lost:
        text += "\n" + as_table(("NOT REACHED BY", "OBJECT", "WHY"), ((one.name, one.of, one.reason) for one in lost))
    return text


def explained(gateway: Gateway, request: Request, met: Answer, output: str) -> str:
    """Return what a request meets, step by step."""
    steps = [*_steps(gateway, request, met)]
    if output != "table":
        return as_text({"status": met.status, "steps": [{"step": step, "what": what} for step, what in steps]}, output)
    return as_table(("STEP", "WHAT"), steps)


def _steps(gateway: Gateway, request: Request, met: Answer) -> Iterator[tuple[str, str]]:
    caller = request.caller
    who = (
        f'"{caller.user}" of team "{caller.team}", priority {caller.priority}, by {caller.scope}'
        if caller
        else "nobody"
    )
    yield "caller", who
    if met.table:
        yield "table", met.table.name
        yield "access", access_in_words(met.table.access)
    for name, why in met.passed_over:
        yield "not", f"rule {name}: {why}"
    yield ("answer", f"{met.status}: {met.reason}") if met.status else ("rule", met.reason)
    for bucket in met.buckets:
        yield "limit", f'{limit_in_words(bucket.limit)}, here "{bucket.name}"'
    if met.sticks_to:
        yield "sticky", f'"{met.sticks_to}" decides between the backends, always alike'
    for belonging in met.belongings:
        value = f' "{belonging.value}"' if belonging.value else ""
        yield "affinity", f"{belonging.key.lower()}{value} decides which replica of {belonging.fleet}"
    if met.shed:
        yield "shedding", f"{met.shed.lower()} while the fleet is nearly full"
    for index, split in enumerate(met.tries, 1):
        yield f"try {index}", split_in_words(gateway, split)
    if met.rule:
        yield "finally", final_in_words(met.final)


def _conditions(lowered: Lowered) -> Iterator[str]:
    told = [(f"RoutePolicy {name}", one.findings) for name, one in lowered.policies.items()]
    told += [(f"ModelDeployment {name}", one.findings) for name, one in lowered.fleets.items()]
    for name, found in told:
        for finding in found:
            if finding.status == "False":
                yield f"{name}: {finding.type}={finding.status} {finding.reason}: {finding.message}"


def _secrets(lowered: Lowered) -> Iterator[str]:
    for name, problems in lowered.secrets.items():
        yield from (f"Secret {name}: {problem.message.removeprefix(f'Secret {name}: ')}" for problem in problems)


def _camel(row: dict[str, Any]) -> dict[str, Any]:
    return {name.rstrip("_"): value for name, value in row.items()}
