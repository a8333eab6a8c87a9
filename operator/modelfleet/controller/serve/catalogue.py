"""Which models a caller may use: `/v1/models`, and `/v1/models/{name}` for one of them."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from aiohttp import web

from modelfleet.controller.serve import openai
from modelfleet.gateway.render import headers
from modelfleet.gateway.request import Caller
from modelfleet.gateway.tokens import Token

LISTED_IN_ERRORS = 50
"""Names that an error lists; all of them are under `/v1/models`."""
LONGEST_ECHO = 200
"""Characters of a requested name that an error repeats."""

NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Listed:
    """A model that may be asked for, asleep or not."""

    name: str
    created: int
    """When the object that stands behind it was made, in seconds since 1970."""
    owned_by: str


class Catalogue(Protocol):
    """Knows who may use what."""

    def models_for(self, caller: Caller | Token | None) -> Sequence[Listed]:
        """Return what *caller* may use, by name; None is a caller without credentials."""

    def has_models_behind_credentials(self) -> bool:
        """Return whether some model needs credentials."""


class CatalogueHandlers:
    """Answers about models, from what this replica knows."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def list_models(self, request: web.Request) -> web.Response:
        """Answer `GET /v1/models`, and say where credentials would make it longer, as RFC 9110 (11.6.1) lets one."""
        caller = caller_of(request)
        models = self._catalogue.models_for(caller)
        data = [openai.model(each.name, created=each.created, owned_by=each.owned_by) for each in models]
        more = caller is None and self._catalogue.has_models_behind_credentials()
        told = {"www-authenticate": "Bearer"} if more else {}
        return web.json_response({"object": "list", "data": data}, headers=told)

    async def one_model(self, request: web.Request) -> web.Response:
        """Answer `GET /v1/models/{name}`; names may contain slashes, encoded or not."""
        name = request.match_info["name"]
        for each in self._catalogue.models_for(caller_of(request)):
            if each.name == name:
                return web.json_response(openai.model(name, created=each.created, owned_by=each.owned_by))
        return self._missing(request, name)

    def _missing(self, request: web.Request, name: str) -> web.Response:
        shown = name if len(name) <= LONGEST_ECHO else f"{name[:LONGEST_ECHO]}…"
        message = f"The model `{shown}` does not exist or you may not use it. {self._available(request)}"
        kind = "invalid_request_error"
        return openai.error(
            request, status=NOT_FOUND, message=message, kind=kind, code="model_not_found", param="model"
        )

    def _available(self, request: web.Request) -> str:
        """Return a sentence that lists what the caller may use."""
        names = [each.name for each in self._catalogue.models_for(caller_of(request))]
        if not names:
            return "There is no model that you may use."
        more = f" and {len(names) - LISTED_IN_ERRORS} more" if len(names) > LISTED_IN_ERRORS else ""
        return f"You may use: {', '.join(names[:LISTED_IN_ERRORS])}{more}."


def caller_of(request: web.BaseRequest) -> Caller | Token | None:
    """Return who asks, by the headers that the gateway alone can set; None for a caller without credentials."""
    shown = request.headers.get(headers.SCOPE)
    if not shown:
        return None
    scope, labels = headers.scope_and_labels(shown)
    if (claims := request.headers.get(headers.CLAIMS)) is not None:
        return Token(scope, base64.urlsafe_b64decode(claims + "==").decode())
    user, team = (request.headers.get(header, "") for header in (headers.USER, headers.TEAM))
    return Caller(scope, "" if user == headers.NOBODY else user, "" if team == headers.NOBODY else team, labels=labels)
