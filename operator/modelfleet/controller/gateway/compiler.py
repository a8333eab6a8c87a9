"""
The gateway, compiled step by step: a change of one object compiles again what it touches, and nothing else.

After any history of changes the result is that of `lower` from all objects at once.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelfleet.api.served_names import Verdict, claim_of
from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.metadata import ObjectMeta
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.route_policy import RoutePolicy
from modelfleet.controller.gateway.names import NameBook
from modelfleet.controller.gateway.objects import Neighbourhood
from modelfleet.controller.gateway.shared import Shared
from modelfleet.gateway import ir
from modelfleet.gateway.lower.backends import Neighbours
from modelfleet.gateway.lower.fleets import direct_table
from modelfleet.gateway.lower.names import claim_of_policy
from modelfleet.gateway.lower.policies import LoweredPolicy, lower_policy
from modelfleet.gateway.lower.pools import pool_of
from modelfleet.gateway.lower.references import provider_keys_named_by
from modelfleet.gateway.lower.secrets import PROVIDER_KEY_TYPE, Keys, read_keys, read_provider_keys, settle
from modelfleet.gateway.lower.setting import Setting, frame_of

Json = Mapping[str, Any]
Id = tuple[str, str]
"""Namespace and name."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Difference:
    """What is different since the last compilation; None where something is gone."""

    tables: dict[str, ir.RouteTable | None] = field(default_factory=dict)
    pools: dict[str, ir.Pool | None] = field(default_factory=dict)
    providers: dict[str, ir.Provider | None] = field(default_factory=dict)
    provider_keys: dict[ir.SecretKey, str | None] = field(default_factory=dict, repr=False)
    jwt: bool = False
    """jwt says whether the issuers changed; `Compiler.jwt` has all of them."""
    keys: bool = False
    """keys says whether callers' keys changed; `Compiler.keys` has all of them."""
    policies: set[Id] = field(default_factory=set)
    """policies are those that are told something else now."""


@dataclass(slots=True)
class _Dirty:
    """What is to be compiled again."""

    pools: set[Id] = field(default_factory=set)
    fleets: set[Id] = field(default_factory=set)
    policies: set[Id] = field(default_factory=set)
    keys: bool = False


class Compiler:
    """Takes in objects one by one; `compile` brings everything up to date and returns what changed."""

    def __init__(self, setting: Setting) -> None:
        self._setting = setting
        self._places: defaultdict[str, Neighbourhood] = defaultdict(Neighbourhood)
        self._names = NameBook(setting.grants)
        self._owners: dict[str, tuple[bool, Id]] = {}
        self._dirty = _Dirty()
        self._providers: Shared[str, ir.Provider] = Shared()
        self._jwt: Shared[str, ir.JwtProvider] = Shared()
        self._sent_keys: dict[ir.SecretKey, str] = {}
        self._unread: frozenset[str] = frozenset()
        self.revision = 0
        """Grows with every change that was compiled."""
        self.keys = Keys()
        self.tables: dict[str, ir.RouteTable] = {}
        self.pools: dict[str, ir.Pool] = {}
        self.policies: dict[Id, LoweredPolicy] = {}

    @property
    def gateway(self) -> ir.Gateway:
        """Return all that was compiled."""
        return ir.Gateway(
            frame=frame_of(self._setting.gateway),
            tables=self.tables,
            pools=self.pools,
            providers=self._providers.things,
            keys=self.keys.keys,
            jwt=self.jwt,
            provider_keys=self._sent_keys,
        )

    @property
    def jwt(self) -> tuple[ir.JwtProvider, ...]:
        """Return all issuers of tokens, by name."""
        return tuple(self._jwt.things[name] for name in sorted(self._jwt.things))

    def verdict(self, fleet: ModelDeployment) -> Verdict:
        """Return which names *fleet* has, among all fleets and policies."""
        return self._names.verdict(claim_of(fleet).owner)

    def is_dirty(self, policy: Id) -> bool:
        """Return whether a RoutePolicy is still to be compiled again."""
        return self._dirty.keys or policy in self._dirty.policies

    def metadata(self, table: str) -> ObjectMeta | None:
        """Return the metadata of the object that the table called *table* is made of."""
        kind, namespace, name = table.split("/")
        place = self._places[namespace]
        found = place.fleets.get(name) if kind == "fleet" else place.policies.get(name)
        return found.metadata if found else None

    def put_fleet(self, namespace: str, name: str, fleet: ModelDeployment | None) -> None:
        """Take in a ModelDeployment, None for one that is gone."""
        place = self._places[namespace]
        place.fleets.pop(name, None)
        if fleet is not None:
            place.fleets[name] = fleet
        self._enter(f"{namespace}/{name}", (False, (namespace, name)), claim_of(fleet) if fleet else None)
        self._dirty.pools.add((namespace, name))
        self._dirty.fleets.add((namespace, name))
        self._dirty.policies |= {(namespace, policy.metadata.name) for policy in place.naming(name)}

    def put_policy(self, namespace: str, name: str, policy: RoutePolicy | None) -> None:
        """Take in a RoutePolicy, None for one that is gone."""
        named = {(namespace, fleet) for fleet in self._places[namespace].put_policy(name, policy)}
        self._dirty.pools |= named
        self._dirty.fleets |= named
        self._dirty.policies.add((namespace, name))
        owner = f"RoutePolicy {namespace}/{name}"
        self._enter(owner, (True, (namespace, name)), claim_of_policy(policy) if policy else None)

    def put_cache(self, namespace: str, name: str, cache: CachePolicy | None) -> None:
        """Take in a CachePolicy, None for one that is gone."""
        self._dirty.pools |= {(namespace, fleet) for fleet in self._places[namespace].put_cache(name, cache)}

    def put_secret(self, namespace: str, name: str, secret: Json | None) -> None:
        """Take in a Secret, None for one that is gone."""
        place = self._places[namespace]
        keys, provider = place.key_secrets.pop(name, None), place.provider_secrets.pop(name, None)
        if secret is not None and secret.get("type") == PROVIDER_KEY_TYPE:
            place.provider_secrets[name] = read_provider_keys(secret)
        elif secret is not None:
            place.key_secrets[name] = read_keys(secret)
        now = place.key_secrets.get(name)
        if keys != now:
            self._dirty.keys = True
        if _standing(keys) != _standing(now) or provider != place.provider_secrets.get(name):
            self._dirty.policies |= {(namespace, policy) for policy in place.policies}

    def set_unread(self, namespaces: Collection[str]) -> None:
        """Take in whose Secrets cannot be read now: nothing is taken to be missing there."""
        changed, self._unread = self._unread ^ frozenset(namespaces), frozenset(namespaces)
        for namespace in changed:
            self._dirty.policies |= {(namespace, policy) for policy in self._places[namespace].policies}

    def compile(self) -> Difference:
        """Bring everything up to date, and return what changed."""
        difference = Difference()
        for _ in self.steps(difference):
            pass
        return difference

    def steps(self, difference: Difference) -> Iterator[None]:
        """
        Bring everything up to date step by step, some 0.5 ms each, and add what changed to *difference*.

        What is put between two steps may be part of it; it is compiled the next time in any case. An object that only a
        defect keeps from being compiled stays as it was, and harms no other.
        """
        dirty, self._dirty = self._dirty, _Dirty()
        if dirty.keys:
            dirty.policies |= self._settle_keys(difference)
        work = ((self._compile_pool, dirty.pools), (self._compile_policy, dirty.policies))
        for step, keys in (*work, (self._compile_fleet, dirty.fleets)):
            for key in keys:
                try:
                    step(key, difference)
                except Exception:
                    log.exception("an object could not be compiled", extra={"object": key})
                self.revision += 1
                yield
        self._send_keys(difference)

    def _enter(self, owner: str, who: tuple[bool, Id], claim: Any) -> None:
        """Note a claim, and whose standing it may change."""
        if claim is None:
            affected = self._names.enter(owner, None)
            self._owners.pop(owner, None)
        else:
            self._owners[owner] = who
            affected = self._names.enter(owner, claim)
        for other in affected & self._owners.keys():
            is_policy, key = self._owners[other]
            (self._dirty.policies if is_policy else self._dirty.fleets).add(key)

    def _settle_keys(self, difference: Difference) -> set[Id]:
        """Settle whose each key is, and return the policies whose Secrets are told something else."""
        secrets = (secret for place in self._places.values() for secret in place.key_secrets.values())
        before, self.keys = self.keys, settle(secret for secret in secrets if secret.is_typed)
        difference.keys = before.keys != self.keys.keys
        told = {
            secret.partition("/")[0]
            for secret in before.problems.keys() | self.keys.problems.keys()
            if before.problems.get(secret) != self.keys.problems.get(secret)
        }
        return {(namespace, name) for namespace in told for name in self._places[namespace].policies}

    def _compile_pool(self, key: Id, difference: Difference) -> None:
        namespace, name = key
        place = self._places[namespace]
        fleet = place.fleets.get(name)
        pool = pool_of(fleet, place.targeting(name), place.naming(name), self._setting) if fleet else None
        _store(self.pools, f"{namespace}/{name}", pool, difference.pools)

    def _compile_fleet(self, key: Id, difference: Difference) -> None:
        namespace, name = key
        place = self._places[namespace]
        fleet, table = place.fleets.get(name), None
        if fleet is not None:
            table = direct_table(
                fleet,
                verdict=self.verdict(fleet),
                refined=self._names.refined(claim_of(fleet).owner),
                is_named=bool(place.naming(name)),
                setting=self._setting,
            )
        _store(self.tables, f"fleet/{namespace}/{name}", table, difference.tables)

    def _compile_policy(self, key: Id, difference: Difference) -> None:
        namespace, name = key
        policy = self._places[namespace].policies.get(name)
        lowered = self._lower(policy) if policy else None
        before = self.policies.pop(key, None)
        if lowered is not None:
            self.policies[key] = lowered
        if before != lowered:
            difference.policies.add(key)
        table = lowered.table if lowered else None
        owner = f"policy/{namespace}/{name}"
        _store(self.tables, owner, table, difference.tables)
        providers = {one.name: one for one in lowered.providers} if lowered else {}
        difference.providers |= self._providers.replace(owner, providers)
        issuers = {lowered.jwt.name: lowered.jwt} if lowered and lowered.jwt else {}
        difference.jwt |= bool(self._jwt.replace(owner, issuers))

    def _lower(self, policy: RoutePolicy) -> LoweredPolicy:
        namespace = policy.metadata.namespace
        place = self._places[namespace]
        is_unread = namespace in self._unread
        usable = frozenset(key for secret in place.provider_secrets.values() for key in secret.values)
        usable |= provider_keys_named_by(policy) if is_unread else frozenset()
        return lower_policy(
            policy,
            verdict=self._names.verdict(claim_of_policy(policy).owner),
            neighbours=Neighbours(namespace, place.fleets, usable, self._setting),
            secrets=place.key_secrets.values(),
            problems_by_secret=self.keys.problems,
            is_unread=is_unread,
        )

    def _send_keys(self, difference: Difference) -> None:
        """Compare the keys for providers that are used with those that were; several kinds of change bear on them."""
        used = [provider.key for provider in self._providers.things.values() if provider.key is not None]
        wanted = {key: text for key in used if (text := self._provider_key(key)) is not None}
        gone = dict.fromkeys(self._sent_keys.keys() - wanted.keys())
        changed = {key: text for key, text in wanted.items() if self._sent_keys.get(key) != text}
        difference.provider_keys = {**gone, **changed}
        self._sent_keys = wanted

    def _provider_key(self, key: ir.SecretKey) -> str | None:
        secret = self._places[key.namespace].provider_secrets.get(key.secret)
        return secret.values.get(key) if secret else None


def _standing(secret: Any) -> Any:
    """Return what others look at of a Secret: not its keys."""
    return secret and (secret.labels, secret.is_typed, bool(secret.problems), secret.problems)


def _store(known: dict[str, Any], name: str, now: Any, changed: dict[str, Any]) -> None:
    before = known.pop(name, None)
    if now is not None:
        known[name] = now
    if before != now:
        changed[name] = now
