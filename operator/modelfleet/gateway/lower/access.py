"""Who may use a policy's or a fleet's names."""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from modelfleet.api.conditions import Reason
from modelfleet.api.v1alpha1.https_url import host_of
from modelfleet.api.v1alpha1.route_policy import RoutePolicy
from modelfleet.api.v1alpha1.route_policy.auth import Jwt
from modelfleet.gateway.ir import Access, JwtProvider, KeySelector
from modelfleet.gateway.lower.backends import host_message
from modelfleet.gateway.lower.problem import Problem, unresolved
from modelfleet.gateway.lower.references import selects_secret
from modelfleet.gateway.lower.secrets import KeySecret
from modelfleet.gateway.lower.setting import Setting


@dataclass(frozen=True, slots=True)
class LoweredAccess:
    """Who may come in, and what is wrong with their credentials."""

    access: Access
    problems: tuple[Problem, ...] = ()


def open_access(namespace: str, setting: Setting) -> Access:
    """Return the access of names without a rule of their own: every key of *namespace* counts."""
    return Access(setting.gateway.auth_required, KeySelector(namespace))


def policy_access(
    policy: RoutePolicy,
    secrets: Collection[KeySecret] | None,
    setting: Setting,
    problems_by_secret: Mapping[str, tuple[Problem, ...]],
) -> LoweredAccess:
    """
    Return who may use the names of *policy*.

    *secrets* are those of its namespace, None while they cannot be read, *problems_by_secret* what is wrong with keys
    after all Secrets were settled. What cannot be used opens nothing: a policy whose only credentials are wrong lets
    nobody in.
    """
    auth = policy.spec.auth
    if auth is None:
        return LoweredAccess(open_access(policy.metadata.namespace, setting))
    tokens = _jwt_provider(auth.jwt) if auth.jwt else None
    problems = [] if secrets is None else [*_secret_problems(policy, secrets, setting, problems_by_secret)]
    if tokens and not setting.allows_host(host_of(tokens.jwks_uri)):
        message = host_message(host_of(tokens.jwks_uri), "auth.jwt.jwksUri")
        problems.append(unresolved(Reason.HOST_NOT_ALLOWED, message))
        tokens = None
    users, teams = (auth.allow.users, auth.allow.teams) if auth.allow else ((), ())
    access = Access(required=True, keys=_selector(policy), tokens=tokens, users=users, teams=teams)
    return LoweredAccess(access, tuple(problems))


def _selector(policy: RoutePolicy) -> KeySelector | None:
    keys = policy.spec.auth.api_keys if policy.spec.auth else None
    if keys is None:
        return None
    return KeySelector(policy.metadata.namespace, tuple(sorted(keys.secret_selector.match_labels.items())))


def _secret_problems(
    policy: RoutePolicy,
    secrets: Collection[KeySecret],
    setting: Setting,
    settled: Mapping[str, tuple[Problem, ...]],
) -> Iterator[Problem]:
    keys = policy.spec.auth.api_keys if policy.spec.auth else None
    selected = [secret for secret in secrets if selects_secret(policy, secret.labels)]
    if not (keys and keys.secret_selector.match_labels):
        selected = [secret for secret in selected if secret.is_typed]
    if keys and not any(secret.is_typed for secret in selected):
        unseen = None if secrets else setting.unseen(policy.metadata.namespace)
        found = unseen or "found none in this namespace"
        message = f"`auth.apiKeys.secretSelector` must select Secrets of type modelfleet.dev/api-keys; {found}."
        yield unresolved(Reason.SECRET_NAMESPACE_NOT_LISTED if unseen else Reason.REF_NOT_FOUND, message)
    for secret in selected:
        yield from settled.get(secret.name, secret.problems)


def _jwt_provider(jwt: Jwt) -> JwtProvider:
    """Return the issuer; its name is a digest of the rest, so that policies that say the same share one."""
    provider = JwtProvider(
        name="",
        issuer=jwt.issuer,
        jwks_uri=jwt.jwks_uri,
        audiences=tuple(sorted(jwt.audiences)),
        user_claim=jwt.user_claim,
        team_claim=jwt.team_claim,
        priority_claim=jwt.priority_claim,
    )
    content = json.dumps(asdict(provider), sort_keys=True)
    return replace(provider, name=hashlib.blake2b(content.encode(), digest_size=8).hexdigest())
