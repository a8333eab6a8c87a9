"""A RoutePolicy → its routing table, the providers it sends to, and what it is told."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from modelfleet.api.conditions import ConditionType, Finding, Reason
from modelfleet.api.served_names import Verdict
from modelfleet.api.v1alpha1.route_policy import RoutePolicy, RouteRule
from modelfleet.api.v1alpha1.route_policy.limits import Limit
from modelfleet.api.v1alpha1.route_policy.status import RuleStatus
from modelfleet.gateway import ir
from modelfleet.gateway.lower.access import policy_access
from modelfleet.gateway.lower.backends import Neighbours
from modelfleet.gateway.lower.problem import Problem, finding, unresolved
from modelfleet.gateway.lower.references import provider_keys_named_by
from modelfleet.gateway.lower.rules import LoweredRule, Place, lower_rule
from modelfleet.gateway.lower.secrets import KeySecret


@dataclass(frozen=True, slots=True)
class LoweredPolicy:
    """What one policy makes of the gateway."""

    names: Verdict
    table: ir.RouteTable | None
    """table is None where all names of the policy belong to others."""
    providers: tuple[ir.Provider, ...]
    findings: tuple[Finding, ...]
    """findings are `Accepted` and `ResolvedRefs`."""
    problems: tuple[Problem, ...]
    """problems are what made `findings` False, each by itself."""
    rules: tuple[RuleStatus, ...]
    """rules are what the status says about backends as resolved."""

    @property
    def jwt(self) -> ir.JwtProvider | None:
        """Return the issuer whose tokens its table takes."""
        return self.table.access.tokens if self.table else None


def policy_id(policy: RoutePolicy) -> str:
    """Return `<namespace>/<name>`."""
    return f"{policy.metadata.namespace}/{policy.metadata.name}"


def table_name(policy: RoutePolicy) -> str:
    """Return the name of the table of *policy*."""
    return f"policy/{policy_id(policy)}"


def lower_policy(
    policy: RoutePolicy,
    *,
    verdict: Verdict,
    neighbours: Neighbours,
    secrets: Collection[KeySecret],
    problems_by_secret: Mapping[str, tuple[Problem, ...]],
    is_unread: bool = False,
) -> LoweredPolicy:
    """
    Return what *policy* makes of the gateway.

    *verdict* says which of its names are its own: it loses only the others. *secrets* are those with keys in its
    namespace, *problems_by_secret* what is wrong with them after all Secrets were settled. With *is_unread* there may
    be others that cannot be read now.
    """
    names = tuple(sorted(verdict.accepted))
    access = policy_access(policy, None if is_unread else secrets, neighbours.setting, problems_by_secret)
    rules = [
        lower_rule(rule, Place(f"rules[{index}]", names, neighbours), _shed(policy, rule))
        for index, rule in enumerate(policy.spec.rules)
    ]
    table = ir.RouteTable(
        name=table_name(policy),
        models=names,
        access=access.access,
        rules=tuple(lowered.rule for lowered in rules),
        limits=tuple(map(_limit, policy.spec.limits)),
        attribution=_attribution(policy),
    )
    unread = [*_unread_secrets(policy)] if is_unread else []
    problems = [
        *_lost_names(verdict),
        *unread,
        *access.problems,
        *(problem for one in rules for problem in one.problems),
    ]
    return LoweredPolicy(
        names=verdict,
        table=table if names else None,
        providers=tuple({one.name: one for lowered in rules for one in lowered.providers}.values()),
        findings=_findings(problems),
        problems=tuple(problems),
        rules=tuple(map(_rule_status, rules)),
    )


def findings_of_unreadable(problem: str) -> tuple[Finding, ...]:
    """Return the conditions of a policy that cannot be read, because of *problem*; its last good table stays."""
    message = f"{problem}. What the gateway does stays as it was."
    return (Finding(ConditionType.ACCEPTED, "False", Reason.INVALID_SPEC, message),)


def _findings(problems: Collection[Problem]) -> tuple[Finding, ...]:
    return (
        finding(ConditionType.ACCEPTED, problems, "The policy is in force for all its names."),
        finding(ConditionType.RESOLVED_REFS, problems, "Everything that is named exists and can be used."),
    )


def _lost_names(verdict: Verdict) -> Iterator[Problem]:
    if verdict.lost:
        lost = ", ".join(f'"{name}" belongs to {owner}' for name, owner in verdict.lost.items())
        kept = "the policy is in force for its other names" if verdict.accepted else "the policy is in force for none"
        message = f"`models` must not have names of others: {lost}; {kept}. Choose other names."
        yield Problem(ConditionType.ACCEPTED, Reason.CONFLICT, message)


def _unread_secrets(policy: RoutePolicy) -> Iterator[Problem]:
    auth = policy.spec.auth
    if auth is None or auth.api_keys is not None or provider_keys_named_by(policy):
        namespace = policy.metadata.namespace
        found = f'The Secrets of namespace "{namespace}" cannot be read now'
        message = f"{found}; the gateways go on with the keys that they know, and the operator tries again."
        yield unresolved(Reason.SECRETS_UNREAD, message)


def _limit(limit: Limit) -> ir.Limit:
    return ir.Limit(
        per=ir.Per(limit.per),
        requests_per_minute=limit.requests_per_minute,
        reserved_tokens_per_minute=limit.reserved_tokens_per_minute,
        default_max_tokens=limit.default_max_tokens,
    )


def _shed(policy: RoutePolicy, rule: RouteRule) -> ir.Shed | None:
    """Return what low priority gives up; a rule without fallbacks has nothing to fall back to."""
    if policy.spec.shedding is None:
        return None
    return ir.Shed(policy.spec.shedding.low_priority.action) if rule.fallback else ir.Shed.REJECT


def _attribution(policy: RoutePolicy) -> ir.Attribution:
    said = policy.spec.attribution
    return ir.Attribution(said.feature_header, said.prompt_version_header) if said else ir.Attribution()


def _rule_status(lowered: LoweredRule) -> RuleStatus:
    return RuleStatus(name=lowered.rule.name, backends=lowered.resolved)
