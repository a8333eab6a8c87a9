"""Which model a request means, and which models there are."""

from http import HTTPStatus
from typing import Any

from e2e.engine.api.context import Context
from e2e.engine.api.errors import ApiError
from e2e.engine.launch.config import Adapter

_SKIPS_VALIDATION = "0.21"


def resolve(context: Context, requested: Any) -> Adapter | None:
    """
    Return the adapter that *requested* names, None for the base model; raise ApiError 404 for a name nobody has.

    Adapters come first. With `VLLM_SKIP_MODEL_NAME_VALIDATION=1` (from 0.21) every other name is the base model.
    """
    if requested in context.adapters:
        return context.adapters[requested]
    if requested in (None, "") or requested in context.config.served_names or _anything_goes(context):
        return None
    raise ApiError(
        HTTPStatus.NOT_FOUND, f"The model `{requested}` does not exist.", kind="NotFoundError", param="model"
    )


def answered_name(context: Context, adapter: Adapter | None) -> str:
    """Return the name that the answer carries: the adapter's, else the first served one."""
    return adapter.name if adapter else context.served_name


def cards(context: Context) -> dict[str, Any]:
    """Return the answer of `/v1/models`: every served name, then every adapter."""
    config = context.config
    base = [
        _card(context, name, root=config.model_name, parent=None, max_model_len=config.max_model_len)
        for name in config.served_names
    ]
    adapters = [
        _card(context, adapter.name, root=adapter.path, parent=context.served_name, max_model_len=None)
        for adapter in context.adapters.values()
    ]
    return {"object": "list", "data": base + adapters}


def _anything_goes(context: Context) -> bool:
    allowed = context.settings.flag("VLLM_SKIP_MODEL_NAME_VALIDATION")
    return allowed and context.config.release.at_least(_SKIPS_VALIDATION)


def _card(context: Context, name: str, *, root: str, parent: str | None, max_model_len: int | None) -> dict[str, Any]:
    permission = {
        "id": f"modelperm-{abs(hash(name)):x}",
        "object": "model_permission",
        "created": context.started,
        "allow_create_engine": False,
        "allow_sampling": True,
        "allow_logprobs": True,
        "allow_search_indices": False,
        "allow_view": True,
        "allow_fine_tuning": False,
        "organization": "*",
        "group": None,
        "is_blocking": False,
    }
    return {
        "id": name,
        "object": "model",
        "created": context.started,
        "owned_by": "vllm",
        "root": root,
        "parent": parent,
        "max_model_len": max_model_len,
        "permission": [permission],
    }
