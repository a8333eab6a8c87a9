"""LoRA adapters that come and go while the server runs."""

from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web

from e2e.engine.api.body import read
from e2e.engine.api.context import Context
from e2e.engine.api.errors import ApiError
from e2e.engine.launch.config import Adapter


def allowed(context: Context) -> bool:
    """Tell whether the routes exist: both the variable and `--enable-lora`, and one API server."""
    runtime = context.settings.flag("VLLM_ALLOW_RUNTIME_LORA_UPDATING")
    return runtime and bool(context.config.option("enable_lora")) and context.config.api_servers == 1


class Adapters:
    """The handlers."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def load(self, request: web.Request) -> web.Response:
        """Load an adapter: 400 when its name is taken, 404 when there is nothing at its path."""
        body = await read(request)
        name, path = _field(body, "lora_name"), _field(body, "lora_path")
        if name in self._context.adapters and not body.get("load_inplace"):
            raise _invalid(f"The lora adapter '{name}' has already been loaded.")
        if _is_absent(path):
            raise _missing(f"Loading lora {name} failed: No adapter found for {path}")
        self._context.adapters[name] = Adapter(name=name, path=path)
        return web.Response(text=f"Success: LoRA adapter '{name}' added successfully.")

    async def unload(self, request: web.Request) -> web.Response:
        """Unload an adapter: 404 when there is none of that name."""
        name = _field(await read(request), "lora_name")
        if self._context.adapters.pop(name, None) is None:
            raise _missing(f"The lora adapter '{name}' cannot be found.")
        return web.Response(text=f"Success: LoRA adapter '{name}' removed successfully.")

    async def list(self, request: web.Request) -> web.Response:
        """Answer the adapters that are loaded."""
        del request
        return web.json_response({"adapters": sorted(self._context.adapters)})


def _is_absent(path: str) -> bool:
    return path.startswith("/") and not Path(path).is_dir()


def _field(body: dict[str, Any], name: str) -> str:
    if not body.get(name):
        raise _invalid(f"Both 'lora_name' and 'lora_path' must be provided: '{name}' is missing.")
    return str(body[name])


def _invalid(message: str) -> ApiError:
    return ApiError(HTTPStatus.BAD_REQUEST, message, kind="InvalidUserInput")


def _missing(message: str) -> ApiError:
    return ApiError(HTTPStatus.NOT_FOUND, message, kind="NotFoundError")
