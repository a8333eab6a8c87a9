"""A fleet without replicas that may sleep: activators hold its requests, over mutual TLS, and know what they must."""

import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.envoy.authority import Authority, authority
from tests.envoy.engines import Engines, engines
from tests.envoy.routing import Gate, fleet, gate, gateway, pool, rule, table, to

from modelfleet.gateway import ir, render
from modelfleet.gateway.render.operator import SERVER_NAME, OperatorAccess

HOLD = ir.Sleep(hold_seconds=300)
TOO_EARLY = {"status": 425}


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    with engines() as started:
        for name in ("awake", "spare"):
            started.engine(name)
        yield started


@pytest.fixture(scope="module")
def running(stand_ins: Engines, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    trust, config = authority(tmp_path_factory.mktemp("authority")), tmp_path_factory.mktemp("config")
    activator = stand_ins.engine("activator", _mutual(trust))
    trust.server("gateway")
    _write_config(config, trust)
    asleep, spare = to(fleet("asleep")), to(fleet("spare"))
    tables = [
        table("alone", rule(asleep, asleep, asleep)),
        table("falling", rule(asleep, asleep, asleep, spare)),
        table("canary", rule(to((fleet("asleep"), 1), (fleet("asleep-too"), 1)), spare)),
        table("behind", rule(to(fleet("nowhere")), asleep)),
        table("awake", rule(to(fleet("awake")), to(fleet("awake")))),
    ]
    pools = [pool(name, sleep=HOLD) for name in ("asleep", "asleep-too", "awake")]
    pods = {"asleep": [], "asleep-too": [], "awake": [stand_ins["awake"].port], "spare": [stand_ins["spare"].port]}
    place = render.Place(operators=OperatorAccess(config_directory=str(config)))
    served = gateway(tables, [*pools, pool("spare"), pool("nowhere")])
    with gate(served, {**pods, "nowhere": []}, place=place, activators=[activator.port]) as started:
        yield started


def _mutual(trust: Authority) -> ssl.SSLContext:
    context = trust.server(SERVER_NAME)
    context.load_verify_locations(trust.trusted_ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def _write_config(config: Path, trust: Authority) -> None:
    kind = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
    chain, key = ({"filename": str(trust.directory / f"gateway.{suffix}")} for suffix in ("pem", "key"))
    san = {"san_type": "DNS", "matcher": {"exact": SERVER_NAME}}
    validation = {"trusted_ca": {"filename": str(trust.trusted_ca)}, "match_typed_subject_alt_names": [san]}
    secrets: dict[str, dict[str, object]] = {
        "gateway-tls": {"tls_certificate": {"certificate_chain": chain, "private_key": key}},
        "operator-ca": {"validation_context": validation},
    }
    for name, secret in secrets.items():
        (config / f"{name}.yaml").write_text(json.dumps({"resources": [{"@type": kind, "name": name, **secret}]}))


@pytest.fixture(autouse=True)
def _calm(stand_ins: Engines) -> None:
    for name in ("awake", "spare", "activator"):
        stand_ins[name].reset()


@pytest.mark.parametrize("model", ["alone", "falling", "behind"])
def test_the_activator_learns_who_is_wanted_since_when_and_which_try_it_is(
    running: Gate, stand_ins: Engines, model: str
) -> None:
    began = time.time()
    running.ask(model)
    headers = stand_ins["activator"].asked[0].headers

    assert headers["x-modelfleet-target"] == "ns/asleep"
    assert began * 1000 - 1000 <= int(headers["x-modelfleet-start"]) <= time.time() * 1000 + 1000
    assert headers["x-modelfleet-tries"] == {"alone": "3", "falling": "4", "behind": "2"}[model]
    assert headers["x-envoy-attempt-count"] == {"alone": "1", "falling": "1", "behind": "2"}[model]


def test_each_backend_of_a_split_is_wanted_by_its_own_name(running: Gate, stand_ins: Engines) -> None:
    for _ in range(30):
        running.ask("canary")

    targets = {asked.headers["x-modelfleet-target"] for asked in stand_ins["activator"].asked}
    assert targets == {"ns/asleep", "ns/asleep-too"}


def test_a_bounce_is_tried_again_at_once_with_the_same_clock(running: Gate, stand_ins: Engines) -> None:
    stand_ins["activator"].reset(**TOO_EARLY)
    began = time.monotonic()
    answer = running.ask("alone")
    asked = stand_ins["activator"].asked

    assert time.monotonic() - began < 1
    assert [one.headers["x-envoy-attempt-count"] for one in asked] == ["1", "2", "3"]
    assert len({one.headers["x-modelfleet-start"] for one in asked}) == 1
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")


def test_after_its_tries_a_bounced_request_falls_back(running: Gate, stand_ins: Engines) -> None:
    stand_ins["activator"].reset(**TOO_EARLY)

    assert running.ask("falling").headers["x-engine"] == "spare"
    assert len(stand_ins["activator"].asked) == 3


def test_a_fleet_that_is_awake_is_asked_itself(running: Gate, stand_ins: Engines) -> None:
    found = {running.ask("awake").headers["x-engine"] for _ in range(20)}

    assert found == {"awake"}
    assert stand_ins["activator"].asked == []
