"""What the gateway's Envoy starts with: the real Envoy accepts it, and trusts nobody but the operator."""

import datetime as dt
import shutil
import socket
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from charts.generate.files import CHART
from tests.chart.envoy_files import bootstrap_in, place
from tests.chart.rendering import Helm, Object, bootstrap, merged, nested
from tests.envoy.envoy_process import LOOPBACK, Envoy, validate

from modelfleet.controller.cluster import pki
from modelfleet.controller.cluster.certificates import Holder, wanted
from modelfleet.controller.cluster.pki import TlsSecret
from modelfleet.gateway.render.bootstrap import stats_config
from modelfleet.gateway.render.overload import reactions
from modelfleet.gateway.render.relay import INTERNAL_LISTENERS
from modelfleet.gateway.schema.type_urls import MARKER

ON = {"gateway": {"enabled": True}}
GIB = 1024**3
WITHIN_SECONDS = 30


@pytest.fixture(scope="module")
def secrets() -> dict[Holder, TlsSecret]:
    """Return the Secrets as the operator writes them."""
    return wanted({}, now=dt.datetime.now(dt.UTC))


@pytest.fixture
def directory() -> Iterator[Path]:
    """Return a directory whose path is short enough for Unix sockets."""
    path = Path(tempfile.mkdtemp(prefix="gateway-"))
    yield path
    shutil.rmtree(path)


def with_resources(**resources: Any) -> dict[str, Any]:
    return merged(ON, nested("gateway.resources", resources))


@pytest.mark.envoy
@pytest.mark.parametrize(
    "values",
    [
        pytest.param(ON, id="defaults"),
        pytest.param(merged(ON, nested("gateway.resources.limits.memory", None)), id="no memory limit"),
        pytest.param(merged(ON, nested("gateway.clientTls.secretName", "models-example-com")), id="TLS for clients"),
        pytest.param(yaml.safe_load((CHART / "ci" / "everything-values.yaml").read_text()), id="everything"),
    ],
)
def test_envoy_accepts_its_files(
    helm: Helm, directory: Path, secrets: dict[Holder, TlsSecret], values: dict[str, Any]
) -> None:
    config = place(helm.render(values), directory, secret=secrets[Holder.GATEWAY])

    assert validate(bootstrap_in(config)) is None
    assert validate(yaml.safe_load((config / "drain.yaml").read_text())) is None


class Operator:
    """A listener that asks for a certificate, in the operator's place."""

    def __init__(self, secret: TlsSecret, directory: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.verify_mode = ssl.CERT_REQUIRED
        self._context.set_alpn_protocols(["h2"])
        self._context.load_verify_locations(cadata=secret.authorities.decode())
        for name, content in (("crt", secret.certificate), ("key", secret.key)):
            (directory / f"operator.{name}").write_bytes(content)
        self._context.load_cert_chain(directory / "operator.crt", directory / "operator.key")
        self.listener = socket.create_server((LOOPBACK, 0))
        self.listener.settimeout(WITHIN_SECONDS)

    def meet(self) -> ssl.SSLSocket:
        """Return the next connection once both sides know each other; raise `ssl.SSLError` when one refuses."""
        connection, _ = self.listener.accept()
        connection.settimeout(WITHIN_SECONDS)
        secured = self._context.wrap_socket(connection, server_side=True)
        secured.recv(1)  # a client of TLS 1.3 refuses after its server thinks that all is well
        return secured


def connecting(objects: list[Object], directory: Path, secret: TlsSecret, *, port: int) -> dict[str, Any]:
    """Return the bootstrap with the operator at a port of loopback."""
    loaded = bootstrap_in(place(objects, directory, secret=secret))
    [xds] = [cluster for cluster in loaded["static_resources"]["clusters"] if cluster["name"] == "xds"]
    address = xds["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
    address |= {"address": LOOPBACK, "port_value": port}
    loaded["static_resources"]["listeners"][0]["address"]["socket_address"]["port_value"] = 0
    return loaded


@pytest.mark.envoy
def test_envoy_and_the_operator_know_each_other_by_certificate(
    gateway_objects: list[Object], directory: Path, secrets: dict[Holder, TlsSecret]
) -> None:
    operator = Operator(secrets[Holder.OPERATOR], directory)
    port = operator.listener.getsockname()[1]

    with (
        operator.listener,
        Envoy(connecting(gateway_objects, directory, secrets[Holder.GATEWAY], port=port)) as envoy,
        operator.meet() as connection,
    ):
        shown = connection.getpeercert()
        assert shown is not None
        assert shown["subjectAltName"] == (("DNS", "modelfleet-gateway"),)
        assert (connection.version(), connection.selected_alpn_protocol()) == ("TLSv1.3", "h2")
        assert not envoy.is_ready()


@pytest.mark.envoy
@pytest.mark.parametrize("holder", [pytest.param(None, id="a foreign authority"), Holder.GATEWAY])
def test_envoy_takes_no_configuration_from_others(
    gateway_objects: list[Object], directory: Path, secrets: dict[Holder, TlsSecret], holder: Holder | None
) -> None:
    foreign = wanted({}, now=dt.datetime.now(dt.UTC), new_key=pki.new_key)[Holder.OPERATOR]
    shown = secrets[holder] if holder else foreign
    pretender = Operator(TlsSecret(shown.certificate, shown.key, secrets[Holder.GATEWAY].authorities), directory)
    port = pretender.listener.getsockname()[1]

    with (
        pretender.listener,
        Envoy(connecting(gateway_objects, directory, secrets[Holder.GATEWAY], port=port)),
        pytest.raises(ssl.SSLError, match="ALERT"),
    ):
        pretender.meet()


def test_an_envoy_without_a_configuration_waits_for_one(gateway_objects: list[Object]) -> None:
    rendered = bootstrap(gateway_objects)
    [marker] = [layer["rtds_layer"] for layer in rendered["layered_runtime"]["layers"] if layer["name"] == MARKER]
    dynamic = rendered["dynamic_resources"]

    assert {
        source["initial_fetch_timeout"]
        for source in (marker["rtds_config"], dynamic["cds_config"], dynamic["lds_config"])
    } == {"0s"}
    assert marker["name"] == MARKER


def test_health_and_metrics_are_all_of_the_admin_that_the_network_reaches(gateway_objects: list[Object]) -> None:
    rendered = bootstrap(gateway_objects)
    [listener] = rendered["static_resources"]["listeners"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    [host] = manager["route_config"]["virtual_hosts"]
    forwarded = {route["match"]["path"] for route in host["routes"] if "route" in route}
    methods = {route["match"]["headers"][0]["string_match"]["exact"] for route in host["routes"] if "route" in route}

    assert rendered["admin"]["address"].keys() == {"pipe"}
    assert forwarded == {"/ready", "/stats/prometheus"}
    assert methods == {"GET"}


def test_histograms_have_the_buckets_that_the_operator_counts_in(gateway_objects: list[Object]) -> None:
    assert stats_config().items() <= bootstrap(gateway_objects)["stats_config"].items()


def test_envoy_can_listen_to_itself_as_later_tries_need_it(gateway_objects: list[Object]) -> None:
    assert INTERNAL_LISTENERS in bootstrap(gateway_objects)["bootstrap_extensions"]


def test_health_answers_whatever_the_load(gateway_objects: list[Object]) -> None:
    [listener] = bootstrap(gateway_objects)["static_resources"]["listeners"]

    assert listener["ignore_global_conn_limit"] is True
    assert listener["bypass_overload_manager"] is True


def monitors(objects: list[Object]) -> dict[str, Any]:
    return {
        monitor["name"].rpartition(".")[2]: monitor["typed_config"]
        for monitor in bootstrap(objects)["overload_manager"]["resource_monitors"]
    }


def test_connections_are_capped(helm: Helm) -> None:
    capped = monitors(helm.render(merged(ON, nested("gateway.maxConnections", 123))))

    assert capped["global_downstream_max_connections"]["max_active_downstream_connections"] == 123


@pytest.mark.parametrize(
    ("limit", "bytes_"),
    [
        pytest.param("1Gi", GIB, id="binary"),
        pytest.param("2G", 2_000_000_000, id="decimal"),
        pytest.param("1048576k", 1_048_576_000, id="thousands"),
        pytest.param(3 * GIB, 3 * GIB, id="bytes"),
        pytest.param(str(3 * GIB), 3 * GIB, id="bytes in quotes"),
    ],
)
def test_the_heap_may_have_four_fifths_of_the_memory_limit(helm: Helm, limit: object, bytes_: int) -> None:
    heap = monitors(helm.render(with_resources(limits={"memory": limit})))["fixed_heap"]

    assert heap["max_heap_size_bytes"] == bytes_ * 8 // 10


def test_envoy_ends_what_takes_most_of_a_heap_that_is_nearly_full(gateway_objects: list[Object]) -> None:
    assert reactions().items() <= bootstrap(gateway_objects)["overload_manager"].items()


def test_without_a_memory_limit_the_heap_has_none(helm: Helm) -> None:
    objects = helm.render(merged(ON, nested("gateway.resources.limits.memory", None)))

    assert "fixed_heap" not in monitors(objects)
    assert "actions" not in bootstrap(objects)["overload_manager"]
