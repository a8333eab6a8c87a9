"""Services outside of the cluster: only the right host gets the key, and nothing else of ours."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tests.apiserver.waiting import eventually
from tests.envoy.authority import authority
from tests.envoy.engines import Asked, Engines, engines
from tests.envoy.routing import Gate, fleet, gate, gateway, pool, rule, table, to

from modelfleet.gateway import ir, render
from modelfleet.gateway.render.providers import provider_key

KEY, MISSING = ir.SecretKey("ns", "provider", "key"), ir.SecretKey("ns", "provider", "missing")
CLIENT = ir.ApiKey("sk-client", scope="ns/keys", user="ann", team="search")


@dataclass(frozen=True)
class World:
    """A gateway, and the services behind it."""

    gate: Gate
    engines: Engines

    def asked(self) -> Asked:
        """Return the last request at the provider."""
        return self.engines["provider"].asked[-1]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    trust = authority(tmp_path_factory.mktemp("trusted"))
    stranger = authority(tmp_path_factory.mktemp("stranger"))
    with engines() as started:
        started.engine("provider", trust.server("localhost"))
        started.engine("impostor", trust.server("elsewhere.example"))
        started.engine("untrusted", stranger.server("localhost"))
        started.engine("own")
        place = render.Place(trusted_ca=str(trust.trusted_ca))
        with gate(_served(started), {"own": [started["own"].port]}, place=place) as running:
            yield World(running, started)


def _served(started: Engines) -> ir.Gateway:
    def provider(name: str, engine: str = "provider", **changes: Any) -> ir.Provider:
        fields: dict[str, Any] = {
            "host": "localhost",
            "port": started[engine].port,
            "base_path": "/v1",
            "key": KEY,
            **changes,
        }
        return ir.Provider(name=f"external/ns/{name}", **fields)
