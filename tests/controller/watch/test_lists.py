"""What cannot be listed holds everything up only where it is required."""

import pytest
from tests.controller.reconcile.objects import cache

from modelfleet.controller.cluster.errors import ClusterError, Forbidden, NotFound, Unavailable
from modelfleet.controller.cluster.resources import PODMONITORS, Json, Resource
from modelfleet.controller.watch.intake import Intake
from modelfleet.controller.watch.lists import Lists, Watch
from modelfleet.controller.watched import FLEETS


class Refusing:
    """Answers every list with an error."""

    def __init__(self, error: ClusterError) -> None:
        self.error = error

    async def list(
        self, resource: Resource, namespace: str | None = None, *, label_selector: str | None = None
    ) -> tuple[list[Json], str]:
        """Raise the error."""
        del resource, namespace, label_selector
        raise self.error


@pytest.mark.parametrize(
    ("watch", "error", "is_enough"),
    [
        pytest.param(Watch(PODMONITORS, optional=True), NotFound("x"), True, id="an optional one is not installed"),
        pytest.param(Watch(PODMONITORS, optional=True), Forbidden("x"), True, id="an optional one is forbidden"),
        pytest.param(Watch(PODMONITORS, optional=True), Unavailable("x"), False, id="nobody knows yet"),
        pytest.param(Watch(FLEETS), Forbidden("x"), False, id="a required one is forbidden"),
        pytest.param(Watch(FLEETS), NotFound("x"), False, id="a required one is not installed"),
    ],
)
async def test_only_what_is_required_is_waited_for(watch: Watch, error: ClusterError, is_enough: bool) -> None:
    intake: Intake[str] = Intake(cache(), route=lambda *_: (), enqueue=lambda *_: None)

    assert await Lists(Refusing(error), intake, [watch]).take_all() is is_enough
