"""Count the writes that an API server received, from its audit log."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Write:
    """One finished request that could have changed something, accepted or not."""

    user: str
    verb: str
    resource: str
    """With the subresource, if any: ``deployments/scale``."""
    namespace: str
    name: str
    status: int
    user_agent: str
    time: str
    """When the answer was sent, in UTC."""

    @classmethod
    def of(cls, event: dict[str, Any]) -> Self:
        """Return the write that an audit *event* is about."""
        target = event.get("objectRef", {})
        subresource = target.get("subresource", "")
        return cls(
            user=event["user"]["username"],
            verb=event["verb"],
            resource=target.get("resource", "") + (f"/{subresource}" if subresource else ""),
            namespace=target.get("namespace", ""),
            name=target.get("name", ""),
            status=event.get("responseStatus", {}).get("code", 0),
            user_agent=event.get("userAgent", ""),
            time=event["stageTimestamp"],
        )


def position(log: Path) -> int:
    """Return a mark after everything that is in *log* now."""
    return log.stat().st_size if log.exists() else 0


def writes(log: Path, *, after: int = 0) -> list[Write]:
    """Return the writes in *log* after the mark *after*, in the order in which they were answered."""
    return list(_read(log, after))


def _read(log: Path, after: int) -> Iterator[Write]:
    with log.open("rb") as lines:
        lines.seek(after)
        for line in lines:
            if not line.endswith(b"\n"):  # still being written
                return
            event = json.loads(line)
            if event["stage"] in {"ResponseComplete", "Panic"}:
                yield Write.of(event)
