"""Histories of objects that come, change and go, for whatever must not depend on the way."""

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st
from tests.gateway import objects
from tests.gateway.objects import setting

from modelfleet.api.v1alpha1.cache_policy import CachePolicy
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment
from modelfleet.api.v1alpha1.route_policy import RoutePolicy
from modelfleet.controller.gateway.compiler import Compiler
from modelfleet.gateway.lower.objects import Objects
from modelfleet.gateway.lower.whole import Lowered, lower

SETTING = setting(allowedHosts=["api.example.com"], names={"granted": "other"})
DATES = st.sampled_from([None, "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"])
NAMESPACES = st.sampled_from(["models", "other"])
NAMES = st.lists(st.sampled_from(["chat", "talk", "a", "granted"]), min_size=1, max_size=2, unique=True)

FLEETS = st.builds(
    lambda name, served, **rest: objects.fleet(name, model={"servedNames": served} if served else {}, **rest),
    st.sampled_from("abc"),
    st.just([]) | NAMES,
    namespace=NAMESPACES,
    created=DATES,
    exposure=st.sampled_from([None, "Direct", "PolicyOnly"]),
)
KEYED: dict[str, Any] = {"apiKeySecretRef": {"name": "openai", "key": "api-key"}}
FALLBACK = st.sampled_from([[], [objects.to("c")], [objects.outside()], [objects.outside(**KEYED)]])
POLICIES = st.builds(
    lambda name, backend, fallback, **rest: objects.policy(
        objects.rule(objects.to(backend), fallback=fallback), name=name, **rest
    ),
    st.sampled_from("pq"),
    st.sampled_from("ab"),
    FALLBACK,
    models=NAMES,
    namespace=NAMESPACES,
    created=DATES,
    held=NAMES,
    auth=st.sampled_from([None, {"apiKeys": {"secretSelector": {"matchLabels": {"for": "chat"}}}}]),
)
CACHES = st.builds(
    lambda name, target, namespace, created: objects.caching(
        target, name=name, namespace=namespace, created=created, affinity={"key": "User"}
    ),
    st.sampled_from("xy"),
    st.sampled_from("ab"),
    NAMESPACES,
    DATES,
)
SECRETS = st.builds(
    lambda name, namespace, created, labels, key: objects.secret(
        name, namespace=namespace, created=created, labels=labels, ada=key
    ),
    st.sampled_from(["s", "t", "openai"]),
    NAMESPACES,
    DATES,
    st.sampled_from([{}, {"for": "chat"}]),
    st.sampled_from([objects.KEY, "sk-another-key-of-someone", "short"]),
) | st.just(objects.provider_secret())
OBJECTS = st.one_of(FLEETS, POLICIES, CACHES, SECRETS)
CHANGES = st.lists(st.tuples(OBJECTS, st.sampled_from([True, True, False])), max_size=14)

Thing = Any
Id = tuple[type, str, str]


def id_of(thing: Thing) -> Id:
    """Return kind, namespace and name."""
    if isinstance(thing, dict):
        return dict, thing["metadata"]["namespace"], thing["metadata"]["name"]
    return type(thing), thing.metadata.namespace, thing.metadata.name


def put(compiler: Compiler, key: Id, thing: Thing | None) -> None:
    """Tell *compiler* of a change."""
    kind, namespace, name = key
    tell: Any = {
        ModelDeployment: compiler.put_fleet,
        RoutePolicy: compiler.put_policy,
        CachePolicy: compiler.put_cache,
        dict: compiler.put_secret,
    }
    tell[kind](namespace, name, thing)


def at_once(known: Mapping[Id, Thing]) -> Lowered:
    """Return what all objects make of the gateway."""

    def those(kind: type) -> tuple[Any, ...]:
        return tuple(thing for (its, _, _), thing in known.items() if its is kind)

    return lower(Objects(those(ModelDeployment), those(RoutePolicy), those(CachePolicy), those(dict)), SETTING)
