"""What is served: whole steps, nothing that does not fit, and the last good content of what a gateway refused."""

from typing import Any

import pytest
from tests.controller.serve.xds.gateway_model import SCHEMA, content, resources

from modelfleet.controller.serve.xds.resources import UnfitResources, prepare
from modelfleet.gateway.schema.type_urls import CDS, EDS, MARKER, MARKER_KEY, RDS, RTDS, SDS

ROUTES: dict[str, Any] = {"name": "a"}


def test_everything_that_does_not_fit_is_named() -> None:
    changes: dict[str, Any] = {
        RDS: {"a": {"name": "a", "nope": 1}, "b": {"name": "b"}, "c": None},
        CDS: {"a": {"name": "b"}},
        "type.googleapis.com/envoy.Nope": {"x": {"name": "x"}},
        RTDS: {MARKER: {"name": MARKER}},
    }
    with pytest.raises(UnfitResources) as unfit:
        prepare(SCHEMA, changes)

    assert [*unfit.value.errors] == [
        (RDS, "a"),
        (CDS, "a"),
        ("type.googleapis.com/envoy.Nope", "x"),
        (RTDS, MARKER),
    ]
    assert '"b"' in unfit.value.errors[CDS, "a"].reason


def test_a_secret_that_does_not_fit_is_not_quoted() -> None:
    with pytest.raises(UnfitResources) as unfit:
        prepare(SCHEMA, {SDS: {"a": {"name": "a", "generic_secret": {"secret": {"inline_bytes": "s3cret!"}}}}})

    assert "s3cret" not in str(unfit.value)


def test_a_cluster_knows_the_name_of_its_endpoints() -> None:
    clusters: dict[str, Any] = {
        "a": {"name": "a", "eds_cluster_config": {}},
        "a~1": {"name": "a~1", "eds_cluster_config": {"service_name": "a"}},
        "static": {"name": "static", "type": "STATIC"},
    }
    prepared = prepare(SCHEMA, {CDS: clusters})

    assert [c and c.assignment for c in prepared.values()] == ["a", "a", None]


def test_only_what_differs_is_a_change() -> None:
    served = resources()
    served.put((1, 1), {(RDS, "a"): content("1"), (RDS, "b"): content("1")})
    changed = served.put((1, 2), {(RDS, "a"): content("1"), (RDS, "b"): content("2"), (RDS, "gone"): None})
    versions = [found.version for name in "ab" if (found := served.get(RDS, name))]

    assert changed == {RDS: ["b"]}
    assert versions == ["1-1.1", "1-2.2"]
    assert served.vector == (1, 2)


def test_the_fingerprint_tells_what_is_served_and_not_how_it_came_about() -> None:
    one, other = resources(), resources()
    one.put((1, 1), {(RDS, "a"): content("1"), (RDS, "gone"): content("1")})
    early = one.fingerprint
    one.put((1, 2), {(RDS, "gone"): None, (CDS, "a"): content("1")})
    other.put((7, 9), {(CDS, "a"): content("1"), (RDS, "a"): content("1")})

    assert one.fingerprint == other.fingerprint != early
    one.put((1, 3), {(RDS, "a"): content("2")})
    assert one.fingerprint != other.fingerprint


def test_the_marker_carries_the_state_of_the_last_change() -> None:
    served = resources()
    served.put((1, 1), {})
    served.put((1, 2), {(RDS, "a"): content("1")})
    served.put((1, 3), {(RDS, "a"): content("1")})
    marker: Any = served.get(RTDS, MARKER)
    runtime: Any = SCHEMA.type("envoy.service.runtime.v3.Runtime").FromString(marker.content.body)

    assert runtime.layer[MARKER_KEY] == "1-2"
    assert marker.version.startswith("1-2.")


def test_what_is_refused_goes_back_to_what_a_gateway_took() -> None:
    served = resources()
    served.put((1, 1), {(RDS, "a"): content("good")})
    served.prove(RDS, "a", "good")
    served.put((1, 2), {(RDS, "a"): content("unseen")})
    served.put((1, 3), {(RDS, "a"): content("bad")})

    assert served.refuse(RDS, "a", "bad")
    found = served.get(RDS, "a")
    assert found
    assert (found.digest, found.version, served.wanted(RDS, "a")) == ("good", "1-1.good", "bad")


def test_what_was_refused_is_not_tried_again_and_something_else_is() -> None:
    served = resources()
    served.put((1, 1), {(RDS, "a"): content("good")})
    served.prove(RDS, "a", "good")
    served.put((1, 2), {(RDS, "a"): content("bad")})
    served.refuse(RDS, "a", "bad")

    assert served.put((1, 3), {(RDS, "a"): content("bad")}) == {}
    assert served.put((1, 4), {(RDS, "a"): content("better")}) == {RDS: ["a"]}
    assert served.wanted(RDS, "a") == "better"


def test_the_good_content_may_be_put_again_after_a_refusal() -> None:
    served = resources()
    served.put((1, 1), {(RDS, "a"): content("good")})
    served.prove(RDS, "a", "good")
    served.put((1, 2), {(RDS, "a"): content("bad")})
    served.refuse(RDS, "a", "bad")
    served.put((1, 3), {(RDS, "a"): content("good")})
    found = served.get(RDS, "a")

    assert found
    assert (found.version, served.wanted(RDS, "a")) == ("1-1.good", "good")


def test_what_is_refused_without_anything_before_it_is_withheld_and_taken_from_nobody() -> None:
    served = resources()
    served.put((1, 1), {(RDS, "a"): content("bad")})

    assert served.refuse(RDS, "a", "bad")
    assert served.get(RDS, "a") is None
    assert not served.is_gone(RDS, "a")

    served.put((1, 2), {(RDS, "a"): None})

    assert served.is_gone(RDS, "a")


@pytest.mark.parametrize(("proven", "refused"), [("new", "new"), ("old", "old")], ids=["taken elsewhere", "outdated"])
def test_a_refusal_changes_nothing_when_another_gateway_took_it_or_it_is_outdated(proven: str, refused: str) -> None:
    served = resources()
    served.put((1, 1), {(RDS, "a"): content("old")})
    served.put((1, 2), {(RDS, "a"): content("new")})
    served.prove(RDS, "a", proven)

    assert not served.refuse(RDS, "a", refused)
    assert served.wanted(RDS, "a") == "new"


def test_an_empty_assignment_names_its_cluster() -> None:
    served = resources()
    served.put((1, 1), {})
    made: Any = SCHEMA.type("envoy.config.endpoint.v3.ClusterLoadAssignment")
    message = made.FromString(served.empty_assignment("a").content.body)

    assert (message.cluster_name, len(message.endpoints)) == ("a", 0)
    assert served.get(EDS, "a") is None
