"""Which routes a server has; it depends on the release, the kind of model and three switches."""

from aiohttp import web

from e2e.engine.api import adapters
from e2e.engine.api.adapters import Adapters
from e2e.engine.api.admin import Admin
from e2e.engine.api.body import read
from e2e.engine.api.chat import ChatCompletions
from e2e.engine.api.completions import Completions
from e2e.engine.api.context import Context
from e2e.engine.api.development import Development
from e2e.engine.api.disconnects import Disconnects
from e2e.engine.api.faults import Faults
from e2e.engine.api.handlers import Handler
from e2e.engine.api.messages import Messages
from e2e.engine.api.pooling import Pooling
from e2e.engine.api.responses import Responses
from e2e.engine.api.tokens import Tokens

_RESPONSES_SINCE, _MESSAGES_SINCE = "0.10", "0.11.1"

Routes = dict[str, Handler]


def routes(context: Context) -> tuple[Routes, Routes]:
    """Return the handlers by path, of GET and of POST."""
    get, post = _always(context)
    post |= _pooling(context) if context.config.pooling else _generation(context)
    if context.settings.flag("VLLM_SERVER_DEV_MODE"):
        get, post = _merged((get, post), _development(context))
    if adapters.allowed(context):
        runtime = Adapters(context)
        get["/adapters"] = runtime.list
        post |= {"/v1/load_lora_adapter": runtime.load, "/v1/unload_lora_adapter": runtime.unload}
    if context.settings.faults:
        post |= _faults(context)
    return get, post


def _always(context: Context) -> tuple[Routes, Routes]:
    admin, tokens = Admin(context), Tokens(context)
    get: Routes = {
        "/health": admin.health,
        "/ping": admin.health,
        "/version": admin.version,
        "/load": admin.load,
        "/metrics": admin.metrics,
        "/v1/models": admin.models,
        "/kv_event_sources": admin.event_sources,
    }
    post: Routes = {"/ping": admin.health, "/tokenize": tokens.tokenize, "/detokenize": tokens.detokenize}
    return get, post


def _generation(context: Context) -> Routes:
    disconnects = Disconnects(context.client)
    chat, completions = ChatCompletions(context, disconnects), Completions(context, disconnects)

    async def invocations(request: web.Request) -> web.StreamResponse:
        body = await read(request)
        return await (chat if "messages" in body else completions).answer(request, body)

    post: Routes = {
        "/v1/chat/completions": chat.__call__,
        "/v1/completions": completions.__call__,
        "/invocations": invocations,
        "/is_scaling_elastic_ep": Admin(context).is_scaling,
    }
    if context.config.release.at_least(_RESPONSES_SINCE):
        post["/v1/responses"] = Responses(context, disconnects).__call__
    if context.config.release.at_least(_MESSAGES_SINCE):
        messages = Messages(context, disconnects)
        post |= {"/v1/messages": messages.create, "/v1/messages/count_tokens": messages.count}
    return post


def _pooling(context: Context) -> Routes:
    pooling = Pooling(context, Disconnects(context.client))
    embeddings: Routes = {"/v1/embeddings": pooling.embed, "/pooling": pooling.embed, "/invocations": pooling.embed}
    scores: Routes = dict.fromkeys(("/score", "/v1/score"), pooling.score)
    return embeddings | scores | dict.fromkeys(("/rerank", "/v1/rerank", "/v2/rerank"), pooling.rerank)


def _development(context: Context) -> tuple[Routes, Routes]:
    development = Development(context)
    get: Routes = {
        "/is_sleeping": development.is_sleeping,
        "/is_paused": development.is_paused,
        "/server_info": development.server_info,
    }
    post: Routes = {
        "/sleep": development.sleep,
        "/wake_up": development.wake_up,
        "/pause": development.pause,
        "/resume": development.resume,
        "/reset_prefix_cache": development.reset_prefix_cache,
        "/reset_mm_cache": development.nothing,
        "/release_kv_cache_memory": development.nothing,
        "/collective_rpc": development.nothing,
        "/abort_requests": development.abort_requests,
    }
    return get, post


def _faults(context: Context) -> Routes:
    faults = Faults(context)
    return {
        "/_standin/kill-engine": faults.kill_engine,
        "/_standin/kill-worker": faults.kill_worker,
        "/_standin/hang": faults.hang,
        "/_standin/fail": faults.fail,
    }


def _merged(first: tuple[Routes, Routes], second: tuple[Routes, Routes]) -> tuple[Routes, Routes]:
    return first[0] | second[0], first[1] | second[1]
