"""The Lua scripts of the client listener, with the tables they look things up in."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import ascii_letters, digits

from modelfleet.gateway.ir import Frame
from modelfleet.gateway.paths import ANTHROPIC_PREFIX, ONE_MODEL_PREFIX, PATHS
from modelfleet.gateway.render.headers import NO_MODEL
from modelfleet.gateway.render.types import Resource, extension, typed

IDENTITY = "identity"
UNKNOWN_MODEL = "unknown-model"
SOURCES = ("errors.lua", "multipart.lua", "tokens.lua", "prompts.lua", "affinity.lua", "identity.lua", "usage.lua")
PLAIN = frozenset(ascii_letters + digits)
LUA = "extensions.filters.http.lua.v3.Lua"


def identity(frame: Frame) -> Resource:
    """
    Return the filter that sets the gateway's headers from credentials, body and route, and reads the answer's `usage`.

    One script has all of it: to begin one for a request costs a tenth of what plain routing does, another for the
    answer half of that (instructions counted with Envoy 1.40).
    """
    places = ((f"{entry.method}{entry.path}", entry.model_in) for entry in PATHS)
    paths = ", ".join(f"[{_text(asked)}] = {_text(model_in)}" for asked, model_in in places)
    tables = {
        "PATHS": f"{{{paths}}}",
        "ONE_MODEL": _text(f"GET{ONE_MODEL_PREFIX}"),
        "PRICES": _prices(frame),
    }
    return _filter(IDENTITY, tables, *SOURCES)


def unknown_model() -> Resource:
    """Return the filter that answers for names no table has; every table's virtual hosts carry `NOT_UNKNOWN`."""
    return _filter(UNKNOWN_MODEL, {}, "errors.lua", "unknown_model.lua")


NOT_UNKNOWN: Resource = {UNKNOWN_MODEL: typed("extensions.filters.http.lua.v3.LuaPerRoute", disabled=True)}
"""The `typed_per_filter_config` that says: there is a table."""


def _filter(name: str, tables: Mapping[str, str], *sources: str) -> Resource:
    constants = {"ANTHROPIC_PREFIX": _text(ANTHROPIC_PREFIX), "NO_MODEL": _text(NO_MODEL), **tables}
    head = "".join(f"local {key} = {value}\n" for key, value in constants.items())
    code = head + "\n".join(map(_source, sources))
    # The scripts clear the route cache themselves, and only when they changed what the route depends on.
    return extension(name, LUA, clear_route_cache=False, default_source_code={"inline_string": code})


@cache
def _source(name: str) -> str:
    return (files("modelfleet.gateway.render") / "lua" / name).read_text()


def _prices(frame: Frame) -> str:
    entries = (
        f'[{_text(price.model)}] = {{"{price.prompt_cents_per_million}", "{price.completion_cents_per_million}"}}'
        for price in frame.token_prices
    )
    return "{" + ", ".join(entries) + "}"


def _text(value: str) -> str:
    """Return *value* as a literal of Lua; every byte that is not plainly harmless is escaped."""
    plain = (chr(byte) if chr(byte) in PLAIN else f"\\{byte:03d}" for byte in value.encode())
    return '"' + "".join(plain) + '"'
