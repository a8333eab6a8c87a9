"""Stand-ins for Secrets that cannot be seen, so that a preview shows what the rest of the objects say."""

from typing import Any

from modelfleet.gateway.lower.objects import Objects
from modelfleet.gateway.lower.references import provider_keys_named_by
from modelfleet.gateway.lower.secrets import API_KEYS_TYPE, PROVIDER_KEY_TYPE

ASSUMED = "(assumed)"
"""The name of a stand-in: no object can be called so."""
PLACEHOLDER = "a-key-that-is-not-shown"


def assumed_secrets(objects: Objects) -> list[dict[str, Any]]:
    """Return a Secret without keys for every policy and namespace, and one for every provider key that is named."""
    found = {}
    namespaces = {fleet.metadata.namespace for fleet in objects.fleets}
    for namespace in namespaces | {policy.metadata.namespace for policy in objects.policies}:
        found[namespace, ASSUMED] = _secret(namespace, ASSUMED, API_KEYS_TYPE)
    for policy in objects.policies:
        namespace = policy.metadata.namespace
        if policy.spec.auth and policy.spec.auth.api_keys:
            labels = policy.spec.auth.api_keys.secret_selector.match_labels
            name = f"{ASSUMED} {policy.metadata.name}" if labels else ASSUMED
            found[namespace, name] = _secret(namespace, name, API_KEYS_TYPE, labels=labels)
        for key in provider_keys_named_by(policy):
            secret = found.setdefault((namespace, key.secret), _secret(namespace, key.secret, PROVIDER_KEY_TYPE))
            secret["stringData"][key.key] = PLACEHOLDER
    return [secret for _, secret in sorted(found.items())]


def _secret(namespace: str, name: str, kind: str, labels: dict[str, str] | None = None) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name, "labels": labels or {}}, "type": kind, "stringData": {}}
