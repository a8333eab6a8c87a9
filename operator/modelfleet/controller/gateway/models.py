"""Which models a caller may use, as the gateway decides it."""

from collections.abc import Sequence

from modelfleet.api.v1alpha1.metadata import ObjectMeta
from modelfleet.controller.gateway.compiler import Compiler
from modelfleet.controller.serve.catalogue import Listed
from modelfleet.gateway.answer import models_for
from modelfleet.gateway.request import Caller
from modelfleet.gateway.tokens import Token

REMEMBERED_CALLERS = 4096


class Models:
    """
    Lists from what was compiled; fleets that sleep are listed like any other.

    What a caller was told is kept until something is compiled: thousands of models take milliseconds to go through, and
    every request for a wrong one asks.
    """

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler
        self._told: dict[Caller | Token | None, Sequence[Listed]] = {}
        self._told_at = -1
        self._needs_credentials: bool | None = None

    def models_for(self, caller: Caller | Token | None) -> Sequence[Listed]:
        """Return what *caller* may use, by name."""
        self._forget_what_is_old()
        if caller not in self._told:
            self._told[caller] = self._list(caller)
        return self._told[caller]

    def has_models_behind_credentials(self) -> bool:
        """Return whether some model needs credentials."""
        self._forget_what_is_old()
        if self._needs_credentials is None:
            self._needs_credentials = any(table.access.required for table in self._compiler.tables.values())
        return self._needs_credentials

    def _forget_what_is_old(self) -> None:
        if self._told_at != self._compiler.revision or len(self._told) >= REMEMBERED_CALLERS:
            self._told, self._told_at, self._needs_credentials = {}, self._compiler.revision, None

    def _list(self, caller: Caller | Token | None) -> Sequence[Listed]:
        tables = {model: table.name for table in self._compiler.tables.values() for model in table.models}
        return [self._listed(name, tables[name]) for name in models_for(self._compiler.gateway, caller)]

    def _listed(self, model: str, table: str) -> Listed:
        meta: ObjectMeta | None = self._compiler.metadata(table)
        created = meta.creation_timestamp if meta else None
        return Listed(model, int(created.timestamp()) if created else 0, table.split("/")[1])
