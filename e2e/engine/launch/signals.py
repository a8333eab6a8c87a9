"""
SIGTERM while the engine starts: the first one is lost, the second one ends the process with code 130.

Measured on vLLM 0.32 (and the same code from 0.9.2 to 0.33): the handler's exception is swallowed on its way, so a pod
that is deleted while it loads goes on loading.
"""

import os
import signal
from types import FrameType

INTERRUPTED = 130
_received = 0


def swallow_first() -> None:
    """Install the handler; it stays until the server is ready and installs its own."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _on_signal)


def _on_signal(number: int, frame: FrameType | None) -> None:
    del number, frame
    global _received  # noqa: PLW0603 - a signal handler has nowhere else to count
    _received += 1
    if _received > 1:
        os._exit(INTERRUPTED)
