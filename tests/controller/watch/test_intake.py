"""Asking for everything leaves others their turns, and tells each object as it is by then."""

import asyncio

from tests.controller.reconcile.objects import cached

from modelfleet.controller.cluster.resources import Json, Resource
from modelfleet.controller.watch.cache import DELETED, MODIFIED
from modelfleet.controller.watch.intake import AT_ONCE, Intake
from modelfleet.controller.watched import FLEETS


def fleet(number: int, version: int = 1) -> Json:
    """Return a fleet at some version."""
    meta = {"namespace": "models", "name": f"m{number}", "resourceVersion": str(version)}
    return {"kind": "ModelDeployment", "metadata": meta}


def started() -> tuple[Intake[tuple[str, int]], list[tuple[str, int]]]:
    """Return an open intake that knows more fleets than are asked for in one piece, and what it asks for."""
    asked: list[tuple[str, int]] = []

    def route(_: Resource, __: str, obj: Json) -> list[tuple[str, int]]:
        return [(obj["metadata"]["name"], int(obj["metadata"]["resourceVersion"]))]

    intake = Intake(
        cached(*(fleet(number) for number in range(AT_ONCE + 2))), route=route, enqueue=lambda key, _: asked.append(key)
    )
    intake.is_open = True
    return intake, asked


async def test_everything_leaves_others_their_turns() -> None:
    intake, asked = started()

    asking = asyncio.create_task(intake.everything())
    await asyncio.sleep(0)

    assert len(asked) == AT_ONCE
    await asking
    assert len(asked) == AT_ONCE + 2


async def test_what_changed_meanwhile_is_asked_for_as_it_is_by_then() -> None:
    intake, asked = started()
    asking = asyncio.create_task(intake.everything())
    await asyncio.sleep(0)
    asked.clear()

    intake.event(FLEETS, MODIFIED, fleet(AT_ONCE, version=2))
    intake.event(FLEETS, DELETED, fleet(AT_ONCE + 1, version=3))
    await asking

    assert asked == [(f"m{AT_ONCE}", 2), (f"m{AT_ONCE + 1}", 3), (f"m{AT_ONCE}", 2)]
