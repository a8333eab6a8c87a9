"""
Exit with 0 while the engine makes progress, with 1 when it does not.

Progress is a token counter that moved since the last probe; a busy engine is never asked more than that. Only an engine
whose counters stand still must answer a completion of one token in time: /health says 200 while it hangs.
"""

import json
import pathlib
import sys
import urllib.error
import urllib.request

SERVER, MODEL, SECONDS = sys.argv[1], sys.argv[2], float(sys.argv[3])
COUNTERS = ("vllm:generation_tokens_total", "vllm:prompt_tokens_total", "vllm:iteration_tokens_total_count")
MEMORY = pathlib.Path("/tmp/modelfleet-liveness")  # noqa: S108 (a volume of this pod alone)
FIRST_SERVER_ERROR = 500


def progress() -> str:
    """Return the values of the token counters."""
    with urllib.request.urlopen(f"{SERVER}/metrics", timeout=SECONDS) as answer:
        lines = answer.read().decode(errors="replace").splitlines()
    return "\n".join(sorted(line for line in lines if line.startswith(COUNTERS)))


def answers() -> bool:
    """Return whether a completion of one token is answered, be it with a refusal such as "not a generative model"."""
    body = json.dumps({"model": MODEL, "prompt": "ping", "max_tokens": 1}).encode()
    request = urllib.request.Request(f"{SERVER}/v1/completions", body, {"Content-Type": "application/json"})
    try:
        urllib.request.urlopen(request, timeout=SECONDS).close()
    except urllib.error.HTTPError as error:
        return error.code < FIRST_SERVER_ERROR
    return True


try:
    now = progress()
    moved = not MEMORY.exists() or MEMORY.read_text() != now
    MEMORY.write_text(now)
    alive = moved or answers()
except OSError as error:
    sys.exit(f"the engine does not answer: {error}")
sys.exit(0 if alive else "the engine fails a completion of one token")
