"""The processor time of a process, from /proc."""

import os
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
USER, SYSTEM = 11, 12
"""Positions of utime and stime behind the command's name in /proc/PID/stat (proc_pid_stat(5))."""
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def seconds(pid: int) -> float:
    """Return the seconds of processor time that *pid* has used, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[USER]) + int(fields[SYSTEM])) / TICKS_PER_SECOND


def resident_bytes(pid: int) -> int:
    """Return the memory that *pid* occupies."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES
