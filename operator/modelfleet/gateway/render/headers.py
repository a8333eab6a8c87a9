"""The headers that the gateway sets. Clients' own are dropped before anything looks at them."""

from modelfleet.gateway.ir import Labels

PREFIX = "x-modelfleet-"

MODEL = "x-modelfleet-model"
"""The requested name, and the key of the scope; `NO_MODEL` where the request names none."""
NO_MODEL = "-"
ASKED_FOR = "x-modelfleet-asked-for"
"""The requested name where there is no such model; only for the log."""

CLIENT = "x-modelfleet-client"
"""What an API key stands for: `<scope>|<user>|<team>|<priority>`; gone before the route is picked."""
SCOPE = "x-modelfleet-scope"
"""`scope_text` of the key or `jwt/issuer/<provider>`; absent exactly where there were no credentials."""
CLAIMS = "x-modelfleet-claims"
"""What a token says (base64url), for the operator's list of models; gone before a request goes anywhere else."""
REALM = "x-modelfleet-realm"
"""In what users and teams are unique: the namespace of the key's Secret, or the scope of the token."""
USER = "x-modelfleet-user"
TEAM = "x-modelfleet-team"
NOBODY = "-"
"""The realm, user or team of who has none, so that limits per user or team count for them too."""
PRIORITY = "x-modelfleet-priority"

BODY_BYTES = "x-modelfleet-body-bytes"
TOKENS = "x-modelfleet-tokens"
"""The most tokens that the request asks for, times its number of answers; absent where it names no maximum."""
ANSWERS = "x-modelfleet-answers"
"""How many answers it asks for (`n`), where that is more than one."""
PROMPT_PRICE = "x-modelfleet-prompt-price"
COMPLETION_PRICE = "x-modelfleet-completion-price"
"""Cents per million tokens, of models that have a price."""
FEATURE = "x-modelfleet-feature"
PROMPT_VERSION = "x-modelfleet-prompt-version"
"""What the headers say that a table attributes requests by; only for the log and traces."""
AFFINITY = "x-modelfleet-affinity"
TARGET = "x-modelfleet-target"
START = "x-modelfleet-start"
ACTIVATOR = "x-modelfleet-activator"
"""Says in every answer of an operator to a held request why the request left."""

CREDENTIALS = ("authorization", "x-api-key")
"""Where callers show keys; they go no further than the gateway."""

DROPPED_PREFIXES = (PREFIX, "x-llm-", "x-envoy-", "x-forwarded-", "x-request-id")
"""
No client may set these: identity, sizes, what steers Envoy's router, addresses, and the request's id.

An engine refuses a second request of one id, so the gateway chooses it.
"""


def scope_text(scope: str, labels: Labels) -> str:
    """Return the Secret of a key with its labels, each of which is found in it as `label_text`."""
    return scope + "".join(f";{key}={value}" for key, value in labels) + (";" if labels else "")


def label_text(key: str, value: str) -> str:
    """Return what `scope_text` of a Secret contains exactly when it has this label: no label has a semicolon."""
    return f";{key}={value};"


def scope_and_labels(text: str) -> tuple[str, Labels]:
    """Return what `scope_text` was made of."""
    scope, *labels = text.rstrip(";").split(";")
    parts = (label.partition("=") for label in labels)
    return scope, tuple((key, value) for key, _, value in parts)
