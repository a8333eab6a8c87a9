"""A rule of a kind with specs that break it and specs that just keep it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.api.specs.manifests import Spec, bases, changed, steps_of

Patch = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """A rule by the beginning of its message, a manifest, and patches of it: values by path."""

    message: str
    base: str
    broken: tuple[Patch, ...]
    kept: tuple[Patch, ...]

    def specs_that_break_it(self) -> Iterator[Spec]:
        """Yield the specs both sides must refuse with the rule's message."""
        yield from (self._spec(patch) for patch in self.broken)

    def specs_that_keep_it(self) -> Iterator[Spec]:
        """Yield the specs both sides must take."""
        yield from (self._spec(patch) for patch in self.kept)

    def _spec(self, patch: Patch) -> Spec:
        manifest = bases()[self.base]
        for path, value in patch.items():
            manifest = changed(manifest, steps_of(path), value)
        return Spec(f"{self.base} with {dict(patch)}", manifest)
