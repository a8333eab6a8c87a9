"""
The KV cache: blocks, what is in them, and which of them a new request finds warm.

A full block is known by the chained hash of all tokens up to its end, so two prompts share the blocks of their common
prefix. A block nobody uses keeps its content until room is needed; the least recently used goes first, and of one
sequence the last block before the first.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Lease:
    """The blocks one sequence holds: those known by their content, in order, and the number of the others."""

    hashed: list[int] = field(default_factory=list)
    private: int = 0

    @property
    def blocks(self) -> int:
        """All blocks held."""
        return len(self.hashed) + self.private


class KvCache:
    """A pool of blocks of equal size; one block is reserved, as in vLLM, and never counted as free or used."""

    def __init__(self, *, blocks: int, block_size: int, prefix_caching: bool) -> None:
        self.block_size = block_size
        self.capacity = max(blocks - 1, 1)
        self.prefix_caching = prefix_caching
        self._users: dict[int, int] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()
        self._private = 0

    @property
    def used(self) -> int:
        """Blocks that some sequence holds."""
        return self._private + len(self._users)

    @property
    def usage(self) -> float:
        """The share of blocks in use, 0 to 1."""
        return self.used / self.capacity

    @property
    def free(self) -> int:
        """Blocks that can be had now, warm ones included."""
        return self.capacity - self.used

    def warm_blocks(self, hashes: Sequence[int]) -> int:
        """Return how many of the leading *hashes* are in the cache."""
        if not self.prefix_caching:
            return 0
        count = 0
        while count < len(hashes) and (hashes[count] in self._users or hashes[count] in self._idle):
            count += 1
        return count

    def blocks_needed(self, lease: Lease, *, warm: Sequence[int], tokens: int) -> int:
        """Return how many blocks must be free for *lease* to hold *tokens*, *warm* being reused where it is idle."""
        idle = sum(1 for content in warm if content in self._idle)
        return max(-(-tokens // self.block_size) - lease.blocks - len(warm), 0) + idle

    def extend(self, lease: Lease, *, tokens: int, warm: Sequence[int] = ()) -> bool:
        """Let *lease* hold *tokens* in all, starting from *warm*; False, and nothing changed, when there is no room."""
        if self.blocks_needed(lease, warm=warm, tokens=tokens) > self.free:
            return False
        for content in warm:
            self._idle.pop(content, None)
            self._users[content] = self._users.get(content, 0) + 1
            lease.hashed.append(content)
        fresh = max(-(-tokens // self.block_size) - lease.blocks, 0)
        lease.private += fresh
        self._private += fresh
        self._evict()
        return True

    def seal(self, lease: Lease, content: int) -> None:
        """Make one private block of *lease*, now full, known as *content*; a copy of a known block stays private."""
        if not self.prefix_caching or content in self._users or not lease.private:
            return
        self._idle.pop(content, None)
        self._users[content] = 1
        lease.hashed.append(content)
        lease.private -= 1
        self._private -= 1

    def release(self, lease: Lease) -> None:
        """Take all blocks back from *lease*; known ones stay warm."""
        for content in reversed(lease.hashed):
            self._users[content] -= 1
            if not self._users[content]:
                del self._users[content]
                self._idle[content] = None
        self._private -= lease.private
        lease.hashed.clear()
        lease.private = 0

    def forget(self) -> bool:
        """Empty the prefix cache; return False, and do nothing, while any block is in use."""
        if self.used:
            return False
        self._idle.clear()
        return True

    def _evict(self) -> None:
        while self.used + len(self._idle) > self.capacity:
            self._idle.popitem(last=False)
