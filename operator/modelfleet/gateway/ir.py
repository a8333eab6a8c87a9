"""
What the gateway does, in no vendor's words: the one form between our kinds and Envoy's resources.

`lower` makes it from the kinds, `render` makes Envoy's resources from it, and `answer` predicts from it what a request
meets. Everything is frozen and comparable, so that what did not change is not rendered again.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Priority(StrEnum):
    """How a caller's requests rank when a fleet is nearly full."""

    LOW = "Low"
    NORMAL = "Normal"
    HIGH = "High"


class AffinityKey(StrEnum):
    """What makes two requests belong to the same replica."""

    PREFIX = "Prefix"
    SESSION = "Session"
    USER = "User"


@dataclass(frozen=True, slots=True)
class Affinity:
    """Requests with one key go to one replica, until that has *load_bound_percent* of the mean load."""

    key: AffinityKey
    prefix_bytes: int = 512
    session_header: str = "x-session-id"
    load_bound_percent: int = 150


@dataclass(frozen=True, slots=True)
class Sleep:
    """A fleet that may have no replicas, and what a request then meets."""

    hold_seconds: int
    falls_back: bool = False
    """falls_back sends requests on to the fallback while the fleet wakes; else they are held."""


@dataclass(frozen=True, slots=True)
class OutlierDetection:
    """When a replica that errs is left out, and for how long at first."""

    consecutive_errors: int = 5
    ejection_seconds: int = 10
    max_ejection_percent: int = 100


RETRY_BUDGET_PERCENT = 20
"""The default of a policy's `retries.budgetPercent`."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The ready replicas of one fleet. None of these numbers depends on how many there are."""

    fleet: str
    """fleet is `<namespace>/<name>`."""
    connections_per_pod: int
    """connections_per_pod is one gateway replica's share of what a pod takes before it is saturated; at least 1."""
    low_priority_connections_per_pod: int
    """Requests of low priority get a connection only while the pod has fewer than this; at least 1."""
    queue_limit: int
    """queue_limit is how many requests one gateway replica queues for the whole fleet before it is saturated."""
    affinity: Affinity | None = None
    sleep: Sleep | None = None
    outliers: OutlierDetection = OutlierDetection()
    connect_milliseconds: int = 1000
    retry_budget_percent: int = RETRY_BUDGET_PERCENT
    """retry_budget_percent is how many of the requests that are open to the fleet may be further tries."""


@dataclass(frozen=True, slots=True, order=True)
class SecretKey:
    """One entry of a Secret."""

    namespace: str
    secret: str
    key: str


@dataclass(frozen=True, slots=True)
class Provider:
    """An OpenAI-compatible service outside the cluster, always behind TLS."""

    name: str
    """name is `external/<namespace>/<hash>`, the same for the same content."""
    host: str
    port: int
    base_path: str
    """base_path stands where our own paths have `/v1`: `/v1`, `/openai/v1`, or empty."""
    model: str | None = None
    """model replaces the requested name; None sends the requested one."""
    key: SecretKey | None = None
    key_header: str = "authorization"
    """In `authorization` the key follows `Bearer `; any other header has it bare."""


class BackendKind(StrEnum):
    """Where a backend is."""

    FLEET = "Fleet"
    EXTERNAL = "External"


@dataclass(frozen=True, slots=True, order=True)
class Backend:
    """A `Pool` or a `Provider`, by name."""

    kind: BackendKind
    name: str


@dataclass(frozen=True, slots=True)
class Split:
    """Where one try goes: to one of several backends, by weight (all weights > 0)."""

    backends: tuple[tuple[Backend, int], ...]
    sticky_header: str | None = None
    """Requests with one value of this header get the same backend always; without it the user decides, else chance."""


@dataclass(frozen=True, slots=True)
class StaticAnswer:
    """What a client gets when every try failed."""

    status: int
    message: str
    retry_after_seconds: int | None = None


class HeaderTest(StrEnum):
    """How a header's value is compared."""

    EXACT = "exact"
    PREFIX = "prefix"
    REGEX = "regex"
    PRESENT = "present"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class HeaderMatch:
    """A condition on a request's header; the regular expression (RE2) must match the whole value."""

    name: str
    test: HeaderTest
    value: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """All of these must hold; empty means everything."""

    headers: tuple[HeaderMatch, ...] = ()
    body_bytes_at_most: int | None = None
    teams: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class Retries:
    """How fast a request is tried again: jittered exponential back-off."""

    base_milliseconds: int = 25
    max_milliseconds: int = 250


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a request may take. Streams have no overall limit unless *request_seconds* is set."""

    idle_seconds: int = 300
    per_try_idle_seconds: int = 120
    """per_try_idle_seconds without a byte from a backend end that try; it bounds the time to the first byte too."""
    request_seconds: int | None = None


class Shed(StrEnum):
    """What becomes of a request of low priority when the fleet is busier than low priority may make it."""

    FALLBACK = "Fallback"
    REJECT = "Reject"


@dataclass(frozen=True, slots=True)
class Rule:
    """Requests of one kind, and where they go. Rules are ordered; the first that matches decides."""

    name: str
    tries: tuple[Split, ...]
    """tries[n] is where try n goes; a backend that is down, full, resets, or answers 5xx or 429 leads to the next."""
    match: Match = Match()
    final: StaticAnswer | None = None
    retries: Retries = Retries()
    timeouts: Timeouts = Timeouts()
    shed: Shed | None = None
    """shed is None where low priority is treated like any other."""


Labels = tuple[tuple[str, str], ...]
"""Labels of an object, sorted."""


@dataclass(frozen=True, slots=True)
class KeySelector:
    """Keys of one namespace: of the Secrets that have all of *labels*. It names no Secret, so none changes it."""

    namespace: str
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class JwtProvider:
    """An issuer of tokens, and how a table reads them; policies that say the same share one."""

    name: str
    """name is a hash of the rest."""
    issuer: str
    jwks_uri: str
    audiences: tuple[str, ...]
    """audiences are what a token must be for, one of them."""
    user_claim: str = "sub"
    team_claim: str | None = None
    priority_claim: str | None = None

    @property
    def scope(self) -> str:
        """Return the scope of callers whose tokens count; it is that of no Secret, `<namespace>/<secret>`."""
        return f"jwt/issuer/{self.name}"

    @property
    def unread_scope(self) -> str:
        """Return the scope of a token until a table has read it: all have it in common who trust the same keys."""
        trusted = f"{self.issuer}\n{self.jwks_uri}"
        return f"jwt/token/{hashlib.blake2b(trusted.encode(), digest_size=8).hexdigest()}"


@dataclass(frozen=True, slots=True)
class Access:
    """Who may use the names of a table; others get 401 without credentials, and 403 with them."""

    required: bool
    """required is false where callers without credentials are let in."""
    keys: KeySelector | None = None
    """keys are those that count; None where none does."""
    tokens: JwtProvider | None = None
    """tokens are those that count; None where none does."""
    users: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    """Of who has such a key or token, those named by users or teams may come in; all when both are empty."""


class Per(StrEnum):
    """What has a budget of its own."""

    USER = "User"
    TEAM = "Team"
    MODEL = "Model"


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget per minute; the gateway's replicas share it."""

    per: Per
    requests_per_minute: int | None = None
    reserved_tokens_per_minute: int | None = None
    default_max_tokens: int = 512
    """default_max_tokens is reserved for a request that names no maximum."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """Headers of clients whose values go into logs and traces."""

    feature_header: str | None = None
    prompt_version_header: str | None = None


@dataclass(frozen=True, slots=True)
class RouteTable:
    """Everything about one or more names that are routed alike: a RoutePolicy's, or a fleet's own."""

    name: str
    """name is `policy/<namespace>/<name>` or `fleet/<namespace>/<name>`."""
    models: tuple[str, ...]
    access: Access
    rules: tuple[Rule, ...]
    """A request that matches no rule gets 404; a table of a fleet has one rule that matches everything."""
    limits: tuple[Limit, ...] = ()
    attribution: Attribution = Attribution()


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key and who shows it. The key is in no repr."""

    key: str = field(repr=False)
    scope: str
    """scope is the Secret, `<namespace>/<secret>`."""
    user: str
    team: str = ""
    priority: Priority = Priority.NORMAL
    labels: Labels = ()
    """labels are those of its Secret, which selectors look at."""


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """What tokens of a model cost."""

    model: str
    prompt_cents_per_million: int
    completion_cents_per_million: int


@dataclass(frozen=True, slots=True)
class Frame:
    """What the platform team decides for the whole gateway; the only thing that listeners depend on."""

    max_body_bytes: int = 32 * 1024 * 1024
    credentials_required: bool = False
    """credentials_required says that no table lets anybody in without credentials."""
    client_tls: bool = False
    access_log_sample_percent: int = 100
    tracing_endpoint: str | None = None
    tracing_sample_percent: int = 100
    token_prices: tuple[TokenPrice, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """Where a pod listens."""

    ip: str
    port: int
    node: str = ""


@dataclass(frozen=True, slots=True)
class Gateway:
    """All that is served, each part by its name."""

    frame: Frame = Frame()
    tables: Mapping[str, RouteTable] = field(default_factory=dict)
    pools: Mapping[str, Pool] = field(default_factory=dict)
    providers: Mapping[str, Provider] = field(default_factory=dict)
    keys: tuple[ApiKey, ...] = ()
    jwt: tuple[JwtProvider, ...] = ()
    provider_keys: Mapping[SecretKey, str] = field(default_factory=dict, repr=False)
