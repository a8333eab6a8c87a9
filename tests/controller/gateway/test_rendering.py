"""After any history, gateways were sent what is rendered from everything at once; a change sends what it concerns."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.controller.gateway.histories import CHANGES, SETTING, Thing, at_once, id_of, put
from tests.gateway import objects

from modelfleet.controller.gateway.compiler import Compiler, Difference
from modelfleet.controller.gateway.rendering import Changes, Rendering
from modelfleet.gateway.ir import Address
from modelfleet.gateway.render import Place, Replicas, resources
from modelfleet.gateway.schema.type_urls import CDS, ECDS, EDS, RDS, SRDS

REPLICAS = st.builds(
    Replicas,
    st.dictionaries(st.sampled_from(["models/a", "models/b"]), st.just((Address("10.0.0.1", 8000),)), max_size=2),
    st.sampled_from([(), (Address("10.0.0.8", 8090),)]),
    st.sampled_from([(), (Address("10.0.0.9", 8080),), (Address("10.0.0.7", 8080), Address("10.0.0.9", 8080))]),
)
PLACE = Place()


def take(served: dict[str, dict[str, Any]], changes: Changes) -> None:
    """Do what the server does with *changes*."""
    for type_url, bodies in changes.items():
        for name, body in bodies.items():
            served.setdefault(type_url, {}).pop(name, None)
            if body is not None:
                served[type_url][name] = body


def rendered(compiler: Compiler) -> Rendering:
    """Return a rendering that has sent all that *compiler* knows."""
    rendering = Rendering(compiler, SETTING, PLACE)
    rendering.changes(compiler.compile(), Replicas({}))
    return rendering


def names(changes: Changes) -> dict[str, list[str]]:
    """Return what was changed."""
    return {type_url: sorted(bodies) for type_url, bodies in changes.items()}


@settings(max_examples=100, deadline=None)
@given(CHANGES, st.lists(REPLICAS, min_size=14, max_size=14))
def test_any_history_leads_to_what_is_rendered_at_once(
    changes: list[tuple[Thing, bool]], ready: list[Replicas]
) -> None:
    compiler, known, served = Compiler(SETTING), dict[Any, Thing](), dict[str, dict[str, Any]]()
    rendering, replicas = Rendering(compiler, SETTING, PLACE), Replicas({})
    take(served, rendering.changes(compiler.compile(), replicas))
    for (thing, stays), now in zip(changes, ready, strict=False):
        key = id_of(thing)
        known.pop(key, None)
        known |= {key: thing} if stays else {}
        put(compiler, key, thing if stays else None)
        replicas = now
        take(served, rendering.changes(compiler.compile(), replicas))

    expected = resources(at_once(known).gateway, replicas, PLACE)
    assert {url: bodies for url, bodies in served.items() if bodies} == {u: b for u, b in expected.items() if b}
    needed = {(key, table) for table in compiler.tables for key in rendering.keys_of(table)}
    assert needed == {(key, table) for key in {key for key, _ in needed} for table in rendering.tables_of(key)}


def test_a_pod_that_comes_changes_endpoints_alone() -> None:
    compiler = Compiler(SETTING)
    compiler.put_fleet("models", "a", objects.fleet("a"))
    rendering = rendered(compiler)

    changes = rendering.changes(Difference(), Replicas({"models/a": (Address("10.0.0.1", 8000),)}))

    assert names(changes) == {EDS: ["models/a"]}


def test_a_rotated_key_changes_credentials_alone() -> None:
    compiler = Compiler(SETTING)
    compiler.put_fleet("models", "a", objects.fleet("a"))
    compiler.put_secret("models", "clients", objects.secret())
    rendering = rendered(compiler)

    compiler.put_secret("models", "clients", objects.secret(ada="sk-another-key-of-ada"))
    changes = rendering.changes(compiler.compile(), Replicas({}))

    assert {url for url, bodies in changes.items() if bodies} <= {ECDS, CDS}
    assert set(changes[ECDS]) == {"api-keys", "jwt"}


def test_a_name_that_moves_between_tables_is_not_removed_on_the_way() -> None:
    compiler = Compiler(SETTING)
    compiler.put_fleet("models", "a", objects.fleet("a", model={"servedNames": ["chat"]}))
    rendering = rendered(compiler)

    compiler.put_policy("models", "p", objects.policy(objects.rule(objects.to("a")), name="p"))
    changes = rendering.changes(compiler.compile(), Replicas({}))

    assert changes[SRDS]["chat"] is not None
    assert changes[RDS]["policy/models/p"] is not None
