"""Log lines in the shape of vLLM's, so that what reads an engine's log reads this one."""

import os
import sys
import time
from collections.abc import Iterable

API_SERVER = "APIServer"
ENGINE_CORE = "EngineCore"


def line(message: str, *, process: str = API_SERVER, level: str = "INFO", source: str = "launcher.py:114") -> None:
    """Print one log line, as vLLM's own formatter does, and flush it."""
    stamp = time.strftime("%m-%d %H:%M:%S")
    _write([f"{level} {stamp} [{source}] {message}"], process)


def raw(lines: Iterable[str], *, process: str = API_SERVER) -> None:
    """Print *lines* with only the process prefix, as a traceback comes out."""
    _write(lines, process)


def _write(lines: Iterable[str], process: str) -> None:
    prefix = f"({process} pid={os.getpid()}) "
    sys.stdout.write("".join(f"{prefix}{text}\n" for text in lines))
    sys.stdout.flush()
