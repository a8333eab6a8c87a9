"""The headers that the gateway sets. Clients' own are dropped before anything looks at them."""

PREFIX = "x-modelfleet-"

MODEL = "x-modelfleet-model"
"""The requested name, and the key of the scope; `NO_MODEL` where the request names none."""
NO_MODEL = "-"

CLIENT = "x-modelfleet-client"
"""What an API key stands for: `<namespace>/<secret>|<user>|<team>|<priority>`; gone before the route is picked."""
SCOPE = "x-modelfleet-scope"
"""`<namespace>/<secret>` of the key or `jwt/issuer/<provider>`; absent exactly where there were no credentials."""
REALM = "x-modelfleet-realm"
"""In what users and teams are unique: the namespace of the key's Secret, or `jwt/issuer/<provider>`."""
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

CREDENTIALS = ("authorization", "x-api-key")
"""Where callers show keys; they go no further than the gateway."""

DROPPED_PREFIXES = (PREFIX, "x-llm-", "x-envoy-", "x-forwarded-", "x-request-id")
"""
No client may set these: identity, sizes, what steers Envoy's router, addresses, and the request's id.

An engine refuses a second request of one id, so the gateway chooses it.
"""
