"""
Prepare the engine for SIGTERM: end it at once while it loads, else wait until it has no request left.

A vLLM that loads loses the first SIGTERM, and the kubelet sends no second one: a pod that is deleted while it loads
would hold its accelerators for the whole grace period. A repeated SIGTERM ends it (vLLM 0.32: within 6 s).

DRAIN_SECONDS is 0 for engines with --shutdown-timeout. Older ones would cut their requests off at SIGTERM.
"""

import os
import pathlib
import signal
import socket
import sys
import time
import urllib.parse
import urllib.request

SERVER, PROPAGATION_SECONDS, DRAIN_SECONDS = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
GAUGES = ("vllm:num_requests_running", "vllm:num_requests_waiting{")
ENGINE_PID = 1
PAUSE_SECONDS = 1.0
TIMEOUT_SECONDS = 5.0


def is_loading() -> bool:
    """Return whether the engine's port refuses connections, as it does until the engine is ready."""
    address = urllib.parse.urlsplit(SERVER)
    try:
        socket.create_connection((address.hostname, address.port), TIMEOUT_SECONDS).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


def is_vllm(pid: int) -> bool:
    """Return whether *pid* is vLLM, under whatever title it gave itself, so that nothing else is ever ended."""
    return b"vllm" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().lower()


def is_busy() -> bool:
    """Return whether requests run or wait; one that gives no answer is taken as busy, one that still loads is not."""
    try:
        with urllib.request.urlopen(f"{SERVER}/metrics", timeout=TIMEOUT_SECONDS) as answer:
            lines = answer.read().decode(errors="replace").splitlines()
    except OSError as error:
        return not isinstance(getattr(error, "reason", error), ConnectionRefusedError)
    return any(float(line.rsplit(" ", 1)[1]) > 0 for line in lines if line.startswith(GAUGES))


while is_loading() and is_vllm(ENGINE_PID):
    os.kill(ENGINE_PID, signal.SIGTERM)
    time.sleep(PAUSE_SECONDS)
time.sleep(PROPAGATION_SECONDS)
deadline = time.monotonic() + DRAIN_SECONDS
while time.monotonic() < deadline and is_busy():
    time.sleep(PAUSE_SECONDS)
