"""The objects that decide what the gateway does, by namespace."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.route_policy import RoutePolicy

Kind = TypeVar("Kind", ModelDeployment, RoutePolicy, CachePolicy)


@dataclass(frozen=True, slots=True)
class Objects:
    """Every readable object; Secrets as the API server has them."""

    fleets: tuple[ModelDeployment, ...] = ()
    policies: tuple[RoutePolicy, ...] = ()
    caches: tuple[CachePolicy, ...] = ()
    secrets: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)


def by_namespace(objects: Iterable[Kind]) -> Mapping[str, list[Kind]]:
    """Return *objects* by their namespace; a namespace without any has none."""
    found: defaultdict[str, list[Kind]] = defaultdict(list)
    for one in objects:
        found[one.metadata.namespace].append(one)
    return found
