"""Run short commands and keep what they said for the error message."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from e2e.lab.errors import LabError

_TAIL_CHARACTERS = 2000


def run(
    argv: Sequence[str | Path],
    *,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    check: bool = True,
) -> subprocess.CompletedProcess[str]:
    """Run *argv* to its end and return it with its output as text; a failure raises LabError with what it printed."""
    words = [str(word) for word in argv]
    done = subprocess.run(words, input=stdin, env=env, cwd=cwd, capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-_TAIL_CHARACTERS:]
        raise LabError(f"`{' '.join(words[:6])}` must succeed, it ended with code {done.returncode}: {said}")
    return done
