"""Secrets of one namespace are told of, also those that only a list shows to be gone, and none is kept."""

import asyncio
import gc
from typing import Any

from tests.gateway import objects

from modelfleet.controller.cluster.errors import Forbidden, Unavailable
from modelfleet.controller.cluster.resources import Json, Resource
from modelfleet.controller.gateway.secrets import Secrets, follow

MARKED = "sk-a-key-that-must-not-stay-0"


class Cluster:
    """Lists what it has."""

    server = "https://api"

    def __init__(self) -> None:
        self.has: list[Json] = []
        self.version = 1
        self.errors: dict[str, Exception] = {}

    async def list(self, resource: Resource, namespace: str | None = None) -> tuple[list[Json], str]:
        """Return all that is there, at a newer version each time."""
        del resource
        if error := self.errors.get(namespace or ""):
            raise error
        self.version += 1
        return self.has, str(self.version)

    def open_session(self) -> Any:
        """Open nothing."""
        raise NotImplementedError


def stored(name: str) -> Json:
    made = objects.secret(name, ada=MARKED)
    return made | {"metadata": made["metadata"] | {"resourceVersion": "5"}}


def test_what_a_list_lacks_is_told_to_be_gone() -> None:
    cluster, told = Cluster(), list[tuple[str, str]]()
    reflector = follow(
        cluster, "models", lambda kind, secret: told.append((kind, secret["metadata"]["name"])), lambda: None
    )

    cluster.has = [stored("a"), stored("b")]
    asyncio.run(reflector.relist())
    cluster.has = [stored("b")]
    asyncio.run(reflector.relist())

    assert told == [("MODIFIED", "a"), ("MODIFIED", "b"), ("DELETED", "a"), ("MODIFIED", "b")]


def test_no_content_is_kept() -> None:
    cluster = Cluster()
    reflector = follow(cluster, "models", lambda *_: None, lambda: None)
    cluster.has = [stored("a")]
    content = cluster.has[0]["data"]
    asyncio.run(reflector.relist())
    cluster.has = []

    assert not [each for each in gc.get_referrers(content) if isinstance(each, dict) and each.get("data") is content]


class Read:
    """Secrets of two namespaces, and what is told of them."""

    def __init__(self) -> None:
        self.cluster = Cluster()
        self.told: list[set[str]] = []
        self.secrets = Secrets(
            self.cluster, ["a", "b"], on_secret=lambda *_: None, on_unread=lambda: self.told.append(self.secrets.unread)
        )


async def test_namespace_that_cannot_be_listed_holds_no_other_up() -> None:
    read = Read()
    read.cluster.errors = {"b": Unavailable("500")}
    await read.secrets.reflectors["a"].relist()
    await read.secrets.first(patience_seconds=0)
    still = await read.secrets.relist(is_forbidden_believed=False)
    read.cluster.errors = {}
    await read.secrets.relist(is_forbidden_believed=False)

    assert still
    assert read.told == [{"b"}, set()]


async def test_namespace_that_was_listed_and_cannot_be_now_is_unread() -> None:
    read = Read()
    await read.secrets.relist(is_forbidden_believed=False)
    read.cluster.errors = {"a": Unavailable("500")}
    await read.secrets.relist(is_forbidden_believed=False)

    assert read.secrets.unread == {"a"}


async def test_what_may_not_be_read_is_believed_at_last() -> None:
    read = Read()
    read.cluster.errors = {"b": Forbidden("403")}

    assert not await read.secrets.relist(is_forbidden_believed=False)
    assert await read.secrets.relist(is_forbidden_believed=True)
    assert read.secrets.unread == set()
