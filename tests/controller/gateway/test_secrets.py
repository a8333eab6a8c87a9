"""Secrets of one namespace are told of, also those that only a list shows to be gone, and none is kept."""

import asyncio
import gc
from typing import Any

from tests.gateway import objects

from modelfleet.controller.cluster.resources import Json, Resource
from modelfleet.controller.gateway.secrets import follow

MARKED = "sk-a-key-that-must-not-stay-0"


class Cluster:
    """Lists what it has."""

    server = "https://api"

    def __init__(self) -> None:
        self.has: list[Json] = []
        self.version = 1

    async def list(self, resource: Resource, namespace: str | None = None) -> tuple[list[Json], str]:
        """Return all that is there, at a newer version each time."""
        del resource, namespace
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
    reflector = follow(cluster, "models", lambda kind, secret: told.append((kind, secret["metadata"]["name"])))

    cluster.has = [stored("a"), stored("b")]
    asyncio.run(reflector.relist())
    cluster.has = [stored("b")]
    asyncio.run(reflector.relist())

    assert told == [("MODIFIED", "a"), ("MODIFIED", "b"), ("DELETED", "a"), ("MODIFIED", "b")]


def test_no_content_is_kept() -> None:
    cluster = Cluster()
    reflector = follow(cluster, "models", lambda *_: None)
    cluster.has = [stored("a")]
    content = cluster.has[0]["data"]
    asyncio.run(reflector.relist())
    cluster.has = []

    assert not [each for each in gc.get_referrers(content) if isinstance(each, dict) and each.get("data") is content]
