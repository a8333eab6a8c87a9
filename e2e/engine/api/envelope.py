"""What all OpenAI answers have around their choices."""

import time
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Envelope:
    """The id, the model and the second of one answer; every chunk of a stream has the same."""

    id: str
    model: str
    created: int = field(default_factory=lambda: int(time.time()))

    def around(self, choices: list[dict[str, Any]], *, kind: str) -> dict[str, Any]:
        """Return an object of *kind* with *choices*."""
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model, "choices": choices}
