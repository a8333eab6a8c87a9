"""What an engine counts from its start on, as vLLM does."""

from bisect import bisect_left

from modelfleet.scaling.simulation.request import Sequence

TIME_TO_FIRST_TOKEN_BOUNDS = (
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 20.0, 40.0, 80.0, 160.0,
    640.0, 2560.0,
)  # fmt: skip
"""Upper bounds of vLLM's histogram, in seconds."""


class Totals:
    """Sums over all steps that are complete."""

    __slots__ = (
        "cached_tokens",
        "finished",
        "first_token_counts",
        "first_token_seconds",
        "first_tokens",
        "gap_seconds",
        "gaps",
        "generated_tokens",
        "iteration_tokens",
        "iterations",
        "preemptions",
        "prompt_tokens",
    )

    def __init__(self) -> None:
        self.prompt_tokens = 0
        self.cached_tokens = 0
        self.generated_tokens = 0
        self.finished = 0
        self.preemptions = 0
        self.gaps = 0
        self.gap_seconds = 0.0
        self.iterations = 0
        self.iteration_tokens = 0
        self.first_tokens = 0
        self.first_token_seconds = 0.0
        self.first_token_counts = [0] * (len(TIME_TO_FIRST_TOKEN_BOUNDS) + 1)

    def decoded(self, tokens: int, *, steps: int, seconds: float) -> None:
        """Count *steps* in which *tokens* were generated; *seconds* is the sum of the times between tokens."""
        self.generated_tokens += tokens
        self.gaps += tokens
        self.gap_seconds += seconds
        self.iterations += steps
        self.iteration_tokens += tokens

    def prefilled(self, sequence: Sequence, now: float) -> None:
        """Count a prompt that is computed; vLLM counts its tokens in the step that completes it."""
        self.generated_tokens += 1
        self.iteration_tokens += sequence.size - sequence.hit + 1
        if sequence.first_token_at >= 0:
            self.gaps += 1
            self.gap_seconds += now - sequence.last_token_at
            return
        seconds = now - sequence.arrived
        self.prompt_tokens += sequence.request.prompt
        self.cached_tokens += sequence.hit
        self.first_tokens += 1
        self.first_token_seconds += seconds
        self.first_token_counts[bisect_left(TIME_TO_FIRST_TOKEN_BOUNDS, seconds)] += 1
