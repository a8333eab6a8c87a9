"""All that a gateway serves: tables by model name, what they lead to, and what the platform team decides."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from modelfleet.gateway.ir.backends import Pool, Provider, SecretKey
from modelfleet.gateway.ir.callers import Access, ApiKey, JwtProvider
from modelfleet.gateway.ir.rules import Rule


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
