"""Patterns mean the same in Python as in the API server, which reads them with RE2."""

import re
from functools import cache


def matches(pattern: str, value: str) -> bool:
    """Whether *pattern* is found in *value*; `$` at its end means the very end, also before a line break."""
    return _compiled(pattern).search(value) is not None


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\$$", r"\\Z", pattern), re.ASCII)
