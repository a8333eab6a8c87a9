"""Events repeat as a series, are limited per object, and never hold up or fail who records them."""

import asyncio
import datetime as dt
from dataclasses import dataclass, field
from typing import Any

import pytest
from tests.controller.virtual_time import run

from modelfleet.controller.cluster.errors import NotFound, NotLeader, Unavailable
from modelfleet.controller.cluster.events import BURST, QUEUED, Recorder
from modelfleet.controller.cluster.resources import Json, Resource

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def fleet(uid: str = "u1") -> Json:
    return {
        "apiVersion": "modelfleet.dev/v1alpha1",
        "kind": "ModelDeployment",
        "metadata": {"name": "llama", "namespace": "models", "uid": uid},
    }


@dataclass
class Writer:
    """Keeps what is written; raises what it is told to, in turn."""

    created: list[Json] = field(default_factory=list)
    patches: list[Json] = field(default_factory=list)
    errors: list[Exception | None] = field(default_factory=list)

    async def create(self, resource: Resource, obj: Json, *, manager: str) -> Json:
        """Keep a new event."""
        self._raise()
        self.created.append(obj)
        return obj

    async def merge_patch(
        self, resource: Resource, namespace: str | None, name: str, patch: Json, *, manager: str
    ) -> Json:
        """Keep a patch."""
        self._raise()
        self.patches.append(patch)
        return patch

    def _raise(self) -> None:
        error = self.errors.pop(0) if self.errors else None
        if error:
            raise error


def recorder(writer: Writer) -> Recorder:
    loop = asyncio.get_running_loop()
    return Recorder(writer, manager="modelfleet", instance="pod-0", clock=loop.time, wall_clock=lambda: NOON)


def say(events: Recorder, note: str = "1 pod is ready", **changes: Any) -> None:
    events.record(changes.pop("regarding", fleet()), reason="Available", note=note, action="Reconcile", **changes)


async def settle(events: Recorder) -> None:
    """Write what is recorded."""
    task = asyncio.create_task(events.run())
    await asyncio.sleep(1)
    task.cancel()


def test_an_event_has_all_that_the_api_asks_for() -> None:
    async def main() -> list[Json]:
        writer = Writer()
        events = recorder(writer)
        say(events)
        await settle(events)
        return writer.created

    (event,) = run(main())

    assert event["metadata"]["name"].startswith("llama.")
    assert event | {"metadata": {}} == {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {},
        "eventTime": "2026-01-01T12:00:00.000000Z",
        "reportingController": "modelfleet",
        "reportingInstance": "pod-0",
        "type": "Normal",
        "reason": "Available",
        "action": "Reconcile",
        "note": "1 pod is ready",
        "regarding": {
            "apiVersion": "modelfleet.dev/v1alpha1",
            "kind": "ModelDeployment",
            "name": "llama",
            "namespace": "models",
            "uid": "u1",
        },
    }


def test_a_repeated_event_is_a_series() -> None:
    async def main() -> Writer:
        writer = Writer()
        events = recorder(writer)
        for _ in range(3):
            say(events)
            await settle(events)
        return writer

    writer = run(main())

    assert len(writer.created) == 1
    assert [patch["series"]["count"] for patch in writer.patches] == [2, 3]


def test_repetitions_that_wait_are_written_together() -> None:
    async def main() -> list[Json]:
        writer = Writer()
        events = recorder(writer)
        for _ in range(5):
            say(events)
        await settle(events)
        return writer.created

    assert [event["series"]["count"] for event in run(main())] == [5]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"note": "2 pods are ready"}, id="another note"),
        pytest.param({"warning": True}, id="another type"),
        pytest.param({"regarding": fleet("u2")}, id="another object of the same name"),
    ],
)
def test_what_differs_is_an_event_of_its_own(other: dict[str, Any]) -> None:
    async def main() -> int:
        writer = Writer()
        events = recorder(writer)
        say(events)
        say(events, **other)
        await settle(events)
        return len({event["metadata"]["name"] for event in writer.created})

    assert run(main()) == 2


def test_after_a_long_silence_a_series_begins_anew() -> None:
    async def main() -> int:
        writer = Writer()
        events = recorder(writer)
        say(events)
        await settle(events)
        await asyncio.sleep(601)
        say(events)
        await settle(events)
        return len({event["metadata"]["name"] for event in writer.created})

    assert run(main()) == 2


def test_an_object_that_says_too_much_is_cut_off_and_may_speak_again_later() -> None:
    async def main() -> list[int]:
        writer, counts = Writer(), []
        events = recorder(writer)
        for wait in (0, 300):
            await asyncio.sleep(wait)
            for number in range(int(BURST) + 10):
                say(events, f"note {wait} {number}")
            say(events, "of another", regarding=fleet(f"other-{wait}"))
            await settle(events)
            counts.append(len(writer.created))
        return counts

    assert run(main()) == [26, 28]


def test_a_full_queue_drops_instead_of_waiting() -> None:
    async def main() -> int:
        writer = Writer()
        events = recorder(writer)
        for number in range(QUEUED + 50):
            say(events, regarding=fleet(f"u{number}"))
        await settle(events)
        return len(writer.created)

    assert run(main()) == QUEUED


@pytest.mark.parametrize("error", [Unavailable("away"), NotLeader("not now")])
def test_what_cannot_be_written_is_dropped_and_the_next_is_written(error: Exception) -> None:
    async def main() -> list[str]:
        writer = Writer(errors=[error])
        events = recorder(writer)
        say(events, "lost")
        say(events, "written")
        await settle(events)
        return [event["note"] for event in writer.created]

    assert run(main()) == ["written"]


def test_a_series_whose_event_expired_is_written_again() -> None:
    async def main() -> list[int]:
        writer = Writer(errors=[None, NotFound("expired")])
        events = recorder(writer)
        for _ in range(2):
            say(events)
            await settle(events)
        return [event.get("series", {}).get("count", 1) for event in writer.created]

    assert run(main()) == [1, 2]


def test_a_note_is_cut_to_what_the_api_accepts_and_stays_text() -> None:
    async def main() -> str:
        writer = Writer()
        events = recorder(writer)
        say(events, "é" * 2000)
        await settle(events)
        note: str = writer.created[0]["note"]
        return note

    assert run(main()) == "é" * 512
