"""What tests rely on: an Envoy from a dict, whose end takes everything with it."""

from tests.envoy.conftest import StartEnvoy
from tests.envoy.envoy_process import free_port, validate


def test_envoy_starts_from_a_dict_and_starts_again(start_envoy: StartEnvoy) -> None:
    envoy = start_envoy({})
    envoy.await_ready()
    envoy.kill()
    envoy.start()
    envoy.await_ready()

    assert envoy.stat("server.live") == 1
    assert "server.concurrency" in envoy.stats("^server[.]")


def test_validation_tells_what_is_wrong() -> None:
    cluster = {"name": "a", "type": "STATIC", "connect_timeout": "-1s"}

    assert validate({"node": {"id": "a", "cluster": "b"}}) is None
    assert "Invalid duration" in (validate({"static_resources": {"clusters": [cluster]}}) or "")


def test_ports_are_free() -> None:
    assert free_port() > 0
