"""Who wants which names, so that a change of one fleet or policy finds its rivals without looking at all."""

from collections import defaultdict
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from modelfleet.api.kinds import MODEL_DEPLOYMENT
from modelfleet.controller.cluster.resources import Json


class Claimant(NamedTuple):
    """An object that claims names: a ModelDeployment, or a RoutePolicy."""

    namespace: str
    name: str
    kind: str = MODEL_DEPLOYMENT.name


def claimant(obj: Json) -> Claimant:
    """Return whose claims *obj* makes."""
    return Claimant(obj["metadata"]["namespace"], obj["metadata"]["name"], obj["kind"])


class ClaimIndex:
    """The names that everybody claims, both ways."""

    def __init__(self) -> None:
        self._names: dict[Claimant, frozenset[str]] = {}
        self._claimants: defaultdict[str, set[Claimant]] = defaultdict(set)

    def knows(self, who: Claimant) -> bool:
        """Return whether *who* was learned and not forgotten."""
        return who in self._names

    def rivals(self, who: Claimant) -> AbstractSet[Claimant]:
        """Return the others that claim one of the names of *who*."""
        return self._claimants_of(self._names.get(who, frozenset())) - {who}

    def learn(self, obj: Json) -> AbstractSet[Claimant]:
        """Take in a ModelDeployment or RoutePolicy, and return the others whose standing may change with it."""
        return self._replace(claimant(obj), claimed_names(obj))

    def forget(self, who: Claimant) -> AbstractSet[Claimant]:
        """Drop an object that is gone, and return those whose standing may change with it."""
        affected = self._replace(who, frozenset())
        self._names.pop(who, None)
        return affected

    def _replace(self, who: Claimant, names: frozenset[str]) -> AbstractSet[Claimant]:
        before = self._names.get(who, frozenset())
        self._names[who] = names
        if before == names:
            return frozenset()
        affected = self._claimants_of(before ^ names)
        for name in before - names:
            self._claimants[name].discard(who)
            if not self._claimants[name]:
                del self._claimants[name]
        for name in names - before:
            self._claimants[name].add(who)
        return affected - {who}

    def _claimants_of(self, names: frozenset[str]) -> AbstractSet[Claimant]:
        return {who for name in names for who in self._claimants.get(name, ())}


def claimed_names(obj: Json) -> frozenset[str]:
    """
    Return the names an object claims.

    Of a ModelDeployment `<namespace>/<name>`, its served names or its own, its adapters; of a RoutePolicy its models.
    """
    if obj["kind"] != MODEL_DEPLOYMENT.name:
        return frozenset(obj["spec"].get("models") or ())
    meta, model = obj["metadata"], obj["spec"].get("model") or {}
    adapters = (adapter["name"] for adapter in model.get("adapters") or ())
    return frozenset([f"{meta['namespace']}/{meta['name']}", *(model.get("servedNames") or [meta["name"]]), *adapters])
