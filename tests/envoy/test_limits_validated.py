"""What `envoy --mode validate` says to the static bootstrap of every kind of platform settings."""

import json

import pytest
from tests.envoy.client_listener import KEYS, cluster, served, table
from tests.envoy.envoy_process import validate

from modelfleet.gateway.ir import Frame, Gateway, JwtProvider, Limit, Per, TokenPrice
from modelfleet.gateway.render.bootstrap import static_bootstrap

PROVIDERS = tuple(
    JwtProvider(name, f"https://{name}.example.com", f"https://{name}.example.com/k", ("llm",)) for name in "ab"
)
TABLES = tuple(
    table(f"m{number}", limits=(Limit(per, requests_per_minute=5, reserved_tokens_per_minute=2**33),))
    for number, per in enumerate(Per)
)


@pytest.mark.parametrize(
    "frame",
    [
        pytest.param(Frame(), id="plain"),
        pytest.param(Frame(access_log_sample_percent=5, tracing_endpoint="grpc://otel.invalid"), id="gRPC"),
        pytest.param(
            Frame(token_prices=(TokenPrice('a"]]\\', 1, 2),), tracing_endpoint="http://otel.invalid/x"), id="HTTP"
        ),
    ],
)
def test_envoy_accepts_it(frame: Frame) -> None:
    gateway = Gateway(frame=frame, tables={each.name: each for each in TABLES}, keys=KEYS, jwt=PROVIDERS)
    parts = served(TABLES, {"models/engine": cluster("models/engine", 1)})

    assert validate(static_bootstrap(gateway, parts)) is None


def test_envoy_refuses_what_is_wrong() -> None:
    broken = json.loads(
        json.dumps(static_bootstrap(Gateway(), served((), {}))).replace("function envoy_on", "funct on")
    )

    assert "script load error" in str(validate(broken))
