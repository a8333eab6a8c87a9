"""A server from ready to gone: it listens, and SIGTERM ends it the way its release ends."""

import asyncio
import signal
import socket
import ssl
from collections.abc import Coroutine
from typing import Any

from aiohttp import web

from e2e.engine import log
from e2e.engine.api.application import application
from e2e.engine.api.context import Context

_DRAINS_SINCE = "0.18"
_TEARDOWN_SECONDS = 4.5
_ABORT_SECONDS = 0.4
_WATCHDOG_SECONDS = 5.0
_CLOSING_SECONDS = 5.0
_CUT_SECONDS = 0.01
_BACKLOG = 2048


async def serve(context: Context, server_socket: socket.socket) -> int:
    """Serve until a signal or the engine's death; return the exit code, which is 0 for both."""
    tasks = [asyncio.ensure_future(engine.run()) for engine in context.client.engines]
    runner = web.AppRunner(
        application(context),
        access_log=None,
        keepalive_timeout=float(context.settings.environment.get("VLLM_HTTP_TIMEOUT_KEEP_ALIVE") or 5),
        handle_signals=False,
    )
    await runner.setup()
    terminated = _on_termination()
    connections = _connections(runner)
    listener = await asyncio.get_running_loop().create_server(
        connections, sock=server_socket, ssl=_ssl(context), backlog=_BACKLOG
    )
    log.line(f"Starting vLLM server on {_address(context)}", source="launcher.py:46")
    log.raw(["INFO:     Application startup complete."])
    await _first(terminated.wait(), _died(context), _crashed(tasks))
    await _shut_down(context, listener)
    listener.close()
    await connections.shutdown(_closing_seconds(context))
    for task in tasks:
        task.cancel()
    return 0


async def wait_headless() -> int:
    """Wait for a signal, as a node without an HTTP server does; return the exit code."""
    terminated = _on_termination()
    log.line("Launching vLLM headless multiproc executor", source="serve.py:180")
    await terminated.wait()
    return 0


def _connections(runner: web.AppRunner) -> web.Server:
    """Return what makes a handler for every connection; the listener is ours, so that it can stop without waiting."""
    if runner.server is None:
        raise RuntimeError("The runner must be set up first.")
    return runner.server


def _on_termination() -> asyncio.Event:
    terminated = asyncio.Event()

    def on_signal() -> None:
        if not terminated.is_set():
            log.line("[shutdown] API server: shutdown triggered", source="launcher.py:114")
        terminated.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)
    return terminated


async def _shut_down(context: Context, listener: asyncio.Server) -> None:
    client, factor = context.client, context.settings.time_factor
    if client.dead:
        log.line("EngineCore is dead, stopping the server", level="ERROR", source="launcher.py:188")
        return
    if not context.config.release.at_least(_DRAINS_SINCE):
        return
    timeout = context.config.shutdown_timeout_seconds
    mode = "drain" if timeout else "abort"
    log.line(f"[shutdown] API server: stopping engine client mode={mode} timeout={timeout}s", source="launcher.py:130")
    log.line(
        f"[shutdown] EngineCore: start mode={mode} timeout={timeout}s", process=log.ENGINE_CORE, source="core.py:1432"
    )
    client.draining = True
    if timeout:
        await _drain(context, listener, seconds=timeout)
    else:
        client.abort_all()
    log.line(
        "[shutdown] EngineCore: request processing complete; starting resource teardown",
        process=log.ENGINE_CORE,
        source="core.py:1463",
    )
    await asyncio.sleep((_TEARDOWN_SECONDS if timeout else _ABORT_SECONDS) / factor)
    log.line("[shutdown] API server: engine client stopped", source="launcher.py:136")
    log.line("[shutdown] API server: signalling HTTP server shutdown", source="launcher.py:139")


def _closing_seconds(context: Context) -> float:
    """Return how long answers may still be written: before 0.18 a signal cuts them off, and no `[DONE]` follows."""
    return _CLOSING_SECONDS if context.config.release.at_least(_DRAINS_SINCE) else _CUT_SECONDS


async def _drain(context: Context, listener: asyncio.Server, *, seconds: int) -> None:
    """Wait for what is in flight; past *seconds* the engine is killed and the server hangs until SIGKILL."""
    try:
        await asyncio.wait_for(context.client.drained(), seconds)
    except TimeoutError:
        log.line("[shutdown] EngineCore: force-killed after timeout", level="WARNING", source="utils.py:412")
        context.client.hang()
        listener.close()
        log.raw(["INFO:     Shutting down", "INFO:     Waiting for connections to close. (CTRL+C to force quit)"])
        await asyncio.Event().wait()


async def _died(context: Context) -> None:
    """Return when the server notices, some seconds later, that its engine died."""
    await context.client.death.wait()
    if context.settings.flag("VLLM_KEEP_ALIVE_ON_ENGINE_DEATH"):
        await asyncio.Event().wait()
    await asyncio.sleep(_WATCHDOG_SECONDS / context.settings.time_factor)


async def _crashed(engines: list[asyncio.Task[None]]) -> None:
    """Raise what went wrong inside an engine of the stand-in, which is a defect; otherwise never return."""
    done, _ = await asyncio.wait(engines, return_when=asyncio.FIRST_EXCEPTION)
    for engine in done:
        engine.result()
    await asyncio.Event().wait()


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for task in done:
        task.result()


def _ssl(context: Context) -> ssl.SSLContext | None:
    certificate = context.config.option("ssl_certfile")
    if not certificate:
        return None
    secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    secured.load_cert_chain(certificate, context.config.option("ssl_keyfile"))
    return secured


def _address(context: Context) -> str:
    config = context.config
    scheme = "https" if config.option("ssl_certfile") else "http"
    return config.option("uds") or f"{scheme}://{config.option('host', '0.0.0.0')}:{config.option('port', 8000)}"
