"""One request: what is asked of the fleet, and what became of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sends."""

    arrival: float
    """Seconds since the load began."""
    prompt: int
    """Tokens, at least 1."""
    output: int
    """Tokens that will be generated, at least 1."""
    prefix: int = 0
    """Requests with the same number begin with the same text; 0 shares nothing."""
    prefix_tokens: int = 0
    """How many tokens of the prompt that is."""


class Sequence:
    """A request in the fleet; the replica that has it keeps its notes here."""

    __slots__ = (
        "arrived",
        "epoch",
        "finish_tick",
        "finished_at",
        "first_token_at",
        "generated",
        "hit",
        "last_token_at",
        "left",
        "offset",
        "request",
    )

    def __init__(self, request: Request) -> None:
        self.request = request
        self.arrived = request.arrival
        """When the replica got it, which may be later than the gateway."""
        self.first_token_at = -1.0
        self.finished_at = -1.0
        self.generated = 0
        """Tokens generated before the last (re)start of its prefill."""
        self.left = 0
        """Tokens of the prefill that are still to be computed."""
        self.hit = 0
        """Tokens that the prefix cache had."""
        self.offset = 0
        """Its context less the replica's tick, which is constant while it decodes."""
        self.finish_tick = 0
        self.last_token_at = 0.0
        self.epoch = 0
        """How often it was preempted; tells entries of the finish queue that are out of date."""

    @property
    def size(self) -> int:
        """Return the tokens that are in the KV cache when its prefill is done."""
        return self.request.prompt + self.generated

    @property
    def time_to_first_token(self) -> float:
        """Return the seconds from the client's request to the first token; infinite without one."""
        return self.first_token_at - self.request.arrival if self.first_token_at >= 0 else float("inf")

    @property
    def time_per_output_token(self) -> float:
        """Return the mean seconds between tokens; infinite while it has not finished."""
        if self.finished_at < 0:
            return float("inf")
        return (self.finished_at - self.first_token_at) / max(1, self.request.output - 1)
