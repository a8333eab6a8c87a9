"""What changed is put, whole and in order; what does not fit is left as it was, and the rest of the gateway goes on."""

import asyncio
from collections.abc import Iterable
from typing import Any

import pytest
from tests.controller.gateway.histories import SETTING
from tests.controller.gateway.server_model import ServerModel
from tests.gateway import objects

from modelfleet.controller.gateway import publisher as publisher_module
from modelfleet.controller.gateway.compiler import Compiler
from modelfleet.controller.gateway.publisher import Publisher
from modelfleet.controller.gateway.reach import Reach
from modelfleet.controller.gateway.rendering import Rendering
from modelfleet.gateway.render import Place, Replicas
from modelfleet.gateway.schema.type_urls import RDS, SRDS

TABLE = "policy/models/chat"


class Given:
    """A publisher of two fleets and a policy."""

    def __init__(self) -> None:
        self.compiler, self.server = Compiler(SETTING), ServerModel()
        rendering = Rendering(self.compiler, SETTING, Place())
        self.reach = Reach(
            self.server.as_server(),
            lambda: None,
            own_name="own",
            keys_of=rendering.keys_of,
            tables_of=rendering.tables_of,
        )
        self.told: list[Any] = []
        self.publisher = Publisher(
            self.compiler,
            rendering,
            self.server.as_server(),
            self.reach,
            state=lambda: (1, 2),
            gap=lambda: None,
            replicas=lambda: Replicas({}),
            on_published=self._tell,
        )
        for name in "ab":
            self.compiler.put_fleet("models", name, objects.fleet(name))
        self.policy(models=["chat"])

    def _tell(self, policies: Iterable[Any]) -> None:
        self.told += policies

    def policy(self, **spec: Any) -> None:
        """Change the policy."""
        self.compiler.put_policy("models", "chat", objects.policy(objects.rule(objects.to("a")), **spec))

    def publish(self) -> None:
        """Publish once."""
        asyncio.run(self.publisher.publish())


@pytest.fixture
def given() -> Given:
    return Given()


def test_everything_is_put_and_policies_are_told(given: Given) -> None:
    given.publish()
    given.server.take_all("gw-0")

    assert {(RDS, TABLE), (SRDS, "chat")} <= given.server.served.keys()
    assert given.told == [("models", "chat")]
    assert given.reach.spread(TABLE).is_everywhere


def test_a_new_table_that_does_not_fit_is_left_out_with_all_its_parts(given: Given) -> None:
    given.server.unfit = {TABLE}
    given.publish()

    assert not {(RDS, TABLE), (SRDS, "chat")} & given.server.served.keys()
    assert (SRDS, "models/b") in given.server.served
    assert "a defect" in given.reach.spread(TABLE).refused


def test_a_changed_table_that_does_not_fit_stays_as_it_was(given: Given) -> None:
    given.publish()
    before = given.server.served[RDS, TABLE]
    given.server.unfit = {TABLE}
    given.policy(models=["chat"], limits=[{"per": "User", "requestsPerMinute": 5}])
    given.publish()

    assert given.server.served[RDS, TABLE] is before

    given.server.unfit = set()
    given.policy(models=["chat"], limits=[{"per": "User", "requestsPerMinute": 6}])
    given.publish()

    assert given.server.served[RDS, TABLE] is not before
    assert given.reach.refused() == {}


def test_a_part_that_cannot_be_rendered_harms_no_other(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    def defective(*_: Any) -> Any:
        raise RuntimeError("a defect")

    monkeypatch.setattr("modelfleet.gateway.render.of_pool", defective)
    given.publish()

    assert (RDS, TABLE) in given.server.served


def test_the_event_loop_has_its_turn_while_much_is_published(given: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "AT_ONCE", 1)
    seen: list[bool] = []

    async def watch() -> None:
        task = asyncio.create_task(given.publisher.publish())
        while not task.done():
            await asyncio.sleep(0)
            seen.append(given.publisher.is_under_way)
        await task

    asyncio.run(watch())

    assert seen.count(True) > 5
    assert (RDS, TABLE) in given.server.served


def test_nothing_changed_puts_nothing(given: Given) -> None:
    given.publish()
    before = dict(given.server.served)
    given.publish()

    assert given.server.served == before
    assert given.told == [("models", "chat")]
