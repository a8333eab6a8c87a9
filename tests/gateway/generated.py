"""Generated policies and requests, each request made for its policy: near every limit, and often beyond it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tests.gateway.objects import NAMESPACE, fleet, outside, policy, secret, sleeper, to

from modelfleet.api.v1alpha1.route_policy import RoutePolicy

Value = TypeVar("Value")

HEALTHY = ("red", "green", "blue")
FAILING = ("down", "limited", "empty")
FLEETS = (*HEALTHY, *FAILING)
USERS = {"ada": "sk-key-of-ada-000000", "bob": "sk-key-of-bob-000000", "x.y": "sk-key-of-x-y-000000"}
CALLERS = {
    **{key: ("clients", user) for user, key in USERS.items()},
    "sk-key-of-low-000000": ("low", "low"),
    "sk-key-of-high-00000": ("high", "ada"),
}
STRANGER = "sk-nobody-has-this-one"
FOREIGN = "sk-key-of-foreign-000"
TEAMS = ("search", "ads", "a b")
BODY_BYTES = (120, 200, 400)
HEADERS = ("x-a", "x-b", "accept-language")
PATTERNS = (
    "v+", "a|ab", "(?i)abc", "[a-c]{2,3}", r"\d+\.\d*", "x.*y", ".*", "^a$", r"(?:ab)*c?", r"[^,]+", r"\w+-\W?",
    r"v,\s?w", r"[\d.-]{0,4}", r"a\x62c", "(a+)+b", r"\bab\b.*",
)  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(["", "v", "vv", "a", "ab", "ABC", "abc", "v,w", "v, w", "x y", "1.5", "xy", "a,b", "ab c", "é"]),
    st.sampled_from([pattern for pattern in PATTERNS if "(?i)" not in pattern]).flatmap(
        lambda pattern: st.from_regex(
            f"(?:{pattern})", fullmatch=True, alphabet=st.characters(min_codepoint=32, max_codepoint=126)
        )
    ),
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=4),
).map(lambda value: value[:40])
"""Values as clients send them; some are no ASCII."""
PLAIN = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=3)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a client sends it."""

    model: str
    key: str | None
    headers: tuple[tuple[str, str], ...]
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Case:
    """A policy's spec, and requests that it was made for."""

    spec: dict[str, Any]
    asked: tuple[Asked, ...]

    def policy(self, index: int) -> RoutePolicy:
        """Return the policy, whose name and model tell it from the others."""
        return policy(*self.spec["rules"], name=f"p{index}", models=[f"m{index}"], auth=self.spec["auth"])


def world() -> list[Any]:
    """Return the fleets and Secrets that every policy lives among."""
    gold = {"tier": "gold"}
    labels = {"modelfleet.dev/team": "search", **gold}
    fleets = [fleet(name) for name in FLEETS if name != "blue"]
    return [
        *fleets,
        sleeper("blue"),
        fleet("alone", model={"servedNames": ["alone"], "adapters": [{"name": "sql", "source": "hf://a/b"}]}),
        fleet("foreign", namespace="other"),
        secret("clients", labels=labels, **USERS),
        secret(
            "low", labels={"modelfleet.dev/priority": "Low", "modelfleet.dev/team": "a b"}, low="sk-key-of-low-000000"
        ),
        secret("high", labels={"modelfleet.dev/priority": "High", **gold}, ada="sk-key-of-high-00000"),
        secret("foreign", namespace="other", eve=FOREIGN),
    ]


def collected(strategy: st.SearchStrategy[Value], count: int) -> list[Value]:
    """Return *count* generated values, the same in every run."""
    found: list[Value] = []

    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def collect(value: Value) -> None:
        found.append(value)

    collect()
    return found


@st.composite
def cases(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Case:
    """Return a policy with up to four rules, and requests for it."""
    count = draw(st.integers(1, 4))
    rules = [{"name": f"r{index}", **draw(_rules())} for index in range(count)]
    return Case({"rules": rules, "auth": draw(_AUTH)}, tuple(draw(st.lists(_asked(), min_size=2, max_size=3))))


def _asked() -> st.SearchStrategy[Asked]:
    names = st.sampled_from(
        ["", "", "", "", "", "", "nothing", "red", "models/red", "alone", "sql", "models/alone", "foreign"]
    )
    headers = st.lists(st.tuples(st.sampled_from(HEADERS), _PADDED), max_size=3).map(tuple)
    sizes = st.sampled_from(BODY_BYTES).flatmap(lambda size: st.integers(size - 1, size + 1))
    keys = st.sampled_from([*CALLERS, *CALLERS, None, STRANGER, FOREIGN])
    return st.builds(Asked, model=names, key=keys, headers=headers, body_bytes=sizes)


_PADDED = st.tuples(st.sampled_from(["", "", " ", "\t"]), VALUES, st.sampled_from(["", "", " "])).map("".join)


def _header() -> st.SearchStrategy[dict[str, Any]]:
    tests = st.one_of(
        st.fixed_dictionaries({"exact": st.one_of(PLAIN, st.sampled_from(["v", "ab", "v,w", "x y"]))}),
        st.fixed_dictionaries({"prefix": st.one_of(PLAIN, st.sampled_from(["v", "a", "x "]))}),
        st.fixed_dictionaries({"regex": st.sampled_from(PATTERNS)}),
        st.fixed_dictionaries({"present": st.booleans()}),
    )
    return st.tuples(st.sampled_from(HEADERS), tests).map(lambda pair: {"name": pair[0], **pair[1]})


def _match() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {},
        optional={
            "headers": st.lists(_header(), max_size=2, unique_by=lambda header: header["name"]),
            "promptBytesAtMost": st.sampled_from(BODY_BYTES),
            "teams": st.lists(st.sampled_from(TEAMS), max_size=2, unique=True),
            "users": st.lists(st.sampled_from([*USERS, "x", "low"]), max_size=2, unique=True),
            "priority": st.sampled_from(["Low", "Normal", "High"]),
        },
    )


@st.composite
def _rules(draw: Callable[[st.SearchStrategy[Any]], Any]) -> dict[str, Any]:
    fleets = draw(st.permutations([*FLEETS, "gone"]))
    shared, after = draw(st.integers(1, 2)), draw(st.integers(0, 2))
    backends = [to(name, weight=draw(st.integers(1, 9))) for name in fleets[:shared]]
    fallback: list[dict[str, Any]] = [to(name) for name in fleets[shared : shared + after]]
    if draw(st.integers(0, 9)) == 0:
        fallback.append(outside("not-allowed.example.com"))
    if draw(st.booleans()):
        fallback.append({"static": {"status": draw(st.sampled_from([429, 503, 529])), "message": "later"}})
    quick = {"attempts": draw(st.integers(1, 2)), "backoffMilliseconds": 1, "maxBackoffMilliseconds": 1}
    rule: dict[str, Any] = {"backends": backends, "fallback": fallback, "retries": quick, "match": draw(_match())}
    if draw(st.booleans()):
        rule["sticky"] = {"header": draw(st.sampled_from(HEADERS))}
    return rule


_GOLD = {"secretSelector": {"matchLabels": {"tier": "gold"}}}
_AUTH: st.SearchStrategy[dict[str, Any] | None] = st.sampled_from(
    [
        None,
        None,
        {"apiKeys": {}},
        {"apiKeys": _GOLD},
        {"apiKeys": {}, "allow": {"users": ["ada"], "teams": ["a b"]}},
        {"apiKeys": {}, "allow": {"teams": ["search"]}},
    ]
)

__all__ = [
    "CALLERS",
    "FAILING",
    "FLEETS",
    "FOREIGN",
    "HEALTHY",
    "NAMESPACE",
    "STRANGER",
    "Asked",
    "Case",
    "cases",
    "collected",
    "world",
]
