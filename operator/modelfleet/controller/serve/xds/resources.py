"""
What is served: the current content of each resource, and the last one that a gateway took over.

A resource is *proven* once a gateway has acknowledged its content. One that is refused before that goes back to its
last proven content, or is withheld when there is none: it is not served, and not taken from those that have an older
one either. The same content is not tried again, another one is.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modelfleet.controller.serve.xds.order import TYPES
from modelfleet.controller.serve.xds.versions import Vector, is_behind, label, vector_of, version
from modelfleet.gateway.schema import Schema, SchemaError
from modelfleet.gateway.schema.messages import name_of
from modelfleet.gateway.schema.type_urls import CDS, EDS, MARKER, MARKER_KEY, RTDS, SDS

Key = tuple[str, str]
"""A type URL and a name."""
Changes = Mapping[str, Mapping[str, Mapping[str, Any] | None]]
"""Bodies by type URL and name, in the JSON form of Envoy's messages; None for what is to go."""
Changed = Mapping[str, list[str]]
"""Names by type URL."""

DIGEST_BYTES = 8
UNSHOWN = "what is wrong is not shown: it may quote the secret"


class UnfitResources(Exception):  # noqa: N818 (it names what was found, as the project's errors do)
    """Bodies do not fit Envoy's schema; *errors* has all of them, so that the rest can be put without them."""

    def __init__(self, errors: Mapping[Key, SchemaError]) -> None:
        self.errors = errors
        super().__init__("; ".join(map(str, errors.values())))


@dataclass(frozen=True, slots=True)
class Content:
    """A body that fits the schema."""

    digest: str
    body: bytes
    assignment: str | None = None
    """assignment is the name of the endpoints that a cluster refers to."""


@dataclass(frozen=True, slots=True)
class Gap:
    """What this replica has not read, so that a gateway that may have it keeps what it holds of it."""

    known: Vector
    """known is the state that was read, without what was made up for."""
    starts: tuple[Key, ...]
    """starts are the types, and how the names begin, of what would be made of it."""

    def covers(self, type_url: str, name: str) -> bool:
        """Whether a resource would be made of what was not read, as a whole or in part."""
        return any(type_url == each and name.startswith(start) for each, start in self.starts)


Prepared = Mapping[Key, Content | None]
"""Changes that fit the schema."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Content that is served; *sequence* is the number of the change that brought it."""

    name: str
    version: str
    sequence: int
    content: Content

    @property
    def digest(self) -> str:
        """Return what tells this content from others."""
        return self.content.digest


def prepare(schema: Schema, changes: Changes) -> Prepared:
    """Return *changes* as bytes, some 0.3 ms each; raises `UnfitResources` that names each one that is not valid."""
    prepared: dict[Key, Content | None] = {}
    errors: dict[Key, SchemaError] = {}
    for type_url, bodies in changes.items():
        for name, body in bodies.items():
            try:
                prepared[type_url, name] = None if body is None else _content(schema, type_url, name, body)
            except SchemaError as error:
                errors[type_url, name] = SchemaError(type_url, name, UNSHOWN) if type_url == SDS else error
    if errors:
        raise UnfitResources(errors)
    return prepared


def _content(schema: Schema, type_url: str, name: str, body: Mapping[str, Any]) -> Content:
    if type_url not in TYPES or type_url == RTDS:
        raise SchemaError(type_url, name, "its type must be one that is served")
    if name_of(body) != name:
        raise SchemaError(type_url, name, f'its body must have the same name, and has "{name_of(body)}"')
    raw = schema.parse(type_url, body)
    endpoints = body.get("eds_cluster_config") if type_url == CDS else None
    assignment = None if endpoints is None else str(endpoints.get("service_name") or name)
    return Content(hashlib.blake2b(raw, digest_size=DIGEST_BYTES).hexdigest(), raw, assignment)


class Resources:
    """The current resources; not complete, and not to be served, before the first `put`."""

    def __init__(self, schema: Schema) -> None:
        self.vector: Vector = ()
        self.sequence = 0
        self.is_complete = False
        self.gap: Gap | None = None
        self._fingerprint = 0
        self._schema = schema
        self._served: dict[str, dict[str, Resource]] = {type_url: {} for type_url in TYPES}
        self._proven: dict[Key, Resource | None] = {}
        self._refused: dict[Key, str] = {}

    def put(self, vector: Vector, changes: Prepared, gap: Gap | None = None) -> Changed:
        """Apply *changes*, which make the state of *vector* but for *gap*, and return what became different."""
        changed: dict[str, list[str]] = {}
        self.vector, self.gap = vector, gap
        sequence = self.sequence + 1
        for (type_url, name), content in changes.items():
            before, after = self.wanted(type_url, name), content.digest if content else None
            if before != after:
                self._fingerprint ^= _mark(type_url, name, before) ^ _mark(type_url, name, after)
                self._apply(type_url, name, content, sequence)
                changed.setdefault(type_url, []).append(name)
        if changed or not self.is_complete:
            self.sequence = sequence
            self._served[RTDS][MARKER] = self._marker()
        self.is_complete = True
        return changed

    def _apply(self, type_url: str, name: str, content: Content | None, sequence: int) -> None:
        key, served = (type_url, name), self._served[type_url]
        old = served.pop(name, None)
        self._refused.pop(key, None)
        if content is None:
            self._proven.pop(key, None)
            return
        if old is not None and old.digest == content.digest:  # what it was put back to after a refusal
            served[name] = old
            return
        self._proven.setdefault(key, old)
        state = self.gap.known if self.gap and self.gap.covers(type_url, name) else self.vector
        served[name] = Resource(name, version(state, content.digest), sequence, content)

    @property
    def fingerprint(self) -> str:
        """Return what two replicas have in common exactly when the same was put last to both, in whatever steps."""
        return f"{self._fingerprint:0{2 * DIGEST_BYTES}x}"

    def get(self, type_url: str, name: str) -> Resource | None:
        """Return what is served under this name."""
        return self._served[type_url].get(name)

    def names(self, type_url: str) -> Iterable[str]:
        """Return all names that are served."""
        return self._served[type_url].keys()

    def is_gone(self, type_url: str, name: str) -> bool:
        """Whether gateways must drop it: it is neither served nor withheld."""
        return name not in self._served[type_url] and (type_url, name) not in self._refused

    def is_kept(self, type_url: str, name: str, held: str | None) -> bool:
        """Whether a gateway that holds the version *held* may know more of it than this replica has read."""
        if self.gap is None or held is None or not self.gap.covers(type_url, name):
            return False
        return is_behind(self.gap.known, vector_of(held))

    def wanted(self, type_url: str, name: str) -> str | None:
        """Return the digest that was put last, even if it was refused; None when there is to be no such resource."""
        if (type_url, name) in self._refused:
            return self._refused[type_url, name]
        served = self.get(type_url, name)
        return None if served is None else served.digest

    def prove(self, type_url: str, name: str, digest: str | None) -> None:
        """Learn that a gateway has taken over this content."""
        if (served := self.get(type_url, name)) is not None and served.digest == digest:
            self._proven.pop((type_url, name), None)

    def refuse(self, type_url: str, name: str, digest: str | None) -> bool:
        """
        Go back to the last proven content, and return True, if a gateway has refused the content that is served.

        Nothing changes when another gateway has taken it over, as while gateways of two versions run.
        """
        key, served = (type_url, name), self.get(type_url, name)
        if served is None or served.digest != digest or key not in self._proven:
            return False
        self._refused[key] = digest
        self.sequence += 1
        del self._served[type_url][name]
        if (good := self._proven.pop(key)) is not None:
            self._served[type_url][name] = replace(good, sequence=self.sequence)
        return True

    def empty_assignment(self, name: str) -> Resource:
        """Return endpoints of a cluster that has none: without an assignment it would never become warm."""
        content = _content(self._schema, EDS, name, {"cluster_name": name})
        return Resource(name, version(self.vector, content.digest), self.sequence, content)

    def _marker(self) -> Resource:
        body = {"name": MARKER, "layer": {MARKER_KEY: label(self.vector)}}
        raw = self._schema.parse(RTDS, body)
        content = Content(hashlib.blake2b(raw, digest_size=DIGEST_BYTES).hexdigest(), raw)
        return Resource(MARKER, version(self.vector, content.digest), self.sequence, content)


def _mark(type_url: str, name: str, digest: str | None) -> int:
    """Return the part of a resource in the fingerprint, which is their exclusive or; 0 where there is none."""
    if digest is None:
        return 0
    content = f"{type_url}\n{name}\n{digest}".encode()
    return int.from_bytes(hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest())
