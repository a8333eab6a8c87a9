"""Which models a caller may use, as the gateway decides it."""

from collections.abc import Sequence

from modelfleet.api.v1alpha1.metadata import ObjectMeta
from modelfleet.controller.gateway.compiler import Compiler
from modelfleet.controller.serve.catalogue import Listed
from modelfleet.gateway.answer import models_for
from modelfleet.gateway.request import Caller


class Models:
    """Lists from what was compiled; fleets that sleep are listed like any other."""

    def __init__(self, compiler: Compiler) -> None:
        self._compiler = compiler

    def models_for(self, caller: Caller | None) -> Sequence[Listed]:
        """Return what *caller* may use, by name."""
        tables = {model: table.name for table in self._compiler.tables.values() for model in table.models}
        return [self._listed(name, tables[name]) for name in models_for(self._compiler.gateway, caller)]

    def _listed(self, model: str, table: str) -> Listed:
        meta: ObjectMeta | None = self._compiler.metadata(table)
        created = meta.creation_timestamp if meta else None
        return Listed(model, int(created.timestamp()) if created else 0, table.split("/")[1])
