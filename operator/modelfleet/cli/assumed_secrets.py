"""Stand-ins for Secrets that cannot be seen, so that a preview shows what the rest of the objects say."""

from collections.abc import Iterator
from typing import Any

from modelfleet.gateway.lower.objects import Objects
from modelfleet.gateway.lower.references import provider_keys_named_by
from modelfleet.gateway.lower.secrets import API_KEYS_TYPE, PROVIDER_KEY_TYPE, name_of

ASSUMED = "(assumed)"
"""The name of a stand-in for keys of callers: no object can be called so."""
PLACEHOLDER = "a-key-that-is-not-shown"

Json = dict[str, Any]


def assumed_secrets(objects: Objects) -> list[Json]:
    """
    Return stand-ins for what *objects* need and have not.

    A namespace without keys of callers gets such as every policy there selects; a Secret that is there stays as it is.
    """
    known = {name_of(secret) for secret in objects.secrets}
    with_keys = {
        secret["metadata"].get("namespace", "default")
        for secret in objects.secrets
        if secret.get("type") == API_KEYS_TYPE
    }
    callers = [one for one in _of_callers(objects) if one["metadata"]["namespace"] not in with_keys]
    return [*callers, *(one for one in _of_providers(objects) if name_of(one) not in known)]


def _of_callers(objects: Objects) -> Iterator[Json]:
    namespaces = {fleet.metadata.namespace for fleet in objects.fleets}
    for namespace in sorted(namespaces | {policy.metadata.namespace for policy in objects.policies}):
        yield _secret(namespace, ASSUMED, API_KEYS_TYPE)
    for policy in objects.policies:
        keys = policy.spec.auth.api_keys if policy.spec.auth else None
        if keys and keys.secret_selector.match_labels:
            name = f"{ASSUMED} {policy.metadata.name}"
            yield _secret(policy.metadata.namespace, name, API_KEYS_TYPE, labels=keys.secret_selector.match_labels)


def _of_providers(objects: Objects) -> list[Json]:
    found: dict[tuple[str, str], Json] = {}
    for key in sorted({key for policy in objects.policies for key in provider_keys_named_by(policy)}):
        secret = found.setdefault((key.namespace, key.secret), _secret(key.namespace, key.secret, PROVIDER_KEY_TYPE))
        secret["stringData"][key.key] = PLACEHOLDER
    return list(found.values())


def _secret(namespace: str, name: str, kind: str, labels: dict[str, str] | None = None) -> Json:
    return {"metadata": {"namespace": namespace, "name": name, "labels": labels or {}}, "type": kind, "stringData": {}}
