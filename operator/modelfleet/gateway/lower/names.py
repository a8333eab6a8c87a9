"""Which names each fleet and each policy has, judged for all of them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from modelfleet.api.served_names import LONG_AGO, Claim, Verdict, judge
from modelfleet.api.v1alpha1.route_policy import RoutePolicy


def claim_of_policy(policy: RoutePolicy) -> Claim:
    """Return what *policy* wants to answer for."""
    return Claim(
        namespace=policy.metadata.namespace,
        name=policy.metadata.name,
        names=frozenset(policy.spec.models),
        created=policy.metadata.creation_timestamp or LONG_AGO,
        held=frozenset(policy.status.models),
        is_policy=True,
    )


def verdicts(claims: Iterable[Claim], grants: Mapping[str, str]) -> Mapping[str, Verdict]:
    """Return the verdict on every claim, by its `owner`; each is judged among those alone that share a name with it."""
    claims = list(claims)
    rivals: defaultdict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        for name in (*claim.names, *([] if claim.is_policy else [claim.fleet])):
            rivals[name].append(claim)
    return {
        claim.owner: judge(claim, (rival for name in claim.names for rival in rivals[name]), grants) for claim in claims
    }
