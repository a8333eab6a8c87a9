"""The ConfigMap with the platform's choices, and the environment, as the operator reads them."""

from pathlib import Path

import yaml
from charts.generate.files import CHART
from tests.chart.rendering import Helm, Object, environment, platform_file

from modelfleet.api.catalogue import load_catalogue
from modelfleet.api.platform import AccessLog, GatewaySettings, Platform, TokenPrice, Tracing
from modelfleet.controller.settings import Settings, variable

FROM_THE_CLUSTER = {"MODELFLEET_NAMESPACE": "modelfleet-system", "MODELFLEET_POD_NAME": "modelfleet-operator-0"}


def everything() -> Object:
    values: Object = yaml.safe_load((CHART / "ci" / "everything-values.yaml").read_text())
    return values


def test_the_chart_changes_no_default_of_the_operator(default_objects: list[Object]) -> None:
    rendered = Platform.model_validate(platform_file(default_objects), extra="forbid")
    peers = rendered.network.allowed_peers

    assert rendered == Platform(
        catalogue=rendered.catalogue,
        network=Platform().network.model_copy(update={"allowed_peers": peers}),
        gateway=Platform().gateway.model_copy(update={"enabled": True}),
    )


def test_every_choice_arrives(helm: Helm) -> None:
    platform = Platform.model_validate(platform_file(helm.render(everything())), extra="forbid")

    assert platform.rollouts.max_concurrent_operator_changes == 0
    assert platform.network.egress_cidrs == ("10.20.0.0/16",)
    assert [peer.pod_labels for peer in platform.network.allowed_peers[2:]] == [
        {"app.kubernetes.io/component": "proxy"},
        {"app.kubernetes.io/name": "prometheus"},
    ]


def test_every_choice_about_the_gateway_arrives(helm: Helm) -> None:
    gateway = Platform.model_validate(platform_file(helm.render(everything())), extra="forbid").gateway

    assert gateway == GatewaySettings(
        enabled=True,
        replicas=2,
        auth_required=False,
        names={"chat-*": "team-a"},
        allowed_hosts=("api.example.com",),
        secret_namespaces=("team-a", "team-b"),
        max_body_bytes=1_048_576,
        access_log=AccessLog(sample_percent=10),
        tracing=Tracing(endpoint="grpc://collector.observability:4317", sample_percent=5),
        token_prices={"chat": TokenPrice(prompt_cents_per_million=20, completion_cents_per_million=80)},
        client_tls=True,
    )


def test_the_catalogue_is_one_the_operator_accepts(helm: Helm) -> None:
    platform = Platform.model_validate(platform_file(helm.render(everything())))
    catalogue = load_catalogue(platform.catalogue)

    assert catalogue.accelerators.find("nvidia-h100-80gb").hourly_cents.on_demand == 412
    assert catalogue.accelerators.find("house-gpu-64gb").gpus_per_node == 4


def test_the_environment_with_a_gateway_is_one_the_operator_accepts(gateway_objects: list[Object]) -> None:
    known = {variable(name) for name in Settings.model_fields}

    assert environment(gateway_objects).keys() <= known


def test_the_environment_is_one_the_operator_accepts(helm: Helm, tmp_path: Path) -> None:
    variables = environment(
        helm.render({"watchNamespaces": ["team-a", "team-b"], "leaderElection": {"leaseSeconds": 6}})
    )
    platform = tmp_path / "platform.yaml"
    platform.touch()
    known = {variable(name) for name in Settings.model_fields}

    settings = Settings.read(variables | FROM_THE_CLUSTER | {"MODELFLEET_PLATFORM_FILE": str(platform)})

    assert variables.keys() <= known
    assert settings.watch_namespaces == ("team-a", "team-b")
    assert settings.lease_timing().duration == 6
