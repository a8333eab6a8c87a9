"""
One replica's activator in a process of its own, so that tests can end it as a kubelet or a node's death does.

It prints its two ports, and then does what its standard input says: `ready` or `acknowledged` about its only fleet.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.apiserver.control_plane import WITH_PARENT

from modelfleet.controller.cluster.certificates import Holder
from modelfleet.controller.cluster.pki import TlsSecret
from modelfleet.controller.serve.activator.application import gateway_application
from modelfleet.controller.serve.activator.decide import Sleeper
from modelfleet.controller.serve.activator.holding import Activator
from modelfleet.controller.serve.catalogue import Listed
from modelfleet.controller.serve.mutual import MutualTlsServer
from modelfleet.controller.serve.peers.poller import peer_application
from modelfleet.controller.serve.peers.report import Report
from modelfleet.controller.serve.tls import OwnCertificate
from modelfleet.gateway.request import Caller

LOOPBACK = "127.0.0.1"
FLEET = "models/m"
FILES = ("tls.crt", "tls.key", "ca.crt")
ROOT = Path(__file__).parents[2]


def write_files(directory: Path, secret: TlsSecret) -> Path:
    """Write *secret* into *directory*, as the kubelet does, and return it."""
    directory.mkdir()
    for name, content in zip(FILES, (secret.certificate, secret.key, secret.authorities), strict=True):
        (directory / name).write_bytes(content)
    return directory


@dataclass
class OneFleet:
    """Everything that a replica knows: one fleet, which sleeps until it is told otherwise."""

    sleeper: Sleeper

    def get(self, target: str) -> Sleeper | None:
        """Return the fleet as it is now."""
        return self.sleeper if target == FLEET else None

    def models_for(self, caller: Caller | None) -> list[Listed]:
        """Return the one model there is."""
        return [Listed("chat", 1700000000, caller.user if caller else "nobody")]

    def has_models_behind_credentials(self) -> bool:
        """Return that there are none."""
        return False


class ActivatorProcess:
    """An activator that runs while its context is open; `await_ports` returns once it listens."""

    def __init__(self, certificates: Path, **sleeper: Any) -> None:
        self._arguments = [str(certificates), json.dumps(sleeper)]
        self._process: subprocess.Popen[str] | None = None
        self.port = self.peer_port = 0

    def __enter__(self) -> Self:
        command = [*WITH_PARENT, sys.executable, "-m", "tests.envoy.activator_process", *self._arguments]
        paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "operator")])}
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            command, cwd=ROOT, env=os.environ | paths, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        return self

    def await_ports(self) -> None:
        """Wait until it listens."""
        assert self._process is not None
        assert self._process.stdout is not None
        self.port, self.peer_port = map(int, self._process.stdout.readline().split())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(signal.SIGKILL)
        assert self._process is not None
        with ExitStack() as pipes:
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipes.enter_context(pipe)

    def tell(self, word: str) -> None:
        """Say `ready` or `acknowledged`; one that has ended hears nothing."""
        assert self._process is not None
        assert self._process.stdin is not None
        if self._process.poll() is None:
            self._process.stdin.write(f"{word}\n")
            self._process.stdin.flush()

    def end(self, sign: signal.Signals) -> None:
        """End it by *sign*, and wait until it has ended."""
        assert self._process is not None
        self._process.send_signal(sign)
        self._process.wait()


async def serve(certificates: Path, sleeper: Sleeper) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    fleet = OneFleet(sleeper)
    activator = Activator(fleet)

    async def read() -> TlsSecret:
        return TlsSecret(*((certificates / name).read_bytes() for name in FILES))

    own = OwnCertificate(read)
    await own.refresh()
    gateway = MutualTlsServer(
        gateway_application(activator, fleet),
        0,
        certificate=own,
        clients=frozenset({Holder.GATEWAY.value}),
        host=LOOPBACK,
        before_end=activator.reset,
    )
    peers = MutualTlsServer(
        peer_application(lambda: Report(activator.demand(), {})),
        0,
        certificate=own,
        clients=frozenset({Holder.OPERATOR.value}),
        host=LOOPBACK,
    )
    async with gateway, peers:
        print(gateway.port, peers.port, flush=True)  # noqa: T201 - how the test learns them
        listening = asyncio.create_task(_listen(fleet, activator))
        await stop.wait()
        listening.cancel()


async def _listen(fleet: OneFleet, activator: Activator) -> None:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        fleet.sleeper = replace(fleet.sleeper, **{f"is_{line.decode().strip()}": True})
        activator.changed(FLEET)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), Sleeper(**json.loads(sys.argv[2]))))
