"""Tell a waiting person what happens, with seconds."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


def to_stderr(line: str) -> None:
    """Print *line* where it does not mix with a command's own output."""
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Progress:
    """Report steps as they end; safe to share between threads."""

    write: Callable[[str], None] = to_stderr
    started: float = field(default_factory=time.monotonic)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def seconds(self) -> float:
        """Seconds since the first step could begin."""
        return time.monotonic() - self.started

    def note(self, text: str) -> None:
        """Report *text* with the seconds since the start."""
        with self._lock:
            self.write(f"{self.seconds:7.1f} s  {text}")

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Report *text* when the body is done, with the seconds it took; nothing when it raises."""
        began = time.monotonic()
        yield
        self.note(f"{text} ({time.monotonic() - began:.1f} s)")


def silent() -> Progress:
    """Return a progress report that nobody reads."""
    return Progress(write=lambda _line: None)
