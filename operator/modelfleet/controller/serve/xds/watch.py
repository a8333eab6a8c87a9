"""
What one gateway knows about one type of resource, and what it is to be sent.

Each thing that is to be sent remembers the change it has been waiting since, by its number. So dependants wait for what
was put no later than they were, and not for what goes on changing, and something is always delivered.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from modelfleet.controller.serve.xds.messages import Request, Response
from modelfleet.controller.serve.xds.resources import Resource, Resources
from modelfleet.controller.serve.xds.versions import digest_of
from modelfleet.gateway.schema.type_urls import ECDS, EDS

ANY_NAME = "*"
FOREVER = float("inf")
Since = dict[str, float]
"""Names, and the number of the first change that is not delivered."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A response that is not answered yet."""

    nonce: str
    versions: Mapping[str, str | None]
    """versions are None for removals."""
    since: Since


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer told: versions that were taken over (None for removals), and the one that was refused."""

    taken: Mapping[str, str | None] = field(default_factory=dict)
    refused: tuple[str, str | None] | None = None
    """refused is a name and its digest."""


class Watch:
    """The watch of one type; *resources* is what it reads, and never changes."""

    def __init__(self, type_url: str, resources: Resources) -> None:
        self.type_url = type_url
        self.has: dict[str, str] = {}
        """has is the version of each resource that the gateway holds."""
        self.names: set[str] = set()
        self.refused: dict[str, str | None] = {}
        """refused is the digest that the gateway did not take, by name."""
        self._is_wildcard = False
        self._is_new = True
        self._resources = resources
        self._upserts: Since = {}
        self._removals: Since = {}
        self._again: set[str] = set()
        self._absent: set[str] = set()
        """Names the gateway was told not to wait for."""
        self._halves: list[Since] = []
        self._last: dict[str, Resource] = {}
        """The endpoints that were sent last; only while the type is that of endpoints."""
        self._sent: Sent | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether a response is in flight."""
        return self._sent is not None

    def is_sending(self, resource: Resource) -> bool:
        """Whether this very version is in flight."""
        return self._sent is not None and self._sent.versions.get(resource.name) == resource.version

    def wants(self, name: str) -> bool:
        """Whether the gateway has asked for this name."""
        return self._is_wildcard or name in self.names

    def subscribe(self, request: Request) -> None:
        """Take in what *request* asks for, and what it brings along."""
        is_new, self._is_new = self._is_new, False
        self.has |= request.has
        if (is_new and not request.subscribe) or ANY_NAME in request.subscribe:
            self._is_wildcard = True
        if ANY_NAME in request.unsubscribe:
            self._is_wildcard = False
        named = request.subscribe - {ANY_NAME}
        self._again |= named & (self.has.keys() - request.has.keys())  # asked for again: sent again, changed or not
        self._absent -= named
        self.names |= named
        self.names -= request.unsubscribe
        for name in request.unsubscribe:
            self._forget(name)
        whole = {*self._resources.names(self.type_url), *self.has} if is_new or ANY_NAME in request.subscribe else set()
        self.mark(sorted(whole | named))

    def _forget(self, name: str) -> None:
        known: tuple[dict[str, Any], ...] = (self.has, self.refused, self._upserts, self._removals, self._last)
        for each in known:
            each.pop(name, None)
        self._again.discard(name)
        self._absent.discard(name)

    def mark(self, names: Iterable[str]) -> None:
        """Look at *names* again: something about them may have to be sent."""
        for name in names:
            if self.wants(name):
                self._mark(name)

    def mark_all(self) -> None:
        """Look at everything again that is served or held."""
        self.mark({*self._resources.names(self.type_url), *self.has})

    def send_again(self, names: Iterable[str]) -> None:
        """Send *names* once more, if the gateway has asked for them, even if it holds them."""
        again = [name for name in names if self.wants(name)]
        self._again.update(again)
        self.mark(again)

    def _mark(self, name: str) -> None:
        served = self._served(name)
        is_gone = self._resources.is_gone(self.type_url, name) and not self._is_kept(name)
        if served is not None or not is_gone or not self._is_known(name):
            self._removals.pop(name, None)
        else:
            self._removals.setdefault(name, self._resources.sequence)
        if served is not None and self._is_due(name, served):
            self._upserts.setdefault(name, served.sequence)
        else:
            self._upserts.pop(name, None)

    def _served(self, name: str) -> Resource | None:
        served = self._resources.get(self.type_url, name)
        if served is None and self.type_url == EDS and name in self.names:
            return self._assignment(name)
        return served

    def _assignment(self, name: str) -> Resource | None:
        """Return endpoints where none are put: those that were sent last, for a cluster that still leaves, or none."""
        if name in self.has and name not in self._again:
            return None
        return self._last.get(name) or self._resources.empty_assignment(name)

    def _is_known(self, name: str) -> bool:
        """Whether the gateway waits for this name or has it; endpoints go with their cluster, never by themselves."""
        if self.type_url == EDS:
            return False
        in_flight = self._sent is not None and self._sent.versions.get(name) is not None
        return name in self.has or in_flight or (name in self.names and name not in self._absent)

    def _is_due(self, name: str, served: Resource) -> bool:
        if served.digest == self.refused.get(name) or self._is_kept(name):
            return False
        return name in self._again or served.digest != digest_of(self.has.get(name))

    def _is_kept(self, name: str) -> bool:
        return self._resources.is_kept(self.type_url, name, self.has.get(name))

    def undelivered(self) -> float:
        """Return the first change of which an addition or a change is not taken over."""
        in_flight = [since for name, since in self._in_flight().items() if self._sent_version(name) is not None]
        halves = chain.from_iterable(half.values() for half in self._halves)
        return min(chain(self._upserts.values(), in_flight, halves), default=FOREVER)

    def unremoved(self) -> float:
        """Return the first change of which a removal is not taken over."""
        in_flight = [since for name, since in self._in_flight().items() if self._sent_version(name) is None]
        return min(chain(self._removals.values(), in_flight), default=FOREVER)

    def _in_flight(self) -> Since:
        return self._sent.since if self._sent else {}

    def _sent_version(self, name: str) -> str | None:
        return self._sent.versions[name] if self._sent else None

    def upserts(self, before: float = FOREVER) -> list[Resource]:
        """Return what to send now: of changes before number *before*, and halves of what was refused first."""
        if self.is_waiting:
            return []
        while self._halves:
            if found := self._due(self._halves[-1], before):
                return found
            self._halves.pop()
        found = self._due(self._upserts, before)
        return found[:1] if self.type_url == ECDS else found

    def _due(self, names: Iterable[str], before: float) -> list[Resource]:
        found = [(name, self._served(name)) for name in names]
        return [r for name, r in found if r is not None and r.sequence < before and self._is_due(name, r)]

    def removals(self, before: float) -> list[str]:
        """Return what to remove now, of changes before number *before*."""
        return [] if self.is_waiting else [name for name, since in self._removals.items() if since < before]

    def send(self, response: Response) -> None:
        """Note that *response* is in flight."""
        names = [resource.name for resource in response.resources]
        half = self._halves.pop() if self._halves and names else {}
        since = {name: self._upserts.pop(name, half.get(name, FOREVER)) for name in names}
        since |= {name: min(half[name], since[name]) for name in names if name in half}
        since |= {name: self._removals.pop(name) for name in response.removed}
        versions: dict[str, str | None] = {resource.name: resource.version for resource in response.resources}
        self._again.difference_update(names)
        if self.type_url == EDS:
            self._last |= {resource.name: resource for resource in response.resources}
        self._sent = Sent(response.nonce, versions | dict.fromkeys(response.removed), since)

    def answer(self, nonce: str, *, is_refusal: bool) -> Answered:
        """Take in the answer to the response with *nonce*; an answer to an older one tells nothing."""
        if self._sent is None or self._sent.nonce != nonce:
            return Answered()
        sent, self._sent = self._sent, None
        is_removal = None in sent.versions.values()  # there is nothing to be done about one that is refused
        answered = self._refused(sent) if is_refusal and not is_removal else self._taken(sent)
        self.mark(sent.versions)
        return answered

    def _taken(self, sent: Sent) -> Answered:
        for name, version in sent.versions.items():
            self.refused.pop(name, None)
            if version is None:
                self.has.pop(name, None)
                self._absent.add(name)
            elif self.wants(name):
                self.has[name] = version
                self._absent.discard(name)
        return Answered(taken=sent.versions)

    def _refused(self, sent: Sent) -> Answered:
        """
        Halve what was refused, until the one that is at fault is alone.

        Of a response that is refused some resources are taken over and some not, and Envoy's message names the culprit
        for clusters and listeners only (measured with Envoy 1.40).
        """
        names = list(sent.versions)
        if len(names) > 1:
            middle = len(names) // 2
            self._halves += [{name: sent.since[name] for name in half} for half in (names[middle:], names[:middle])]
            return Answered()
        digest = digest_of(sent.versions[names[0]])
        self.refused[names[0]] = digest
        return Answered(refused=(names[0], digest))
