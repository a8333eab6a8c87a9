"""What is in the Secrets that the gateway reads: keys of callers and keys for providers, or why not."""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from modelfleet.api.conditions import Reason
from modelfleet.api.names import GROUP
from modelfleet.api.served_names import LONG_AGO
from modelfleet.gateway.ir import ApiKey, Priority, SecretKey
from modelfleet.gateway.lower.problem import Problem, unresolved

API_KEYS_TYPE = f"{GROUP}/api-keys"
"""The type of Secrets that hold keys of callers: `{<user>: "<key>[,<old key>]"}`."""
PROVIDER_KEY_TYPE = f"{GROUP}/provider-key"
"""The type of Secrets that hold keys for providers outside the cluster."""
TEAM_LABEL = f"{GROUP}/team"
PRIORITY_LABEL = f"{GROUP}/priority"

SHORTEST_KEY = 16
"""Characters; fewer could be guessed."""
LONGEST_KEY = 512
"""Characters; it travels in a header of every request."""
LONGEST_PROVIDER_KEY = 4096
LONGEST_LABELS = 4096
"""Characters of the names and values together; they travel in a header of every request."""
JSON_PREFIX = "eyJ"
"""What starts like this is read as a JSON web token, so that a key like it would never be looked up."""

USER = re.compile(r"[-._a-zA-Z0-9]{1,253}")
"""What Kubernetes allows as a key of a Secret."""
VISIBLE = re.compile(r"[\x21-\x7e]+")
"""What a header can carry, without spaces."""

Secret = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class KeySecret:
    """The usable keys of one Secret, and what is wrong with the others; no text of a key is in a problem or a repr."""

    name: str
    """name is `<namespace>/<secret>`, which is the scope of its keys."""
    created: datetime = LONG_AGO
    keys: tuple[ApiKey, ...] = ()
    problems: tuple[Problem, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    is_typed: bool = True
    """is_typed is false where the Secret is of another type, so that its scope counts nowhere."""


@dataclass(frozen=True, slots=True)
class ProviderSecret:
    """The usable keys for providers in one Secret, and what is wrong with the others."""

    name: str
    values: Mapping[SecretKey, str] = field(default_factory=dict, repr=False)
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Keys:
    """All keys that count, each once, and what is wrong in each Secret."""

    keys: tuple[ApiKey, ...] = ()
    problems: Mapping[str, tuple[Problem, ...]] = field(default_factory=dict)
    """problems are those of each Secret, by `<namespace>/<secret>`."""


def name_of(secret: Secret) -> str:
    """Return `<namespace>/<name>`."""
    metadata = secret["metadata"]
    return f"{metadata.get('namespace', 'default')}/{metadata['name']}"


def read_keys(secret: Secret) -> KeySecret:
    """Return the keys of callers in *secret*; of two users with one key the first by name has it."""
    name, metadata = name_of(secret), secret["metadata"]
    labels = metadata.get("labels") or {}
    if secret.get("type") != API_KEYS_TYPE:
        return KeySecret(name, problems=(_wrong_type(name, secret, API_KEYS_TYPE),), labels=labels, is_typed=False)
    if (length := sum(map(len, (*labels.keys(), *labels.values())))) > LONGEST_LABELS:
        message = f"`metadata.labels` must have at most {LONGEST_LABELS} characters together, found {length}"
        return KeySecret(name, problems=_about(name, [message]), labels=labels)
    problems: list[str] = []
    team, priority = labels.get(TEAM_LABEL, ""), _priority(labels.get(PRIORITY_LABEL), problems)
    found: dict[str, ApiKey] = {}
    shared: list[str] = []
    for user, text in _texts(secret, problems):
        for key in _keys_of(user, text, problems):
            made = ApiKey(key, name, user, team, priority, tuple(sorted(labels.items())))
            owner = found.setdefault(key, made)
            if owner.user != user:
                shared.append(_shared_by_users(owner.user, user))
    said = (*_about(name, problems), *_about(name, shared, Reason.DUPLICATE_KEY))
    return KeySecret(name, _created(metadata), tuple(found.values()), said, labels)


def settle(secrets: Iterable[KeySecret]) -> Keys:
    """
    Return the keys of all *secrets*, each once: two that are equal would make Envoy refuse them all.

    A key belongs to the older Secret, then to the first by namespace and name; both are named where it is not.
    """
    by_age = sorted(secrets, key=lambda secret: (secret.created, secret.name))
    owners: dict[str, ApiKey] = {}
    problems = {secret.name: list(secret.problems) for secret in by_age}
    for secret in by_age:
        for key in secret.keys:
            owner = owners.setdefault(key.key, key)
            if owner is not key:
                shared = unresolved(Reason.DUPLICATE_KEY, _shared(owner, key))
                problems[owner.scope].append(shared)
                problems[secret.name].append(shared)
    found = {name: tuple(dict.fromkeys(said)) for name, said in problems.items() if said}
    return Keys(tuple(sorted(owners.values(), key=lambda key: (key.scope, key.user, key.key))), found)


def read_provider_keys(secret: Secret) -> ProviderSecret:
    """Return the keys for providers in *secret*."""
    name, metadata = name_of(secret), secret["metadata"]
    if secret.get("type") != PROVIDER_KEY_TYPE:
        return ProviderSecret(name, problems=(_wrong_type(name, secret, PROVIDER_KEY_TYPE),))
    problems: list[str] = []
    values = {}
    for entry, text in _texts(secret, problems):
        if problem := _flaw(text.strip(), at_most=LONGEST_PROVIDER_KEY):
            problems.append(f'`data["{entry}"]` {problem}')
        else:
            values[SecretKey(metadata.get("namespace", "default"), metadata["name"], entry)] = text.strip()
    return ProviderSecret(name, values, _about(name, problems))


def _texts(secret: Secret, problems: list[str]) -> list[tuple[str, str]]:
    """Return the entries as text, by name; the API server puts `stringData` over `data`, and so does this."""
    entries: dict[str, str] = {}
    for name, value in (secret.get("data") or {}).items():
        try:
            entries[name] = base64.b64decode(value or "", validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, TypeError):
            problems.append(f'`data["{name}"]` must be text in UTF-8')
    entries |= {name: str(value) for name, value in (secret.get("stringData") or {}).items()}
    return sorted(entries.items())


def _keys_of(user: str, text: str, problems: list[str]) -> list[str]:
    if not USER.fullmatch(user):
        problems.append("`data` must have names of users: letters, digits, `-`, `_` and `.`, at most 253 of them")
        return []
    usable = []
    for key in text.split(","):
        if problem := _flaw(key.strip(), at_least=SHORTEST_KEY, at_most=LONGEST_KEY):
            problems.append(f'`data["{user}"]` {problem}')
        elif key.strip().startswith(JSON_PREFIX):
            problems.append(f'`data["{user}"]` must not begin with "{JSON_PREFIX}": that marks JSON web tokens')
        else:
            usable.append(key.strip())
    return usable


def _flaw(key: str, *, at_most: int, at_least: int = 1) -> str | None:
    """Say what is wrong with *key* without showing it."""
    if not key:
        return "must not be empty"
    if not VISIBLE.fullmatch(key):
        return "must have visible ASCII characters only, without spaces or control characters"
    if not at_least <= len(key) <= at_most:
        return f"must have {at_least} to {at_most} characters, found {len(key)}"
    return None


def _priority(label: str | None, problems: list[str]) -> Priority:
    if label is None:
        return Priority.NORMAL
    try:
        return Priority(label)
    except ValueError:
        problems.append(f'label `{PRIORITY_LABEL}` must be Low, Normal or High, found "{label}": Normal is used')
        return Priority.NORMAL


def _shared_by_users(owner: str, other: str) -> str:
    return f'`data["{owner}"]` and `data["{other}"]` must not hold the same key: it counts as "{owner}"'


def _shared(owner: ApiKey, other: ApiKey) -> str:
    users = f'"{owner.user}" of Secret {owner.scope} and "{other.user}" of Secret {other.scope}'
    return (
        f"{users} must not hold the same key: it counts as the first, whose Secret is older. Give the other a new key."
    )


def _wrong_type(name: str, secret: Secret, wanted: str) -> Problem:
    return _about(name, [f'`type` must be {wanted}, found "{secret.get("type", "Opaque")}"'])[0]


def _about(name: str, messages: Iterable[str], reason: Reason = Reason.INVALID_SECRET) -> tuple[Problem, ...]:
    return tuple(unresolved(reason, f"Secret {name}: {message}.") for message in messages)


def _created(metadata: Mapping[str, Any]) -> datetime:
    text = metadata.get("creationTimestamp")
    return datetime.fromisoformat(text) if text else LONG_AGO
