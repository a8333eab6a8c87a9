"""
How new the inputs are that something was compiled from: one number per input, each of which only grows.

Two replicas that have seen the same have the same vector, and a gateway that once had something of a newer vector takes
nothing of an older one. The operator's own release stands in front: a new release compiles differently from the same
inputs, and so does one that was rolled back to, which Kubernetes gives a higher revision again.
"""

from collections.abc import Container, Hashable, Iterable

Version = tuple[int, ...]


class Vector:
    """The newest version seen of each input, in a fixed order."""

    def __init__(self, inputs: Iterable[Hashable]) -> None:
        self._seen = dict.fromkeys(inputs, 0)
        self._read: dict[Hashable, int] = {}
        """What was read of each input that was only made up for."""

    def see(self, which: Hashable, version: int) -> None:
        """Note that *which* was seen at *version*; an older one changes nothing, an unknown input raises KeyError."""
        self._seen[which] = max(self._seen[which], version)
        if which in self._read:
            self._read[which] = max(self._read[which], version)

    def make_up_for(self, other: Version, unread: Container[Hashable] = ()) -> None:
        """
        Count as having seen all that *other* has, after everything was listed from a quorum.

        What was deleted last is in no list, so that a replica that just started would lag behind one that saw it go.
        Not the release in front, which is what it is; nor a state with other inputs. Of *unread* inputs, which could
        not be listed, `read` goes on to say what was read.
        """
        if len(other) == len(self._seen):
            for which, version in list(zip(self._seen, other, strict=True))[1:]:
                if which in unread:
                    self._read.setdefault(which, self._seen[which])
                    self._seen[which] = max(self._seen[which], version)
                else:
                    self.see(which, version)

    def caught_up(self, which: Hashable) -> None:
        """Note that *which* was listed, and that nothing of it is only made up for any more."""
        self._read.pop(which, None)

    def read(self) -> Version:
        """Return all versions, without what was only made up for."""
        return tuple(self._read.get(which, version) for which, version in self._seen.items())

    def now(self) -> Version:
        """Return all versions."""
        return tuple(self._seen.values())
