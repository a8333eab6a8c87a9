"""
Wait until the engine has no request left, at most the given seconds.

For engines that have no --shutdown-timeout: SIGTERM would cut their requests off.
"""

import sys
import time
import urllib.request

SERVER, PROPAGATION_SECONDS, DRAIN_SECONDS = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
GAUGES = ("vllm:num_requests_running", "vllm:num_requests_waiting{")
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 5.0


def is_busy() -> bool:
    """Return whether requests run or wait; one that gives no answer is taken as busy, one that still loads is not."""
    try:
        with urllib.request.urlopen(f"{SERVER}/metrics", timeout=TIMEOUT_SECONDS) as answer:
            lines = answer.read().decode(errors="replace").splitlines()
    except OSError as error:
        return not isinstance(getattr(error, "reason", error), ConnectionRefusedError)
    return any(float(line.rsplit(" ", 1)[1]) > 0 for line in lines if line.startswith(GAUGES))


time.sleep(PROPAGATION_SECONDS)
deadline = time.monotonic() + DRAIN_SECONDS
while time.monotonic() < deadline and is_busy():
    time.sleep(PAUSE_SECONDS)
