"""What one gateway is sent, and when."""

from tests.controller.serve.xds.gateway_model import GatewayModel, content, fleet, resources, without

from modelfleet.controller.serve.xds.client import Client
from modelfleet.controller.serve.xds.messages import Request, Response
from modelfleet.controller.serve.xds.resources import Resources
from modelfleet.gateway.schema.type_urls import CDS, ECDS, EDS, LDS, MARKER, RDS, RTDS, SRDS

NAMES = {
    RTDS: "marker",
    CDS: "clusters",
    EDS: "endpoints",
    RDS: "routes",
    SRDS: "scopes",
    LDS: "listeners",
    ECDS: "ext",
}


def served(*names: str) -> Resources:
    made = resources()
    made.put((1, 1), {key: body for name in names for key, body in fleet(name).items()} | {(LDS, "l"): content("1")})
    return made


def settled(*names: str) -> GatewayModel:
    gateway = GatewayModel(served(*names))
    gateway.settle()
    gateway.seen.clear()
    return gateway


def order(gateway: GatewayModel) -> list[str]:
    return [("-" if response.removed else "") + NAMES[response.type_url] for response in gateway.seen]


def sent(response: Response | None) -> list[str]:
    return [] if response is None else [resource.name for resource in response.resources]


def keep_changing_endpoints(gateway: GatewayModel) -> None:
    """Change them anew whenever something was sent, before it is answered."""
    for number in range(3, 30):
        while gateway.accept():
            pass
        gateway.put((1, number), {(EDS, "a"): content(str(number))})
        gateway.deliver()


def test_a_cold_gateway_gets_everything_in_order() -> None:
    gateway = GatewayModel(served("a", "b"))
    gateway.settle()

    assert order(gateway) == ["marker", "clusters", "endpoints", "listeners", "scopes", "routes"]
    assert gateway.broken() == []


def test_a_new_fleet_comes_from_its_cluster_to_its_scope() -> None:
    gateway = settled("a")
    gateway.put((1, 2), fleet("b"))
    gateway.settle()

    assert order(gateway) == ["marker", "clusters", "endpoints", "scopes", "routes"]


def test_a_fleet_leaves_from_its_scope_to_its_cluster_after_the_marker() -> None:
    gateway = settled("a", "b")
    gateway.put((1, 2), without(fleet("a")))
    gateway.settle()

    assert order(gateway) == ["marker", "-scopes", "-clusters"]
    assert gateway.has[CDS].keys() == gateway.has[EDS].keys() == gateway.has[RDS].keys() == {"b"}


def test_removals_come_after_all_else_that_was_put_with_them() -> None:
    gateway = settled("a", "b")
    gateway.put((1, 2), without(fleet("a")) | {(RDS, "b"): content("2>b"), (CDS, "b"): content("2", "b")})
    gateway.settle()

    assert order(gateway) == ["marker", "clusters", "endpoints", "routes", "-scopes", "-clusters"]


def test_a_route_leads_to_a_new_cluster_only_once_that_is_warm() -> None:
    gateway = settled("a")
    gateway.put((1, 2), {**fleet("b"), (RDS, "a"): content("2>b")})
    while gateway.accept():
        pass

    assert order(gateway) == ["marker", "clusters"]

    gateway.settle()

    assert order(gateway) == ["marker", "clusters", "endpoints", "routes", "scopes", "routes"]


def test_a_cluster_leaves_after_a_scope_that_must_wait_for_an_earlier_one() -> None:
    gateway = settled("a", "b", "c")
    gateway.put((1, 2), without(fleet("a")))
    marker, scopes = gateway.client.next(), gateway.client.next()
    gateway.put((1, 3), without(fleet("b")))
    assert marker
    assert scopes
    gateway.client.receive(Request(RTDS, nonce=marker.nonce))
    gateway.client.next()

    assert scopes.removed == ("a",)
    assert gateway.client.next() is None


def test_content_waits_for_its_own_marker() -> None:
    gateway = settled("a")
    gateway.put((1, 2), {(EDS, "a"): content("2")})
    gateway.client.next()
    gateway.put((1, 3), {(EDS, "a"): content("3")})

    assert gateway.client.next() is None


def test_half_of_what_was_refused_waits_like_anything_else() -> None:
    gateway = settled("a", "b")
    gateway.put((1, 2), {(RDS, "a"): content("2>a"), (RDS, "b"): content("2>b")})
    marker, routes = gateway.client.next(), gateway.client.next()
    gateway.put((1, 3), {**fleet("c"), (RDS, "a"): content("3>c"), (RDS, "b"): content("3>c")})
    assert marker
    assert routes
    gateway.client.receive(Request(RTDS, nonce=marker.nonce))
    gateway.client.receive(Request(RDS, nonce=routes.nonce, error="at fault"))
    later = [gateway.client.next(), gateway.client.next(), gateway.client.next()]

    assert [sent(response) for response in later] == [[MARKER], ["c"], []]


def test_changes_that_come_while_a_response_is_in_flight_go_into_one() -> None:
    gateway = settled("a", "b")
    gateway.put((1, 2), {(EDS, "a"): content("2")})
    first = [gateway.client.next(), gateway.client.next(), gateway.client.next()]
    for number in range(3, 9):
        gateway.put((1, number), {(EDS, "a"): content(str(number)), (EDS, "b"): content(str(number))})

    assert [sent(response) for response in first] == [[MARKER], ["a"], []]
    assert gateway.client.next() is None

    for response in first[:2]:
        assert response
        gateway.client.receive(Request(response.type_url, nonce=response.nonce))
    marker, endpoints = gateway.client.next(), gateway.client.next()

    assert (sent(marker), sent(endpoints)) == ([MARKER], ["a", "b"])
    assert endpoints
    assert [resource.digest for resource in endpoints.resources] == ["8", "8"]


def test_an_answer_to_an_older_response_tells_nothing() -> None:
    gateway = settled("a")
    gateway.put((1, 2), {(EDS, "a"): content("2")})
    gateway.client.next()
    gateway.client.next()
    gateway.client.receive(Request(EDS, nonce="1"))
    gateway.put((1, 3), {(EDS, "a"): content("3")})

    assert gateway.client.next() is None


def test_content_that_goes_and_comes_back_while_it_is_in_flight_arrives() -> None:
    gateway = settled("a")
    gateway.put((1, 2), {(EDS, "a"): content("2")})
    gateway.accept()
    gateway.accept()
    gateway.put((1, 3), {(EDS, "a"): content("1")})
    gateway.settle()

    assert gateway.digests(EDS) == {"a": "1"}


def test_routes_do_not_wait_for_endpoints_that_were_put_later() -> None:
    """Else endpoints that never stop changing would keep a new policy out for ever."""
    gateway = settled("a", "b")
    gateway.put((1, 2), {(EDS, "a"): content("2"), (RDS, "b"): content("2>b")})
    keep_changing_endpoints(gateway)

    assert gateway.digests(RDS)["b"] == "2>b"


def test_removals_do_not_wait_for_what_was_put_later() -> None:
    gateway = settled("a", "b")
    gateway.put((1, 2), without(fleet("b")))
    keep_changing_endpoints(gateway)

    assert gateway.has[CDS].keys() == {"a"}


def test_a_changed_cluster_is_followed_by_its_endpoints_though_they_are_as_before() -> None:
    gateway = settled("a", "b")
    gateway.put((1, 2), {(CDS, "a"): content("2", "a")})
    gateway.settle()

    assert order(gateway) == ["marker", "clusters", "endpoints"]
    assert sent(gateway.seen[-1]) == ["a"]
    assert gateway.cold == set()


def test_an_answer_to_earlier_endpoints_does_not_cancel_those_after_a_changed_cluster() -> None:
    gateway = settled("a")
    gateway.put((1, 2), {(EDS, "a"): content("2")})
    marker, endpoints = gateway.client.next(), gateway.client.next()
    gateway.put((1, 3), {(CDS, "a"): content("3", "a")})
    assert marker
    assert endpoints
    gateway.client.receive(Request(RTDS, nonce=marker.nonce))
    first = [gateway.client.next(), gateway.client.next()]
    gateway.client.receive(Request(EDS, nonce=endpoints.nonce))

    assert [sent(response) for response in first] == [[MARKER], ["a"]]
    assert sent(gateway.client.next()) == ["a"]


def test_a_changed_cluster_that_leaves_before_its_endpoints_came_gets_those_it_had() -> None:
    """Else it would never become warm, and Envoy would not answer for any cluster."""
    gateway = settled("a")
    gateway.put((1, 2), {(CDS, "a"): content("2", "a")})
    gateway.accept()
    gateway.accept()
    gateway.put((1, 3), without(fleet("a")))
    gateway.settle()

    assert order(gateway) == ["marker", "clusters", "marker", "endpoints", "-scopes", "-clusters"]
    assert gateway.seen[3].resources[0].digest == "1"


def test_a_new_cluster_with_the_endpoints_of_another_gets_them() -> None:
    gateway = settled("a")
    gateway.put((1, 2), {(CDS, "a~1"): content("1", "a")})
    gateway.settle()

    assert order(gateway) == ["marker", "clusters", "endpoints"]
    assert gateway.cold == set()


def test_a_cluster_that_nobody_gave_endpoints_gets_empty_ones() -> None:
    gateway = settled("a")
    gateway.put((1, 2), {key: body for key, body in fleet("b").items() if key[0] != EDS})
    gateway.settle()

    assert gateway.contents[EDS]["b"].body == b"\n\x01b"
    assert gateway.has[SRDS].keys() == {"a", "b"}


def test_a_name_that_does_not_exist_is_answered_once() -> None:
    gateway = settled("a")
    gateway.watch(RDS, "nowhere")
    gateway.settle()
    gateway.put((1, 2), {(EDS, "a"): content("2")})
    gateway.settle()

    assert order(gateway) == ["-routes", "marker", "endpoints"]


def test_a_name_that_is_asked_for_again_is_sent_again() -> None:
    gateway = settled("a")
    gateway.watch(RDS, "a")
    gateway.settle()

    assert [sent(response) for response in gateway.seen if response.type_url == RDS] == [["a"]]


def test_a_name_that_is_no_longer_asked_for_is_not_sent() -> None:
    gateway = settled("a", "b")
    gateway.drop(EDS, "a")
    gateway.deliver()
    gateway.put((1, 2), {(EDS, "a"): content("2")})
    gateway.settle()

    assert order(gateway) == []
    assert gateway.client.version(EDS, "a") is None


def test_extensions_go_one_by_one() -> None:
    gateway = settled("a")
    gateway.put((1, 2), {(ECDS, name): content("1") for name in "xyz"})
    gateway.watch(ECDS, *"xyz")
    gateway.settle()

    assert [sent(response) for response in gateway.seen if response.type_url == ECDS] == [["x"], ["y"], ["z"]]


def test_whoever_has_it_all_is_sent_nothing() -> None:
    gateway = settled("a", "b")
    other = resources()
    other.put((1, 9), {**fleet("a"), **fleet("b"), (LDS, "l"): content("1")})
    gateway.connect(other)
    gateway.settle()

    assert gateway.seen == []


def test_what_a_gateway_brought_along_and_is_gone_is_removed() -> None:
    gateway = settled("a", "b")
    other = resources()
    other.put((1, 9), {**fleet("a"), (LDS, "l"): content("1")})
    gateway.connect(other)
    gateway.settle()

    assert order(gateway) == ["marker", "-scopes", "-clusters"]


def test_a_gateway_that_has_seen_more_is_sent_nothing_until_that_is_put() -> None:
    gateway = settled("a", "b")
    gateway.put((1, 3), without(fleet("b")))
    gateway.settle()
    gateway.seen.clear()
    other = resources()
    other.put((1, 2), {**fleet("a"), **fleet("b"), **fleet("c")})
    gateway.connect(other)
    gateway.settle()

    assert gateway.client.ahead() == [(1, 3)]
    assert gateway.seen == []

    gateway.put((1, 3), without(fleet("b")))
    gateway.settle()

    assert gateway.client.ahead() == []
    assert gateway.has[CDS].keys() == {"a", "c"}


def test_a_gateway_is_let_go_of_what_it_has_seen() -> None:
    gateway = settled("a", "b")
    other = resources()
    other.put((1, 0), fleet("a"))
    gateway.connect(other)
    gateway.settle()
    gateway.client.let_go((1, 0))

    assert gateway.client.ahead() == [(1, 1)]

    gateway.client.let_go((1, 1))
    gateway.settle()

    assert gateway.has[CDS].keys() == {"a"}


def test_a_gateway_that_was_let_go_is_not_held_for_what_it_names_later() -> None:
    """Its first request names the marker, further ones what else it has of the same state."""
    gateway = settled("a", "b")
    other = resources()
    other.put((1, 0), fleet("a"))
    gateway.connect(other)
    gateway.deliver()
    gateway.client.let_go((1, 1))
    gateway.settle()

    assert gateway.has[CDS].keys() == {"a"}


def test_a_gateway_without_the_marker_layer_is_served_too() -> None:
    client = Client(served("a"))
    client.receive(Request(CDS))

    assert sent(client.next()) == ["a"]
