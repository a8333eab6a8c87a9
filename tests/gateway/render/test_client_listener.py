"""What the client listener is made of: platform settings alone."""

import json
from dataclasses import replace
from typing import Any

import pytest

from modelfleet.gateway.ir import (
    Access,
    ApiKey,
    Frame,
    Gateway,
    JwtProvider,
    KeySelector,
    Limit,
    Per,
    Priority,
    RouteTable,
    TokenPrice,
)
from modelfleet.gateway.paths import PATHS, Api, ModelIn
from modelfleet.gateway.render import access_log, authentication, limits, listeners, tokens, tracing
from modelfleet.gateway.render.bootstrap import Served, static_bootstrap
from modelfleet.gateway.render.filters import scripts
from modelfleet.gateway.schema import Schema, type_urls

KEYS = (
    ApiKey("key-of-alice-0000", scope="models/people", user="alice", team="red", priority=Priority.HIGH),
    ApiKey("key-of-bob-000000", scope="models/people", user="bob", labels=(("a.b/c", "d"), ("tier", "gold"))),
)
PROVIDERS = (
    JwtProvider("one", "https://one.example.com", "https://one.example.com/keys", ("llm",), team_claim="org.team"),
    JwtProvider(
        "two", "https://two.example.com", "https://two.example.com:8443/keys", ("llm",), priority_claim="priority"
    ),
)
LIMITS = (
    Limit(Per.USER, requests_per_minute=60, reserved_tokens_per_minute=1000, default_max_tokens=100),
    Limit(Per.TEAM, requests_per_minute=600),
    Limit(Per.MODEL, reserved_tokens_per_minute=2**40),
)
TABLE = RouteTable("policy/models/chat", ("chat",), Access(required=True, keys=KeySelector("models")), (), LIMITS)
FRAMES = {
    "plain": Frame(),
    "TLS": Frame(client_tls=True),
    "sampled": Frame(access_log_sample_percent=5),
    "priced": Frame(token_prices=(TokenPrice("chat", 15, 60), TokenPrice('a"]]\\b', 1, 2))),
    "traced by gRPC": Frame(tracing_endpoint="grpc://otel.example.com", tracing_sample_percent=10),
    "traced by HTTP": Frame(tracing_endpoint="http://otel.example.com/custom/traces"),
}


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Schema()


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_listeners_and_their_clusters_fit_the_schema(schema: Schema, frame: Frame) -> None:
    for listener in listeners.listeners(frame).values():
        assert schema.parse(type_urls.LDS, listener)
    for cluster in tracing.clusters(frame).values():
        assert schema.parse(type_urls.CDS, cluster)


def test_no_tenant_changes_a_listener() -> None:
    gateway = Gateway(tables={TABLE.name: TABLE}, keys=KEYS, jwt=PROVIDERS)
    rendered = json.dumps(listeners.listeners(gateway.frame))

    assert rendered == json.dumps(listeners.listeners(Gateway().frame))
    assert not [key for key in KEYS if key.key in rendered]


def test_a_body_over_http2_may_be_as_large_as_any() -> None:
    frame = Frame(max_body_bytes=64 * 1024 * 1024)
    client = listeners.listeners(frame)["gateway"]
    manager = client["filter_chains"][0]["filters"][0]["typed_config"]

    assert (
        manager["http2_protocol_options"]["initial_stream_window_size"] == client["per_connection_buffer_limit_bytes"]
    )


def test_credentials_fit_the_schema(schema: Schema) -> None:
    for resource in (
        authentication.api_keys(KEYS),
        authentication.api_keys(()),
        tokens.jwt(PROVIDERS),
        tokens.jwt(PROVIDERS[:1]),
        tokens.jwt(()),
    ):
        assert schema.parse(type_urls.ECDS, resource)
    for cluster in tokens.jwks_clusters(PROVIDERS, trusted_ca="/ca.crt").values():
        assert schema.parse(type_urls.CDS, cluster)


def test_a_key_stands_for_scope_user_team_and_priority() -> None:
    assert [authentication.client_of(key) for key in KEYS] == [
        "models/people|alice|red|High",
        "models/people;a.b/c=d;tier=gold;|bob||Normal",
    ]


def test_keys_are_fetched_from_where_the_issuer_says() -> None:
    found = tokens.jwks_clusters(PROVIDERS, trusted_ca="/ca.crt")
    ports = [
        cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]
        for cluster in found.values()
    ]

    assert list(found) == [f"jwks/{provider.unread_scope}" for provider in PROVIDERS]
    assert [port["socket_address"]["port_value"] for port in ports] == [443, 8443]


def test_who_may_use_a_table_is_all_of_it() -> None:
    def policies(access: Access) -> Any:
        rules = authentication.access(access)["access"]["rbac"]["rules"]
        assert rules["action"] == "ALLOW"
        return rules["policies"]

    assert policies(Access(required=True)) == {}
    assert "not_id" in str(policies(Access(required=False)))
    assert "not_id" not in str(policies(TABLE.access))
    assert "carol" in str(policies(replace(TABLE.access, users=("carol",))))


def test_a_table_without_limits_says_only_that_it_exists() -> None:
    assert list(limits.per_table(replace(TABLE, limits=()))) == ["unknown-model"]


def test_every_limit_has_one_bucket_for_what_it_counts() -> None:
    found = limits.per_table(TABLE)
    sizes = {
        name: [bucket["token_bucket"]["max_tokens"] for bucket in found[name]["descriptors"]]
        for name in ("requests", "tokens")
    }

    assert sizes == {"requests": [60, 600], "tokens": [1000, 2**32 - 1]}


def test_a_request_always_fits_the_share_of_a_replica() -> None:
    found = limits.per_table(replace(TABLE, limits=(Limit(Per.USER, requests_per_minute=2),)), gateways=5)
    bucket = found["requests"]["descriptors"][0]["token_bucket"]

    assert bucket == {"max_tokens": 5, "tokens_per_fill": 2, "fill_interval": "60s"}
    assert found["requests"]["response_headers_to_add"][1]["header"]["value"] == "150"


def test_a_budget_that_envoy_cannot_count_for_all_replicas_is_never_owed() -> None:
    limit = Limit(Per.USER, reserved_tokens_per_minute=2**31)
    found = limits.per_table(replace(TABLE, limits=(limit,)), gateways=2)

    assert found["tokens"]["descriptors"][0]["token_bucket"]["max_tokens"] == 2**31


def test_clients_words_get_into_headers_for_the_log_only_where_a_table_says_so() -> None:
    assert access_log.attribution(TABLE) == []


def test_a_price_in_a_script_is_data_whatever_the_models_name() -> None:
    code = scripts.identity(FRAMES["priced"])["typed_config"]["default_source_code"]["inline_string"]
    line = next(line for line in code.splitlines() if line.startswith("local PRICES"))

    assert '["chat"] = {"15", "60"}' in line
    assert '["a\\034\\093\\093\\092b"] = {"1", "2"}' in line


def test_the_table_of_paths_says_whose_errors_and_where_the_model_is() -> None:
    assert {entry.method for entry in PATHS if entry.path == "/v1/messages"} == {"POST"}
    assert {entry.api for entry in PATHS if entry.path.startswith("/v1/messages")} == {Api.ANTHROPIC}
    assert [entry.path for entry in PATHS if entry.model_in is ModelIn.NOWHERE] == ["/v1/models"]


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_a_static_bootstrap_fits_the_schema(schema: Schema, frame: Frame) -> None:
    gateway = Gateway(frame=frame, keys=KEYS, jwt=PROVIDERS)
    bootstrap = static_bootstrap(gateway, Served())

    assert schema.parse("type.googleapis.com/envoy.config.bootstrap.v3.Bootstrap", bootstrap)


def test_a_static_bootstrap_asks_no_operator() -> None:
    assert '"ads"' not in json.dumps(static_bootstrap(Gateway(keys=KEYS, jwt=PROVIDERS), Served()))
