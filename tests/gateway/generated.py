"""
Policies and requests made at random from a seed, each request for its policy: near every condition, often just beyond.

The same seed makes the same in every run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.gateway.objects import NAMESPACE, fleet, outside, policy, secret, sleeper, to

from modelfleet.api.v1alpha1.route_policy import RoutePolicy

HEALTHY = ("red", "green", "blue")
FLEETS = (*HEALTHY, "down", "limited", "empty")
USERS = {"ada": "sk-key-of-ada-000000", "bob": "sk-key-of-bob-000000", "x.y": "sk-key-of-x-y-000000"}
LOW, HIGH = "sk-key-of-low-000000", "sk-key-of-high-00000"
STRANGER, FOREIGN = "sk-nobody-has-this-one", "sk-key-of-foreign-000"
TEAMS = ("search", "ads", "a-b")
BODY_BYTES = (120, 200, 400)
HEADERS = ("x-a", "x-b", "accept-language")
PATTERNS = {
    "v+": ("v", "vvv", "", "V", "vw", "wv", "v,v"),
    "a|ab": ("a", "ab", "abc", "b", "a,ab"),
    "(?i)abc": ("abc", "ABC", "aBc", "abcd", "ab"),
    "[a-c]{2,3}": ("ab", "cab", "a", "abca", "abd"),
    r"\d+\.\d*": ("1.5", "1.", "15", "1.5.1", ".5"),
    "x.*y": ("xy", "x y", "x,y", "x", "xyz"),
    ".*": ("", "anything", "a, b"),
    "^a$": ("a", "ab", "a a"),
    r"(?:ab)*c?": ("", "ab", "ababc", "abcab", "c"),
    "[^,]+": ("a", "a,b", "a b", ""),
    r"\w+-\W?": ("ab-", "ab-.", "ab--", "ab-a", "-"),
    r"v,\s?w": ("v,w", "v, w", "v,  w", "vw"),
    r"[\d.-]{0,4}": ("", "1.-2", "1.234", "a"),
    r"a\x62c": ("abc", "a\\x62c"),
    "(a+)+b": ("aab", "aaaaaaaaaaaaaaaa", "b"),
    r"\bab\b.*": ("ab", "ab c", "abc", "ab-c"),
    r"a\.b|c\+": ("a.b", "c+", "axb", "cc"),
}
"""Regular expressions, with values that they match as a whole and values that they do not."""
TEXTS = ("v", "ab", "v,w", "x y", "en-GB", "%20", '"q"', "a:b")
AUTHS: tuple[dict[str, Any] | None, ...] = (
    None,
    {"apiKeys": {}},
    {"apiKeys": {"secretSelector": {"matchLabels": {"tier": "gold"}}}},
    {"apiKeys": {}, "allow": {"users": ["ada"], "teams": ["a-b"]}},
    {"apiKeys": {}, "allow": {"teams": ["search"]}},
)
OTHER_MODELS = ("nothing", "red", "models/red", "alone", "sql", "models/alone", "foreign", "ALONE")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a client sends it."""

    model: str
    key: str | None
    headers: tuple[tuple[str, str], ...]
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Case:
    """A policy, and requests that were made for it."""

    policy: RoutePolicy
    rules: tuple[dict[str, Any], ...]
    asked: tuple[Asked, ...]


def world() -> list[Any]:
    """Return the fleets and Secrets that every policy lives among."""
    gold = {"tier": "gold"}
    low, high = ({"modelfleet.dev/priority": priority} for priority in ("Low", "High"))
    adapters = [{"name": "sql", "source": "hf://a/b"}]
    return [
        *(fleet(name) for name in FLEETS if name != "blue"),
        sleeper("blue"),
        fleet("alone", model={"servedNames": ["alone"], "adapters": adapters}),
        fleet("foreign", namespace="other"),
        secret("clients", labels={"modelfleet.dev/team": "search", **gold}, **USERS),
        secret("low", labels={"modelfleet.dev/team": "a-b", **low}, low=LOW),
        secret("high", labels={**high, **gold}, ada=HIGH),
        secret("foreign", namespace="other", eve=FOREIGN),
    ]


def case(seed: int) -> Case:
    """Return a policy with up to four rules, which answers for the name `m<seed>`, and three requests for it."""
    chance = Random(seed)
    rules = [{"name": f"r{index}", **_rule(chance)} for index in range(chance.randint(1, 4))]
    made = policy(*rules, name=f"p{seed}", models=[f"m{seed}"], auth=chance.choice(AUTHS), **_traffic(chance, rules))
    return Case(made, tuple(rules), tuple(_asked(chance, f"m{seed}", rules) for _ in range(3)))


def named_by(rule: dict[str, Any]) -> set[str]:
    """Return the fleets that a generated rule names."""
    steps = (*rule["backends"], *rule["fallback"])
    return {f"{NAMESPACE}/{step['modelDeployment']}" for step in steps if "modelDeployment" in step}


def _traffic(chance: Random, rules: list[dict[str, Any]]) -> dict[str, Any]:
    """Return limits that nothing exceeds, and shedding: neither may change where a request goes."""
    action = chance.choice(["Fallback", "Reject"]) if any(rule["fallback"] for rule in rules) else "Reject"
    limit = {"per": chance.choice(["User", "Team", "Model"]), "requestsPerMinute": 1_000_000}
    return {
        **({"limits": [limit]} if _once_in(chance, 3) else {}),
        **({"shedding": {"lowPriority": {"action": action}}} if _once_in(chance, 3) else {}),
    }


def _rule(chance: Random) -> dict[str, Any]:
    fleets = chance.sample([*FLEETS, "gone"], 4)
    shared = chance.randint(1, 2)
    fallback = [to(name) for name in fleets[shared : shared + chance.randint(0, 2)]]
    fallback += [outside("not-allowed.example.com")] if _once_in(chance, 10) else []
    statuses = {"status": chance.choice([429, 503, 529]), "message": "later"}
    fallback += [{"static": statuses}] if _once_in(chance, 2) else []
    return {
        "match": _match(chance),
        "backends": [to(name, weight=chance.randint(1, 9)) for name in fleets[:shared]],
        "fallback": fallback,
        "retries": {"attempts": chance.randint(1, 2), "backoffMilliseconds": 1, "maxBackoffMilliseconds": 1},
        **({"sticky": {"header": chance.choice(HEADERS)}} if _once_in(chance, 2) else {}),
    }


def _match(chance: Random) -> dict[str, Any]:
    """Return a match of few conditions, so that many requests meet it; sometimes it takes everything."""
    headers = [_header(chance, name) for name in chance.sample(HEADERS, chance.randint(1, 2))]
    possible: dict[str, Any] = {
        "headers": headers,
        "promptBytesAtMost": chance.choice(BODY_BYTES),
        "teams": chance.sample(TEAMS, chance.randint(1, 2)),
        "users": chance.sample([*USERS, "x", "low"], chance.randint(1, 2)),
        "priority": chance.choice(["Low", "Normal", "High"]),
    }
    kinds = chance.sample(["headers", *possible], chance.randint(0, 2))
    return {kind: possible[kind] for kind in kinds}


def _header(chance: Random, name: str) -> dict[str, Any]:
    test = chance.choice(["exact", "prefix", "regex", "regex", "present"])
    values: dict[str, Sequence[Any]] = {
        "exact": TEXTS,
        "prefix": TEXTS,
        "regex": [*PATTERNS],
        "present": [True, False],
    }
    return {"name": name, test: chance.choice(values[test])}


def _asked(chance: Random, model: str, rules: list[dict[str, Any]]) -> Asked:
    wanted = [header for rule in rules for header in rule["match"].get("headers", ())]
    headers = [field for header in wanted if chance.randint(0, 3) for field in _fields(chance, header)]
    credentials = [*USERS.values(), LOW, HIGH] * 4 + [None, STRANGER, FOREIGN]
    return Asked(
        model=chance.choice(OTHER_MODELS) if _once_in(chance, 8) else model,
        key=chance.choice(credentials),
        headers=tuple(headers),
        body_bytes=chance.choice(BODY_BYTES) + chance.randint(-1, 1),
    )


def _fields(chance: Random, header: dict[str, Any]) -> list[tuple[str, str]]:
    """Return a header that meets the condition *header*, or nearly does; sometimes in two fields."""
    if "regex" in header:
        value = chance.choice(PATTERNS[header["regex"]])
    else:
        value = str(header.get("exact") or header.get("prefix") or "")
        value = chance.choice([value, value, value, f"{value}x", f"x{value}", value.upper(), "", "é"])
    value = chance.choice(["", "", "", " ", "\t"]) + value + chance.choice(["", "", "", " "])
    name = chance.choice([header["name"], header["name"].upper()])
    if "," in value and _once_in(chance, 2):
        return [(name, part) for part in value.split(",", 1)]
    return [(name, value)] * (2 if _once_in(chance, 8) else 1)


def _once_in(chance: Random, times: int) -> bool:
    return chance.randrange(times) == 0
