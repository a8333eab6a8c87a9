"""Which fleets want which served names, so that a change of one finds its rivals without looking at all."""

from collections import defaultdict
from collections.abc import Set as AbstractSet

from modelfleet.controller.cluster.resources import Json

FleetId = tuple[str, str]
"""Namespace and name."""


class ClaimIndex:
    """The names every fleet claims, both ways."""

    def __init__(self) -> None:
        self._names: dict[FleetId, frozenset[str]] = {}
        self._claimants: defaultdict[str, set[FleetId]] = defaultdict(set)

    def knows(self, fleet: FleetId) -> bool:
        """Return whether *fleet* was learned and not forgotten."""
        return fleet in self._names

    def rivals(self, fleet: FleetId) -> AbstractSet[FleetId]:
        """Return the other fleets that claim one of the names of *fleet*."""
        return self._claimants_of(self._names.get(fleet, frozenset())) - {fleet}

    def learn(self, obj: Json) -> AbstractSet[FleetId]:
        """Take in a ModelDeployment, and return the other fleets whose standing may change with it."""
        fleet = obj["metadata"]["namespace"], obj["metadata"]["name"]
        return self._replace(fleet, claimed_names(obj))

    def forget(self, fleet: FleetId) -> AbstractSet[FleetId]:
        """Drop a fleet that is gone, and return those whose standing may change with it."""
        affected = self._replace(fleet, frozenset())
        self._names.pop(fleet, None)
        return affected

    def _replace(self, fleet: FleetId, names: frozenset[str]) -> AbstractSet[FleetId]:
        before = self._names.get(fleet, frozenset())
        self._names[fleet] = names
        if before == names:
            return frozenset()
        affected = self._claimants_of(before ^ names)
        for name in before - names:
            self._claimants[name].discard(fleet)
            if not self._claimants[name]:
                del self._claimants[name]
        for name in names - before:
            self._claimants[name].add(fleet)
        return affected - {fleet}

    def _claimants_of(self, names: frozenset[str]) -> AbstractSet[FleetId]:
        return {fleet for name in names for fleet in self._claimants.get(name, ())}


def claimed_names(obj: Json) -> frozenset[str]:
    """Return the names a ModelDeployment claims: `<namespace>/<name>`, its own or its served names, its adapters'."""
    meta, model = obj["metadata"], obj["spec"].get("model") or {}
    adapters = (adapter["name"] for adapter in model.get("adapters") or ())
    return frozenset([f"{meta['namespace']}/{meta['name']}", *(model.get("servedNames") or [meta["name"]]), *adapters])
