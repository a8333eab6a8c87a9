"""Routes: their order, what they say about tries and time, and what they depend on."""

from typing import Any

import pytest
from tests.gateway.render.tables import EXTERNAL, fleet, pool, pools, rule, split, table

from modelfleet.gateway import ir
from modelfleet.gateway.render import routes

FIRST, SECOND = split(fleet("first")), split(fleet("second"))
POOLS = pools("first", "second", "third")
FRAME = ir.Frame()


def routes_of(one: ir.RouteTable, known: dict[str, ir.Pool] | None = None) -> list[dict[str, Any]]:
    configuration = routes.route_configuration(one, known or POOLS, FRAME)
    return list(configuration["virtual_hosts"][0]["routes"])


def test_rules_keep_their_order_and_the_last_route_is_404() -> None:
    found = routes_of(table(rule(FIRST, name="b"), rule(SECOND, name="a")))

    assert [route["name"] for route in found] == ["policy/ns/chat/b", "policy/ns/chat/a", "no-rule"]
    assert found[-1]["direct_response"] == {"status": 404}


def test_each_name_is_a_scope_of_the_table() -> None:
    scopes = routes.scopes(table(rule(FIRST), models=("chat", "ns/chat")))

    assert {name: scope["key"]["fragments"] for name, scope in scopes.items()} == {
        "chat": [{"string_key": "chat"}],
        "ns/chat": [{"string_key": "ns/chat"}],
    }
    assert {scope["route_configuration_name"] for scope in scopes.values()} == {"policy/ns/chat"}


def test_requests_without_a_model_have_a_scope_too() -> None:
    configuration, scope = routes.unmatched(FRAME)

    assert scope["key"] == {"fragments": [{"string_key": "-"}]}
    assert scope["route_configuration_name"] == configuration["name"] == "unmatched"


def test_streams_have_no_limit_but_on_silence() -> None:
    (route, _) = routes_of(table(rule(FIRST, FIRST, timeouts=ir.Timeouts(idle_seconds=70, per_try_idle_seconds=30))))
    action = route["route"]

    assert (action["timeout"], action["idle_timeout"]) == ("0s", "70s")
    assert action["retry_policy"]["per_try_idle_timeout"] == "30s"
    assert "per_try_timeout" not in action["retry_policy"]


def test_a_body_is_kept_for_another_try_up_to_its_limit() -> None:
    configuration = routes.route_configuration(table(rule(FIRST)), POOLS, ir.Frame(max_body_bytes=1234))

    assert configuration["virtual_hosts"][0]["request_body_buffer_limit"] == 1234


@pytest.mark.parametrize(
    ("shed", "priority", "expected"),
    [
        (None, None, [(None, "HIGH")]),
        (ir.Shed.REJECT, None, [("Low", "DEFAULT"), (None, "HIGH")]),
        (ir.Shed.FALLBACK, None, [("Low", "DEFAULT"), (None, "HIGH")]),
        (ir.Shed.FALLBACK, ir.Priority.LOW, [("Low", "DEFAULT")]),
        (ir.Shed.FALLBACK, ir.Priority.HIGH, [("High", "HIGH")]),
    ],
)
def test_only_low_priority_under_shedding_has_the_lower_limit(
    shed: ir.Shed | None, priority: ir.Priority | None, expected: list[tuple[str | None, str]]
) -> None:
    found = routes_of(table(rule(FIRST, SECOND, shed=shed, match=ir.Match(priority=priority))))[:-1]

    assert [(_priority_of(route), route["route"]["priority"]) for route in found] == expected


def test_a_table_depends_on_the_pools_it_sends_to() -> None:
    one = table(rule(FIRST, split(EXTERNAL)), rule(split(fleet("second"), fleet("third")), name="b"))

    assert routes.fleets_of(one) == {"ns/first", "ns/second", "ns/third"}


def test_the_longest_queue_before_the_next_backend_is_the_pools() -> None:
    source = routes_of(table(rule(FIRST, SECOND)), {**POOLS, "ns/first": pool("first", queue_limit=40)})[0]["route"]
    script = source["inline_cluster_specifier_plugin"]["extension"]["typed_config"]["source_code"]["inline_string"]

    # A quarter, and 16 at most, is left for what races for the last places.
    assert '{1, "policy/ns/chat/all/0.0", "ns/first", 30}' in script


def test_names_cannot_leave_their_literals_in_the_script() -> None:
    sticky = split((fleet("first"), 1), (fleet("second"), 1), sticky='x"]]--')
    action = routes_of(table(rule(sticky, SECOND)))[0]["route"]
    script = action["inline_cluster_specifier_plugin"]["extension"]["typed_config"]["source_code"]["inline_string"]

    assert 'sticky = "x\\034\\093\\093--"' in script


def test_a_rule_without_backends_answers_itself() -> None:
    (bare, _) = routes_of(table(rule()))
    (answered, _) = routes_of(table(rule(final=ir.StaticAnswer(410, "gone"))))

    assert bare["direct_response"] == {"status": 503}
    assert answered["route"]["cluster"] == "policy/ns/chat/all/final"


def test_a_fleet_that_may_sleep_is_told_since_when_and_how_often() -> None:
    asleep = {"ns/first": pool("first", sleep=ir.Sleep(300))}
    (route, _) = routes_of(table(rule(FIRST, FIRST, FIRST)), asleep)
    added = {one["header"]["key"]: one["header"]["value"] for one in route["request_headers_to_add"]}

    assert added == {"x-modelfleet-start": "%START_TIME(%s%3f)%", "x-modelfleet-tries": "3"}


def _priority_of(route: dict[str, Any]) -> str | None:
    headers = route["match"].get("headers", [])
    return next((one["string_match"]["exact"] for one in headers if one["name"] == "x-modelfleet-priority"), None)
