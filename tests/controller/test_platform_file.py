"""The platform file is read at the start, where what is wrong with it can still be said in a line."""

from pathlib import Path

import pytest

from modelfleet.controller.run import read_platform
from modelfleet.controller.settings import SettingsError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "platform.yaml"


def test_without_a_file_the_defaults_hold() -> None:
    platform, catalogue = read_platform(None)

    assert platform.network.enabled
    assert catalogue.accelerators.find("nvidia-h100-80gb")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        pytest.param(
            "network: {clusterCidrs: [10.0.0.0/64]}",
            '`network.clusterCidrs[0]` must be a range of addresses such as `10.0.0.0/8`; found "10.0.0.0/64"',
            id="a range that is none",
        ),
        pytest.param("network: {egressCidrs: [1.2.3/8]}", "`network.egressCidrs[0]` must be a range", id="egress"),
        pytest.param(
            "catalogue: {accelerators: {abacus: {gpusPerNode: 8}}}", "accelerators.abacus", id="half an accelerator"
        ),
        pytest.param("- network", "must be an object", id="a list"),
        pytest.param("network: {enabled: 1", "must be a readable YAML file", id="no YAML"),
        pytest.param("netwrok: {}", "netwrok", id="an unknown field"),
        pytest.param(
            "gateway: {allowedHosts: ['*']}", "`gateway.allowedHosts[0]` must match", id="all hosts there are"
        ),
        pytest.param("gateway: {allowedHosts: [10.0.0.1]}", "`gateway.allowedHosts[0]` must match", id="an address"),
        pytest.param("gateway: {names: {'chat-*': Team}}", "`gateway.names.chat-*` must match", id="no namespace"),
        pytest.param("gateway: {replicas: 0}", "`gateway.replicas` must be at least 1", id="nobody to share"),
        pytest.param("gateway: {tracing: {endpoint: collector}}", "`gateway.tracing.endpoint` must", id="no scheme"),
        pytest.param(
            "gateway: {tokenPrices: {chat: {promptCentsPerMillion: 1.5}}}",
            "`gateway.tokenPrices.chat.promptCentsPerMillion` must be an integer",
            id="a fraction of a cent",
        ),
    ],
)
def test_what_is_wrong_is_said_before_anything_runs(file: Path, content: str, problem: str) -> None:
    file.write_text(content)

    with pytest.raises(SettingsError) as raised:
        read_platform(file)

    assert str(raised.value).startswith(f"{file}")
    assert problem in str(raised.value)


def test_what_the_platform_sets_holds(file: Path) -> None:
    file.write_text("network: {clusterCidrs: ['10.1.2.3/8', 'fd00::/8']}\nrollouts: {maxConcurrentOperatorChanges: 0}")

    platform, _ = read_platform(file)

    assert platform.network.cluster_cidrs == ("10.1.2.3/8", "fd00::/8")
    assert platform.rollouts.max_concurrent_operator_changes == 0


def test_what_the_platform_sets_for_the_gateway_holds(file: Path) -> None:
    file.write_text(
        "gateway: {enabled: true, names: {'gpt-*': team, '*': house}, allowedHosts: [api.example.com, '*.example.org'],"
        " tracing: {endpoint: 'grpc://collector.observability:4317'}, tokenPrices: {a/B: {promptCentsPerMillion: 15}}}"
    )

    platform, _ = read_platform(file)

    assert list(platform.gateway.names.items()) == [("gpt-*", "team"), ("*", "house")]
    assert platform.gateway.allowed_hosts == ("api.example.com", "*.example.org")
    assert platform.gateway.tracing.endpoint == "grpc://collector.observability:4317"
    assert platform.gateway.token_prices["a/B"].prompt_cents_per_million == 15
    assert platform.gateway.token_prices["a/B"].completion_cents_per_million == 0


def test_without_a_word_about_it_there_is_no_gateway_and_nothing_is_allowed() -> None:
    gateway = read_platform(None)[0].gateway

    assert not gateway.enabled
    assert gateway.auth_required
    assert (gateway.allowed_hosts, gateway.secret_namespaces, gateway.tracing.endpoint) == ((), (), "")
