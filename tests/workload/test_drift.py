"""A live object agrees with what was applied as long as it says all of it; what else it says does not matter."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.workload.fleets import fleet, planned

from modelfleet.workload.children.compile import children
from modelfleet.workload.drift import agrees

TEXTS = st.sampled_from(["", "a", "name", "mountPath", "2Gi", "2048Mi", "1", "type", "limits", "sizeLimit"])
SCALARS = st.none() | st.booleans() | st.integers(-3, 3000) | TEXTS
TREES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=12
)


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        pytest.param({"a": 1}, {"a": 1, "b": 2}, id="a default that the server added"),
        pytest.param({"a": {}}, {}, id="an empty object and an absent one"),
        pytest.param({"a": []}, {}, id="an empty list and an absent one"),
        pytest.param({"a": None}, {"a": 420}, id="a null, for which the server put its default"),
        pytest.param({"emptyDir": {}}, {"emptyDir": {"medium": ""}}, id="an empty object that got defaults"),
        pytest.param(
            {"limits": {"memory": "2048Mi"}}, {"limits": {"memory": "2Gi"}}, id="the same amount in another unit"
        ),
        pytest.param({"requests": {"cpu": "0.5"}}, {"requests": {"cpu": "500m"}}, id="the same amount in thousandths"),
        pytest.param({"limits": {"gpu": 4}}, {"limits": {"gpu": "4"}}, id="the same amount as a text"),
        pytest.param({"sizeLimit": "2048Mi"}, {"sizeLimit": "2Gi"}, id="the same size of a volume"),
        pytest.param([{"name": "a"}], [{"name": "b"}, {"name": "a"}], id="a sidecar somebody injected"),
        pytest.param([{"name": "a"}, {"name": "b"}], [{"name": "b"}, {"name": "a"}], id="items in another order"),
        pytest.param(
            [{"name": "v", "mountPath": "/a", "subPath": "a"}, {"name": "v", "mountPath": "/b", "subPath": "b"}],
            [{"name": "v", "mountPath": "/b", "subPath": "b"}, {"name": "v", "mountPath": "/a", "subPath": "a"}],
            id="two mounts of one volume",
        ),
        pytest.param(["--a", "1"], ["--a", "1"], id="arguments"),
    ],
)
def test_what_the_server_adds_is_no_drift(wanted: Any, live: Any) -> None:
    assert agrees(wanted, live)


@pytest.mark.parametrize(
    ("wanted", "live"),
    [
        pytest.param({"a": 1}, {"a": 2}, id="another value"),
        pytest.param({"a": 1}, {}, id="a value that is gone"),
        pytest.param({"a": {"b": 1}}, {"a": "b"}, id="another kind of value"),
        pytest.param({"a": True}, {"a": "true"}, id="a text for a boolean"),
        pytest.param(["a"], "a", id="a text for a list"),
        pytest.param([{"name": "a"}], [{"name": "b"}], id="an item that is gone"),
        pytest.param([{"name": "a", "image": "x"}], [{"name": "a", "image": "y"}], id="an item that was edited"),
        pytest.param(["--a", "1"], ["--a", "1", "--b"], id="an argument too many"),
        pytest.param(["--a", "1"], ["1", "--a"], id="arguments in another order"),
        pytest.param([{"key": "x"}], [{"key": "x"}, {"key": "y"}], id="a toleration too many"),
        pytest.param({"limits": {"memory": "2Gi"}}, {"limits": {"memory": "2G"}}, id="another unit"),
        pytest.param({"limits": {"memory": "2Gi"}}, {"limits": {}}, id="an amount that is gone"),
        pytest.param(["--max-model-len", "1Ki"], ["--max-model-len", "1024"], id="an argument in another unit"),
        pytest.param({"value": "1Ki"}, {"value": "1024"}, id="a text that is no amount"),
        pytest.param({"selector": {"a": "1"}}, {"selector": {"a": "1", "b": "2"}}, id="a selector that selects less"),
        pytest.param({"podSelector": {}}, {"podSelector": {"matchLabels": {"a": "1"}}}, id="pods that are left out"),
        pytest.param([{"name": {"odd": 1}}], [{"name": {"odd": 2}}], id="names that are no texts"),
    ],
)
def test_what_somebody_changed_is_drift(wanted: Any, live: Any) -> None:
    assert not agrees(wanted, live)


@given(TREES)
def test_everything_agrees_with_itself(tree: Any) -> None:
    assert agrees(tree, tree)


@given(st.dictionaries(TEXTS, TREES, max_size=4), st.dictionaries(TEXTS, TREES, max_size=4))
def test_saying_more_never_causes_drift(wanted: dict[str, Any], more: dict[str, Any]) -> None:
    assert agrees(wanted, {**more, **wanted})


@given(TREES, TREES)
def test_comparing_never_fails(wanted: Any, live: Any) -> None:
    assert agrees(wanted, live) in (True, False)


def test_every_child_agrees_with_itself() -> None:
    made = children(planned(fleet()))

    assert [agrees(one, other) for one in made for other in made] == [one is other for one in made for other in made]
