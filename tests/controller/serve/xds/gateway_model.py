"""A gateway as far as discovery goes: it subscribes, takes over, refuses, reconnects, and notes what would break."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from modelfleet.controller.serve.xds.client import Client
from modelfleet.controller.serve.xds.messages import Request, Response
from modelfleet.controller.serve.xds.resources import Content, Key, Prepared, Resources
from modelfleet.controller.serve.xds.versions import digest_of
from modelfleet.gateway.schema import Schema
from modelfleet.gateway.schema.type_urls import CDS, ECDS, EDS, LDS, MARKER, RDS, RTDS, SRDS

SCHEMA = Schema()
WILDCARDS = (RTDS, CDS, LDS)
Bad = Callable[[str, str], bool]
"""Whether content, by type URL and digest, is refused."""


def resources() -> Resources:
    return Resources(SCHEMA)


def content(digest: str, assignment: str | None = None) -> Content:
    return Content(digest, digest.encode(), assignment)


def fleet(name: str, digest: str = "1", *, to: str | None = None) -> dict[Key, Content | None]:
    """Return what a fleet needs, from its endpoints to its scope; its route may lead to another one."""
    return {
        (CDS, name): content(digest, name),
        (EDS, name): content(digest),
        (RDS, name): content(f"{digest}>{to or name}"),
        (SRDS, name): content(digest),
    }


def without(prepared: Prepared) -> dict[Key, Content | None]:
    return dict.fromkeys(prepared)


@dataclass
class GatewayModel:
    """
    Holds what it took over; `requests` are on their way to the server.

    Like Envoy it asks for the marker first, for endpoints when it has a cluster, for routes when it has a scope of the
    same name, and it acknowledges clusters only when they are warm.
    """

    resources: Resources
    is_bad: Bad = lambda type_url, digest: False
    has: dict[str, dict[str, str]] = field(default_factory=dict)
    contents: dict[str, dict[str, Content]] = field(default_factory=dict)
    names: dict[str, set[str]] = field(default_factory=dict)
    cold: set[str] = field(default_factory=set)
    """cold clusters wait for endpoints; what was there before a change serves on."""
    warm: set[str] = field(default_factory=set)
    requests: deque[Request] = field(default_factory=deque)
    seen: list[Response] = field(default_factory=list)
    at_fault: list[str] = field(default_factory=list)
    """at_fault are the names that the server found to be the ones that were refused."""
    delayed: Request | None = None
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.connect(self.resources)

    def connect(self, to: Resources) -> None:
        """Open a new stream, to whichever replica serves *to*."""
        self.resources, self.client = to, Client(to)
        self.requests.clear()
        self.delayed = None
        for type_url in (*WILDCARDS, SRDS, EDS, RDS, ECDS):
            names = frozenset(self.names.get(type_url, ()))
            if type_url in {EDS, RDS, ECDS} and not names:
                continue
            subscribe = frozenset({MARKER}) if type_url == RTDS else names
            self.requests.append(
                Request(type_url, node="gateway", subscribe=subscribe, has=dict(self.has.get(type_url, {})))
            )

    def watch(self, type_url: str, *names: str) -> None:
        """Ask for more names."""
        self.names.setdefault(type_url, set()).update(names)
        self.requests.append(Request(type_url, subscribe=frozenset(names)))

    def drop(self, type_url: str, name: str) -> None:
        """Ask for a name no longer."""
        if name in self.names.get(type_url, set()):
            self.names[type_url].discard(name)
            self.has.get(type_url, {}).pop(name, None)
            self.requests.append(Request(type_url, unsubscribe=frozenset({name})))

    def deliver(self) -> bool:
        """Let the server read one request; False when there is none."""
        if not self.requests:
            return False
        request = self.requests.popleft()
        answered = self.client.receive(request)
        for name, version in (*request.has.items(), *answered.taken.items()):
            self.resources.prove(request.type_url, name, digest_of(version))
        if answered.refused:
            self.at_fault.append(answered.refused[0])
        if answered.refused and self.resources.refuse(request.type_url, *answered.refused):
            self.client.changed({request.type_url: [answered.refused[0]]})
        if answered.refused and request.type_url == ECDS:
            self.client.put_back(request.type_url, answered.refused[0])
        return True

    def accept(self) -> bool:
        """Take one response from the server, and answer it; False when there is none."""
        response = self.client.next()
        if response is None:
            return False
        self.seen.append(response)
        bad = [r.name for r in response.resources if self.is_bad(response.type_url, r.digest)]
        for resource in response.resources:
            if resource.name not in bad:
                self._take(response.type_url, resource.name, resource.version, resource.content)
        for name in response.removed:
            self.has.get(response.type_url, {}).pop(name, None)
            self._removed(response.type_url, name)
        answer = Request(response.type_url, nonce=response.nonce, error="at fault" if bad else None)
        if response.type_url == CDS and self.cold:
            self.delayed = answer
        else:
            self.requests.append(answer)
        return True

    def put(self, vector: tuple[int, ...], prepared: Prepared) -> None:
        """Change what the server has."""
        self.client.changed(self.resources.put(vector, prepared))

    def settle(self, limit: int = 10_000) -> None:
        """Exchange messages until there are none; raises `AssertionError` when that never happens."""
        for _ in range(limit):
            if not self.deliver() and not self.accept():
                return
        raise AssertionError("messages must come to an end")

    def digests(self, type_url: str) -> Mapping[str, str | None]:
        """Return what it holds of one type."""
        return {name: digest_of(version) for name, version in self.has.get(type_url, {}).items()}

    def broken(self) -> list[str]:
        """Return scopes that lead nowhere: their routes, cluster or endpoints are not there, or not warm."""
        routes = self.contents.get(RDS, {})
        targets = {name: routes[name].digest.partition(">")[2] for name in self.has.get(SRDS, {}) if name in routes}
        return [name for name, target in targets.items() if target not in self.warm & self.has.get(EDS, {}).keys()]

    def _take(self, type_url: str, name: str, version: str, content: Content) -> None:
        self.has.setdefault(type_url, {})[name] = version
        is_news = self.contents.get(type_url, {}).get(name) != content
        self.contents.setdefault(type_url, {})[name] = content
        if type_url == CDS and is_news and content.assignment:
            self.cold.add(name)
            if content.assignment not in self.names.get(EDS, set()):
                self.watch(EDS, content.assignment)
        if type_url == EDS:
            self._warm(name)
        if type_url == SRDS and name not in self.names.get(RDS, set()):
            self.watch(RDS, name)

    def _warm(self, assignment: str) -> None:
        clusters = self.contents.get(CDS, {})
        done = {name for name in self.cold if clusters[name].assignment == assignment}
        self.cold -= done
        self.warm |= done
        if not self.cold and self.delayed:
            self.requests.append(self.delayed)
            self.delayed = None

    def _removed(self, type_url: str, name: str) -> None:
        content = self.contents.get(type_url, {}).pop(name, None)
        if type_url == CDS and content and content.assignment:
            self.cold.discard(name)
            self.warm.discard(name)
            if all(other.assignment != content.assignment for other in self.contents[CDS].values()):
                self.drop(EDS, content.assignment)
        if type_url == SRDS:
            self.drop(RDS, name)
            self.contents.get(RDS, {}).pop(name, None)
