"""The objects that the gateway is made of, and who names whom, kept so that a change finds what it touches."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.route_policy import RoutePolicy
from modelfleet.gateway.lower.references import fleets_named_by, fleets_targeted_by
from modelfleet.gateway.lower.secrets import KeySecret, ProviderSecret

Name = str
Kind = TypeVar("Kind")
Mentions = defaultdict[Name, set[Name]]
"""For each fleet, the policies that name it."""


@dataclass(slots=True)
class Neighbourhood:
    """Everything of one namespace, by name."""

    fleets: dict[Name, ModelDeployment] = field(default_factory=dict)
    policies: dict[Name, RoutePolicy] = field(default_factory=dict)
    caches: dict[Name, CachePolicy] = field(default_factory=dict)
    key_secrets: dict[Name, KeySecret] = field(default_factory=dict)
    provider_secrets: dict[Name, ProviderSecret] = field(default_factory=dict, repr=False)
    _named_by: Mentions = field(default_factory=lambda: defaultdict(set))
    _targeted_by: Mentions = field(default_factory=lambda: defaultdict(set))

    def put_policy(self, name: Name, policy: RoutePolicy | None) -> set[Name]:
        """Take in a RoutePolicy, None for one that is gone, and return the fleets it names or named."""
        before = self.policies.pop(name, None)
        if policy is not None:
            self.policies[name] = policy
        named = fleets_named_by(before) if before else frozenset()
        names = fleets_named_by(policy) if policy else frozenset()
        return _mention(self._named_by, name, named, names)

    def put_cache(self, name: Name, cache: CachePolicy | None) -> set[Name]:
        """Take in a CachePolicy, None for one that is gone, and return the fleets it is or was for."""
        before = self.caches.pop(name, None)
        if cache is not None:
            self.caches[name] = cache
        targeted = fleets_targeted_by(before) if before else frozenset()
        targets = fleets_targeted_by(cache) if cache else frozenset()
        return _mention(self._targeted_by, name, targeted, targets)

    def naming(self, fleet: Name) -> list[RoutePolicy]:
        """Return the policies that name *fleet*, by name."""
        return _chosen(self.policies, self._named_by.get(fleet, ()))

    def targeting(self, fleet: Name) -> list[CachePolicy]:
        """Return the CachePolicies for *fleet*, by name."""
        return _chosen(self.caches, self._targeted_by.get(fleet, ()))


def _mention(mentions: Mentions, name: Name, before: frozenset[Name], after: frozenset[Name]) -> set[Name]:
    for fleet in before - after:
        mentions[fleet].discard(name)
        if not mentions[fleet]:
            del mentions[fleet]
    for fleet in after - before:
        mentions[fleet].add(name)
    return {*before, *after}


def _chosen(kinds: Mapping[Name, Kind], names: Iterable[Name]) -> list[Kind]:
    return [kinds[name] for name in sorted(names)]
