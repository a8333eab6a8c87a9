"""The prefix cache of one replica: the beginnings of prompts that it has computed lately."""

from modelfleet.scaling.simulation.profile import BLOCK_TOKENS
from modelfleet.scaling.simulation.request import Request


class Prefixes:
    """
    Beginnings of prompts, the least recently used forgotten first.

    Whole blocks hit, and at least one token of a prompt is computed, as in vLLM. Blocks of requests that run are not
    shared with it: the room for it is a part of the cache.
    """

    __slots__ = ("known", "room", "tokens")

    def __init__(self, room_tokens: int) -> None:
        self.room = room_tokens
        self.tokens = 0
        self.known: dict[int, int] = {}

    def hit(self, request: Request) -> int:
        """Return how many tokens of its prompt need no computing."""
        if not request.prefix:
            return 0
        shared = min(self.known.get(request.prefix, 0), request.prefix_tokens, request.prompt - 1)
        return shared - shared % BLOCK_TOKENS

    def keep(self, request: Request) -> None:
        """Remember the beginning of its prompt."""
        if not request.prefix:
            return
        before = self.known.pop(request.prefix, 0)
        self.known[request.prefix] = max(before, request.prompt)
        self.tokens += max(0, request.prompt - before)
        while self.tokens > self.room:
            self.tokens -= self.known.pop(next(iter(self.known)))
