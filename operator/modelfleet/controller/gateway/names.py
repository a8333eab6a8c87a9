"""Who claims which name, kept so that a change finds those whose standing it may change."""

from collections import defaultdict
from collections.abc import Iterator, Mapping

from modelfleet.api.served_names import Claim, Verdict, judge


class NameBook:
    """The claims of all fleets and policies. An owner is what `Claim.owner` says."""

    def __init__(self, grants: Mapping[str, str]) -> None:
        self._grants = grants
        self._claims: dict[str, Claim] = {}
        self._claimants: defaultdict[str, dict[str, None]] = defaultdict(dict)

    def enter(self, owner: str, claim: Claim | None) -> set[str]:
        """Note what *owner* claims, None for nothing any more, and return the owners that this may affect."""
        before = self._claims.pop(owner, None)
        if claim is not None:
            self._claims[owner] = claim
        if before == claim:
            return set()
        names = {*_names(before), *_names(claim)}
        affected = {other for name in names for other in self._claimants.get(name, ())}
        self._index(owner, before, claim)
        return affected | {owner}

    def _index(self, owner: str, before: Claim | None, after: Claim | None) -> None:
        for name in _names(before):
            self._claimants[name].pop(owner, None)
            if not self._claimants[name]:
                del self._claimants[name]
        for name in _names(after):
            self._claimants[name][owner] = None

    def verdict(self, owner: str) -> Verdict:
        """Return which names *owner* has; none for one that claims nothing."""
        claim = self._claims.get(owner)
        return judge(claim, self._rivals(claim), self._grants) if claim else Verdict(frozenset())

    def refined(self, owner: str) -> frozenset[str]:
        """Return the names of a fleet that a policy of its namespace answers for."""
        claim = self._claims.get(owner)
        if claim is None:
            return frozenset()
        policies = {rival.owner for rival in self._rivals(claim) if _may_refine(rival, claim)}
        return frozenset(name for policy in policies for name in self.verdict(policy).accepted & claim.names)

    def _rivals(self, claim: Claim) -> Iterator[Claim]:
        seen = {owner: None for name in _names(claim) for owner in self._claimants.get(name, ())}
        return (self._claims[owner] for owner in seen)


def _names(claim: Claim | None) -> frozenset[str]:
    """Return the names that *claim* is about; a fleet's own full name is its without asking."""
    if claim is None:
        return frozenset()
    return claim.names if claim.is_policy else claim.names | {claim.fleet}


def _may_refine(policy: Claim, fleet: Claim) -> bool:
    return policy.is_policy and not fleet.is_policy and policy.namespace == fleet.namespace
