"""What an object depends on, so that a change recomputes what it touches and nothing else."""

from collections.abc import Iterator, Mapping

from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.route_policy import RoutePolicy, RouteRule
from modelfleet.api.v1alpha1.route_policy.backends import Backend, External, Fallback
from modelfleet.gateway.ir import SecretKey


def steps_of(rule: RouteRule) -> tuple[Backend | Fallback, ...]:
    """Return the backends of *rule*, then its fallbacks."""
    return (*rule.backends, *rule.fallback)


def fleets_named_by(policy: RoutePolicy) -> frozenset[str]:
    """Return the ModelDeployments of its namespace that *policy* sends requests to, those with no weight included."""
    steps = (step for rule in policy.spec.rules for step in steps_of(rule))
    return frozenset(step.model_deployment for step in steps if step.model_deployment is not None)


def fleets_targeted_by(policy: CachePolicy) -> frozenset[str]:
    """Return the ModelDeployments of its namespace that *policy* is for."""
    return frozenset(target.name for target in policy.spec.target_refs)


def externals_named_by(policy: RoutePolicy) -> Iterator[External]:
    """Yield the providers that *policy* sends requests to."""
    for rule in policy.spec.rules:
        yield from (step.external for step in steps_of(rule) if step.external is not None)


def provider_keys_named_by(policy: RoutePolicy) -> frozenset[SecretKey]:
    """Return the keys for providers that *policy* needs."""
    refs = (external.api_key_secret_ref for external in externals_named_by(policy))
    return frozenset(SecretKey(policy.metadata.namespace, ref.name, ref.key) for ref in refs if ref is not None)


def selects_secret(policy: RoutePolicy, labels: Mapping[str, str]) -> bool:
    """
    Return whether *policy* accepts the keys of a Secret of its namespace with *labels*.

    A policy without `auth` accepts them all, like the names of fleets.
    """
    if policy.spec.auth is None:
        return True
    keys = policy.spec.auth.api_keys
    return keys is not None and keys.secret_selector.match_labels.items() <= labels.items()
