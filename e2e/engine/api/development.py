"""The routes of `VLLM_SERVER_DEV_MODE=1`: sleeping, pausing, caches."""

from aiohttp import web

from e2e.engine.api.context import Context

_STATES = ("awake", "weights_offloaded", "discard_all")


class Development:
    """
    The handlers.

    An engine that sleeps or is paused still answers `/health` with 200; what arrives meanwhile hangs and shows in no
    gauge. Without `--enable-sleep-mode`, `/sleep` answers 200 all the same and only pauses.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def sleep(self, request: web.Request) -> web.Response:
        """Put the engine to sleep, at `level` 0 to 2; `mode=abort` ends what is in flight."""
        if request.query.get("mode") == "abort":
            self._context.client.abort_all()
        self._context.client.pause(paused=True)
        self._context.sleeping = True
        if self._context.config.option("enable_sleep_mode"):
            self._show(int(request.query.get("level", "1")))
        return web.Response()

    async def wake_up(self, request: web.Request) -> web.Response:
        """Wake the engine."""
        del request
        self._context.sleeping = False
        self._context.client.pause(paused=False)
        self._show(0)
        return web.Response()

    async def is_sleeping(self, request: web.Request) -> web.Response:
        """Answer whether the engine sleeps."""
        del request
        return web.json_response({"is_sleeping": self._context.sleeping})

    async def pause(self, request: web.Request) -> web.Response:
        """Stop scheduling; `mode=abort`, the default, ends what is in flight."""
        if request.query.get("mode", "abort") == "abort":
            self._context.client.abort_all()
        self._context.client.pause(paused=True)
        return web.json_response({"status": "paused"})

    async def resume(self, request: web.Request) -> web.Response:
        """Schedule again."""
        del request
        self._context.client.pause(paused=False)
        return web.json_response({"status": "resumed"})

    async def is_paused(self, request: web.Request) -> web.Response:
        """Answer whether scheduling is stopped."""
        del request
        return web.json_response({"is_paused": self._context.client.paused})

    async def reset_prefix_cache(self, request: web.Request) -> web.Response:
        """Empty the prefix cache, unless some block of it is in use."""
        del request
        self._context.client.reset_prefix_cache()
        return web.Response()

    async def abort_requests(self, request: web.Request) -> web.Response:
        """End everything in flight."""
        del request
        self._context.client.abort_all()
        return web.Response()

    async def server_info(self, request: web.Request) -> web.Response:
        """Answer the configuration, as text."""
        del request
        return web.json_response({"vllm_config": str(vars(self._context.config.flags))})

    async def nothing(self, request: web.Request) -> web.Response:
        """Answer 200 to what a stand-in has no use for."""
        del request
        return web.Response()

    def _show(self, level: int) -> None:
        for rank in range(self._context.config.local_ranks):
            for number, state in enumerate(_STATES):
                gauge = self._context.store.number("vllm:engine_sleep_state", state, engine=rank)
                gauge.set(float(number == min(level, len(_STATES) - 1)))
