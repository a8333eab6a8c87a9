"""What every generating route does before it answers: find the model, check the lengths, be ready to begin."""

from __future__ import annotations  # `array[int]` cannot be evaluated before Python 3.12

from array import array
from dataclasses import dataclass
from typing import Any

from e2e.engine.api import generation, names
from e2e.engine.api.context import Context
from e2e.engine.api.generation import Generation, Sampling
from e2e.engine.launch.config import Adapter


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that was found good; *asked* is the number of tokens its caller named, if any."""

    context: Context
    prompts: list[array[int]]
    wanted: Sampling
    adapter: Adapter | None
    asked: int | None

    @property
    def model(self) -> str:
        """The name that the answer carries."""
        return names.answered_name(self.context, self.adapter)

    def begin(self) -> Generation:
        """Submit it; raise ApiError when the server shuts down, is full, or its engine is dead."""
        return generation.begin(
            self.context, prompts=self.prompts, wanted=self.wanted, adapter=self.adapter, asked=self.asked
        )


def ask(context: Context, body: dict[str, Any], prompts: list[array[int]], *, asked: int | None) -> Ask:
    """Return the request in *body*; raise ApiError for an unknown model, a bad length or a server that ends."""
    adapter = names.resolve(context, body.get("model"))
    room = min(generation.room(context, prompt_tokens=len(prompt), asked=asked) for prompt in prompts)
    wanted = generation.sampling(body, max_tokens=room)
    generation.refuse_while_ending(context)
    return Ask(context=context, prompts=prompts, wanted=wanted, adapter=adapter, asked=asked)
