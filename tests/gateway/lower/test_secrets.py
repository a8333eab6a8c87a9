"""Keys are read from Secrets one by one, each counts once, and none is ever shown."""

import base64
from typing import Any

import pytest

from modelfleet.gateway.ir import ApiKey, Priority, SecretKey
from modelfleet.gateway.lower.secrets import (
    LONGEST_KEY,
    SHORTEST_KEY,
    Keys,
    KeySecret,
    read_keys,
    read_provider_keys,
    settle,
)

KEY = "sk-0123456789abcdef"
OLD_KEY = "sk-fedcba9876543210"


def secret(name: str = "clients", *, kind: str = "api-keys", created: str | None = None, **entries: str | bytes) -> Any:
    """Return a Secret of namespace "models" with *entries* as its data."""
    texts = {user: text.encode() if isinstance(text, str) else text for user, text in entries.items()}
    metadata: dict[str, Any] = {"name": name, "namespace": "models", "creationTimestamp": created, "labels": {}}
    data = {user: base64.b64encode(text).decode() for user, text in texts.items()}
    return {"metadata": metadata, "type": f"modelfleet.dev/{kind}", "data": data}


def labelled(found: Any, **labels: str) -> Any:
    """Return *found* with labels of our group."""
    found["metadata"]["labels"] = {f"modelfleet.dev/{name}": value for name, value in labels.items()}
    return found


def said(read: KeySecret) -> list[str]:
    """Return what is wrong with the keys of a Secret."""
    return [problem.message for problem in read.problems]


def test_key_belongs_to_its_user_and_to_the_team_and_priority_of_the_secret() -> None:
    read = read_keys(labelled(secret(ada=KEY), team="search", priority="High"))

    labels = ("modelfleet.dev/priority", "High"), ("modelfleet.dev/team", "search")

    assert read.keys == (ApiKey(KEY, "models/clients", "ada", "search", Priority.HIGH, labels),)
    assert read.problems == ()


def test_labels_travel_with_every_request_and_so_have_an_end() -> None:
    labels = {f"label-{number:02d}": "x" * 41 for number in range(64)}
    good, bad = (read_keys(labelled(secret(ada=KEY), **more)) for more in (labels, labels | {"y": "z"}))

    assert good.keys
    assert not bad.keys
    assert "`metadata.labels` must have at most 4096 characters together, found 4113." in said(bad)[0]


def test_old_key_counts_beside_the_new_one() -> None:
    assert [key.key for key in read_keys(secret(ada=f"{KEY},{OLD_KEY}")).keys] == [KEY, OLD_KEY]


def test_spaces_and_line_breaks_around_keys_do_not_count() -> None:
    assert [key.key for key in read_keys(secret(ada=f" {KEY}, {OLD_KEY}\n")).keys] == [KEY, OLD_KEY]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", '`data["ada"]` must not be empty', id="empty"),
        pytest.param(f"{KEY},", '`data["ada"]` must not be empty', id="nothing after the comma"),
        pytest.param("short", f"must have {SHORTEST_KEY} to {LONGEST_KEY} characters, found 5", id="too short"),
        pytest.param("k" * 513, f"must have {SHORTEST_KEY} to {LONGEST_KEY} characters, found 513", id="too long"),
        pytest.param("sk-0123456789\x00abcdef", "without spaces or control characters", id="control character"),
        pytest.param("sk-0123456789 abcdef", "without spaces or control characters", id="space"),
        pytest.param("sk-0123456789-schlüssel", "must have visible ASCII characters only", id="not ASCII"),
        pytest.param(b"\xff\xfe0123456789abcdef", "must be text in UTF-8", id="not UTF-8"),
        pytest.param("eyJhbGciOiJSUzI1NiJ9", 'must not begin with "eyJ"', id="like a web token"),
    ],
)
def test_unusable_key_is_refused_alone_and_not_shown(text: str | bytes, problem: str) -> None:
    read = read_keys(secret(ada=text, bob=OLD_KEY))

    assert OLD_KEY in [key.key for key in read.keys]
    assert problem in read.problems[0].message
    assert not isinstance(text, str) or len(text) < SHORTEST_KEY or text not in repr(read)


def test_malformed_base64_is_a_problem_and_no_crash() -> None:
    broken = secret(bob=KEY)
    broken["data"]["ada"] = "%%%"

    read = read_keys(broken)

    assert [key.user for key in read.keys] == ["bob"]
    assert said(read) == ['Secret models/clients: `data["ada"]` must be text in UTF-8.']


def test_secret_of_another_type_has_no_keys() -> None:
    read = read_keys(secret(ada=KEY) | {"type": "Opaque"})

    assert read.keys == ()
    assert said(read) == ['Secret models/clients: `type` must be modelfleet.dev/api-keys, found "Opaque".']


def test_unknown_priority_counts_as_normal() -> None:
    read = read_keys(labelled(secret(ada=KEY), priority="Urgent"))

    assert read.keys[0].priority == Priority.NORMAL
    assert 'must be Low, Normal or High, found "Urgent"' in read.problems[0].message


def test_user_that_could_be_taken_for_two_is_refused() -> None:
    read = read_keys(secret() | {"stringData": {"ada|root": KEY}})

    assert read.keys == ()
    assert "must have names of users" in read.problems[0].message


def test_key_of_two_users_of_one_secret_belongs_to_the_first_by_name() -> None:
    read = read_keys(secret(bob=KEY, ada=KEY))

    assert [key.user for key in read.keys] == ["ada"]
    assert '`data["ada"]` and `data["bob"]` must not hold the same key: it counts as "ada"' in said(read)[0]
    assert read.problems[0].reason == "DuplicateKey"


def test_key_that_is_written_twice_for_one_user_counts_once() -> None:
    read = read_keys(secret(ada=f"{KEY},{KEY}"))

    assert len(read.keys) == 1
    assert read.problems == ()


def test_key_of_two_secrets_belongs_to_the_older_one_and_both_are_told() -> None:
    younger = read_keys(secret("a", created="2026-01-02T00:00:00Z", ada=KEY))
    older = read_keys(secret("b", created="2026-01-01T00:00:00Z", bob=KEY))

    keys = settle([younger, older])

    assert [key.user for key in keys.keys] == ["bob"]
    assert set(keys.problems) == {"models/a", "models/b"}
    assert '"bob" of Secret models/b and "ada" of Secret models/a' in keys.problems["models/a"][0].message
    assert KEY not in repr(keys)


def test_key_of_two_secrets_of_one_age_belongs_to_the_first_by_name() -> None:
    keys = settle([read_keys(secret("b", bob=KEY)), read_keys(secret("a", ada=KEY))])

    assert [key.user for key in keys.keys] == ["ada"]


def test_order_of_the_secrets_changes_nothing() -> None:
    secrets = [read_keys(secret(name, ada=KEY, bob=f"{name}-{OLD_KEY}")) for name in "cab"]

    assert settle(secrets) == settle(secrets[::-1])


def test_no_secrets_are_no_keys() -> None:
    assert settle([]) == Keys()
    assert read_keys(secret()) == KeySecret("models/clients")


def test_provider_keys_are_named_by_secret_and_entry() -> None:
    read = read_provider_keys(secret("openai", kind="provider-key", token=f"{KEY}\n"))

    assert read.values == {SecretKey("models", "openai", "token"): KEY}
    assert KEY not in repr(read)


@pytest.mark.parametrize("text", ["", "a b", "a\r\nx-injected: 1", b"\xff"])
def test_unusable_provider_key_is_a_problem(text: str | bytes) -> None:
    read = read_provider_keys(secret("openai", kind="provider-key", token=text))

    assert read.values == {}
    assert '`data["token"]` must' in read.problems[0].message


def test_api_keys_are_no_provider_keys() -> None:
    assert read_provider_keys(secret(ada=KEY)).values == {}
