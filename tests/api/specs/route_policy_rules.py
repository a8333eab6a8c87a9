"""For every rule of RoutePolicy: specs that break it and specs that just keep it."""

from tests.api.specs.case import Case
from tests.api.specs.manifests import REMOVED

RULE = "spec.rules[0]"
HEADER = f"{RULE}.match.headers[0]"
BACKENDS, FALLBACK = f"{RULE}.backends", f"{RULE}.fallback"
EXTERNAL = "spec.rules[1].backends[0].external"
PROVIDER = "spec.rules[1].fallback[0].external"
JWT = "spec.auth.jwt"
LIMIT = "spec.limits[0]"
URL = {"url": "https://api.example.com/v1"}
STATIC = {"static": {"status": 503, "message": "Busy."}}

FULL_NAMES = (
    "https://a.b", "https://a.b/", "https://api.example.com/v1", "https://x1.y-z.example:8443/openai/v1/",
    "https://10.example", "https://a.b:65535", "https://svc.example", "https://local.example.com/.well-known/jwks.json",
)  # fmt: skip
NO_FULL_NAMES = (
    "http://a.b", "https://A.b", "https://a", "https://localhost", "https://10.0.0.1", "https://0x7f.1", "https://1.1",
    "https://[::1]", "https://a.b:0", "https://a.b:65536", "https://u@a.b", "https://u:p@a.b/", "https://a.b?x=1",
    "https://a.b/#x", "https://a.b/../c", "https://a.b/%2e", "https://a.b./", "https://a..b", "https://-a.b", "https://",
)  # fmt: skip
INSIDE = (
    "https://llama.models.svc", "https://llama.models.svc.cluster.local/v1", "https://metadata.google.internal",
    "https://printer.local:443", "https://a.localhost/", "https://a.localdomain",
)  # fmt: skip

CASES = (
    Case(
        "must not look like <namespace>/<name>",
        "route-policy",
        broken=tuple({"spec.models": [name]} for name in ("team/chat", "1/a", "a-b/c-d")),
        kept=tuple(
            {"spec.models": [name]} for name in ("chat", "team/Chat", "a/b/c", "a/1b", "openai/gpt-4.1", "a/b:c")
        ),
    ),
    Case(
        "`shedding.lowPriority.action` must be Reject",
        "route-policy",
        broken=({FALLBACK: REMOVED, "spec.rules[1].fallback": []},),
        kept=(
            {FALLBACK: REMOVED},
            {"spec.rules[1].fallback": REMOVED},
            {FALLBACK: [], "spec.rules[1].fallback": REMOVED, "spec.shedding.lowPriority.action": "Reject"},
        ),
    ),
    Case(
        "at least one of `apiKeys` and `jwt`",
        "route-policy",
        broken=({"spec.auth": {}}, {"spec.auth": {"allow": {"users": ["ada"]}}}),
        kept=({"spec.auth.apiKeys": REMOVED}, {JWT: REMOVED}, {"spec.auth": {"apiKeys": {}}}),
    ),
    Case(
        "at least one of `users` and `teams`",
        "route-policy",
        broken=({"spec.auth.allow": {}}, {"spec.auth.allow": {"users": [], "teams": []}}),
        kept=({"spec.auth.allow.users": REMOVED}, {"spec.auth.allow.teams": []}, {"spec.auth.allow": REMOVED}),
    ),
    Case(
        "must be https://<host>",
        "route-policy",
        broken=tuple({place: url} for url in NO_FULL_NAMES for place in (f"{EXTERNAL}.url", f"{JWT}.jwksUri")),
        kept=tuple({place: url} for url in FULL_NAMES for place in (f"{EXTERNAL}.url", f"{JWT}.jwksUri")),
    ),
    Case(
        "must not name a host inside",
        "route-policy",
        broken=tuple({place: url} for url in INSIDE for place in (f"{PROVIDER}.url", f"{JWT}.jwksUri")),
        kept=({f"{EXTERNAL}.url": "https://internal.example.com/local"},),
    ),
    Case(
        "`apiKeySecretRef` must be set where",
        "route-policy",
        broken=({f"{PROVIDER}.apiKeySecretRef": REMOVED}, {f"{EXTERNAL}.apiKeyHeader": "x-api-key"}),
        kept=(
            {f"{PROVIDER}.apiKeyHeader": REMOVED},
            {f"{EXTERNAL}.apiKeyHeader": "authorization"},
            {f"{EXTERNAL}.apiKeySecretRef": {"name": "a"}},
        ),
    ),
    Case(
        "must not be a header of the gateway itself (x-modelfleet-*, x-llm-*, x-envoy-*), nor one with credentials",
        "route-policy",
        broken=(
            *({f"{HEADER}.name": name} for name in ("x-modelfleet-user", "x-envoy-retry-on", "x-llm-a", "host", "te")),
            {f"{RULE}.sticky.header": "authorization"},
            {"spec.attribution.featureHeader": "cookie"},
            {"spec.attribution.promptVersionHeader": "x-api-key"},
        ),
        kept=({f"{HEADER}.name": "x-modelfleet"}, {f"{RULE}.sticky.header": "x-host"}),
    ),
    Case(
        "must not be a header of the gateway itself (x-modelfleet-*, x-llm-*, x-envoy-*), nor content-type",
        "route-policy",
        broken=tuple({f"{PROVIDER}.apiKeyHeader": name} for name in ("host", "x-envoy-a", "content-type", "cookie")),
        kept=tuple({f"{PROVIDER}.apiKeyHeader": name} for name in ("authorization", "x-api-key", "x-goog-api-key")),
    ),
    Case(
        "must be a regular expression of RE2",
        "route-policy",
        broken=tuple(
            {f"{RULE}.match.headers[2].regex": regex}
            for regex in (
                "(?=a)",
                "(?<!a)b",
                "(a)\\1",
                "a++",
                "(?>a)",
                "(",
                "a)",
                "[z-a]",
                "[a",
                "*a",
                "a{1001}",
                "a**",
            )
        ),
        kept=tuple(
            {f"{RULE}.match.headers[2].regex": regex}
            for regex in ("(?i)gold|silver", "a{1000}", "[^a-z.]+?", "(?:a|b){2,3}", r"\d{4}-\d\d\.x", "^a$", "|", ".*")
        ),
    ),
    Case(
        "exactly one of `exact`, `prefix`, `regex` and `present`",
        "route-policy",
        broken=({HEADER: {"name": "x-a"}}, {f"{HEADER}.present": True}, {f"{HEADER}.regex": "a"}),
        kept=({HEADER: {"name": "x-a", "present": True}}, {HEADER: {"name": "x-a", "present": False}}),
    ),
    Case(
        "at least one of `backends` must have",
        "route-policy",
        broken=({f"{BACKENDS}[0].weight": 0, f"{BACKENDS}[1].weight": 0}, {"spec.rules[1].backends[0].weight": 0}),
        kept=({f"{BACKENDS}[0].weight": 0}, {f"{BACKENDS}[0].weight": 1_000_000}),
    ),
    Case(
        "`backends` must name each backend once",
        "route-policy",
        broken=(
            {f"{BACKENDS}[1].modelDeployment": "everything"},
            {"spec.rules[1].backends": [{"external": URL}, {"external": URL | {"apiKeyHeader": "authorization"}}]},
        ),
        kept=({"spec.rules[1].backends": [{"external": URL}, {"external": URL | {"model": "a"}}]},),
    ),
    Case(
        "`fallback` must not repeat a backend",
        "route-policy",
        broken=(
            {f"{FALLBACK}[0].modelDeployment": "everything"},
            {FALLBACK: [{"modelDeployment": "a"}, {"modelDeployment": "b"}, {"modelDeployment": "a"}]},
            {"spec.rules[1].backends[0].external": URL, "spec.rules[1].fallback": [{"external": URL}]},
            {"spec.rules[1].fallback": [{"external": URL}, {"external": URL}]},
        ),
        kept=(
            {FALLBACK: [{"modelDeployment": "a"}, {"modelDeployment": "b"}, STATIC]},
            {"spec.rules[1].fallback": [{"external": URL | {"apiKeySecretRef": {"name": n}}} for n in ("a", "b")]},
        ),
    ),
    Case(
        "`fallback[].static` must be the last",
        "route-policy",
        broken=(
            {FALLBACK: [STATIC, {"modelDeployment": "a"}]},
            {FALLBACK: [STATIC, STATIC]},
            {FALLBACK: [{"modelDeployment": "a"}, STATIC, {"modelDeployment": "b"}]},
        ),
        kept=({FALLBACK: [STATIC]}, {FALLBACK: [{"modelDeployment": "a"}, STATIC]}),
    ),
    Case(
        "`backends` and `fallback` must have no `external`",
        "route-policy",
        broken=(
            {f"{FALLBACK}[0]": {"external": URL}},
            {f"{BACKENDS}[0]": {"external": URL}},
            {"spec.rules[1].keepInCluster": True},
        ),
        kept=({f"{FALLBACK}[0]": {"external": URL}, f"{RULE}.keepInCluster": False}, {FALLBACK: REMOVED}),
    ),
    Case(
        "exactly one of `modelDeployment` and `external`",
        "route-policy",
        broken=({f"{BACKENDS}[0]": {}}, {f"{BACKENDS}[0]": {"modelDeployment": "a", "external": URL}}),
        kept=({f"{BACKENDS}[0]": {"modelDeployment": "a"}},),
    ),
    Case(
        "exactly one of `modelDeployment`, `external` and `static`",
        "route-policy",
        broken=({f"{FALLBACK}[0]": {}}, {f"{FALLBACK}[1].modelDeployment": "a"}),
        kept=({f"{FALLBACK}[0]": {"modelDeployment": "a"}},),
    ),
    Case(
        "`backoffMilliseconds` must be at most",
        "route-policy",
        broken=({f"{RULE}.retries": {"backoffMilliseconds": 251}}, {f"{RULE}.retries": {"maxBackoffMilliseconds": 24}}),
        kept=({f"{RULE}.retries": {"backoffMilliseconds": 250}}, {f"{RULE}.retries": {"maxBackoffMilliseconds": 25}}),
    ),
    Case(
        "at least one of `requestsPerMinute`",
        "route-policy",
        broken=({LIMIT: {"per": "Team"}}, {LIMIT: {"per": "Model", "defaultMaxTokens": 1}}),
        kept=({f"{LIMIT}.requestsPerMinute": REMOVED}, {f"{LIMIT}.reservedTokensPerMinute": REMOVED}),
    ),
    Case(
        "`defaultMaxTokens` must be at most",
        "route-policy",
        broken=({LIMIT: {"per": "User", "reservedTokensPerMinute": 511}}, {f"{LIMIT}.defaultMaxTokens": 100_001}),
        kept=(
            {LIMIT: {"per": "User", "reservedTokensPerMinute": 512}},
            {LIMIT: {"per": "User", "requestsPerMinute": 1, "defaultMaxTokens": 4_294_967_295}},
        ),
    ),
    Case(
        "at least one of `featureHeader`",
        "route-policy",
        broken=({"spec.attribution": {}},),
        kept=({"spec.attribution.featureHeader": REMOVED}, {"spec.attribution.promptVersionHeader": REMOVED}),
    ),
)
