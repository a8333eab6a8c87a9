"""values.yaml: every value is documented, has a schema, and does something."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from charts.generate.files import CHART
from charts.generate.values import Value, documented_values, undocumented_values
from tests.chart.rendering import RELEASE, Helm, HelmError, merged, nested

TEXT = (CHART / "values.yaml").read_text()
VALUES = documented_values(TEXT)

CHANGED: dict[str, Any] = {
    "nameOverride": "other",
    "fullnameOverride": "other",
    "commonLabels": {"team": "ml"},
    "image.repository": "registry.example.com/operator",
    "image.tag": "1.2.3",
    "image.digest": f"sha256:{'b' * 64}",
    "image.pullPolicy": "Always",
    "imagePullSecrets": [{"name": "registry"}],
    "watchNamespaces": ["team-a"],
    "logLevel": "debug",
    "resources": {"limits": {"memory": "1Gi"}},
    "podLabels": {"scrape": "yes"},
    "podAnnotations": {"scrape": "yes"},
    "priorityClassName": "system-cluster-critical",
    "nodeSelector": {"pool": "system"},
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "topologySpreadConstraints": [],
    "serviceAccount.name": "other",
    "serviceAccount.annotations": {"role": "other"},
    "serviceMonitor.labels": {"release": "prometheus"},
    "networkPolicy.from": [{"podSelector": {}}],
    "networkPolicy.apiServerPorts": [16443],
    "catalogue.accelerators": {"nvidia-h100-80gb": {"gpusPerNode": 4}},
    "catalogue.models": {"house/model": {"layers": 40}},
    "fleets.network.allowedPeers": {"gateway": {"podLabels": {"app": "gateway"}}},
    "fleets.network.clusterCidrs": ["10.0.0.0/8"],
    "fleets.network.egressCidrs": ["10.1.0.0/16"],
    "secrets.namespaces": ["team-a"],
    "gateway.image.repository": "registry.example.com/envoy",
    "gateway.image.tag": "v1.40.0",
    "gateway.image.digest": f"sha256:{'b' * 64}",
    "gateway.image.pullPolicy": "Always",
    "gateway.logLevel": "info",
    "gateway.resources": {"limits": {"memory": "1Gi"}},
    "gateway.service.type": "NodePort",
    "gateway.service.annotations": {"internal": "true"},
    "gateway.service.loadBalancerClass": "example.com/lb",
    "gateway.service.loadBalancerSourceRanges": ["192.0.2.0/24"],
    "gateway.service.externalTrafficPolicy": "Local",
    "gateway.clientTls.secretName": "models-example-com",
    "gateway.names": {"chat-*": "team-a"},
    "gateway.external.allowedHosts": ["api.example.com"],
    "gateway.accessLog.samplePercent": 50,
    "gateway.tracing.endpoint": "http://collector:4317",
    "gateway.tracing.samplePercent": 50,
    "gateway.tokenPrices": {"llama-8b": {"promptCentsPerMillion": 1}},
    "gateway.networkPolicy.from": [{"podSelector": {}}],
    "gateway.networkPolicy.metricsFrom": [],
    "gateway.podLabels": {"scrape": "yes"},
    "gateway.podAnnotations": {"scrape": "yes"},
    "gateway.priorityClassName": "system-cluster-critical",
    "gateway.nodeSelector": {"pool": "system"},
    "gateway.tolerations": [{"operator": "Exists"}],
    "gateway.affinity": {"podAntiAffinity": {}},
    "gateway.topologySpreadConstraints": [],
}
"""Another valid value for those where it does not follow from the default."""

GATEWAY = nested("gateway.enabled", True)
SCALED = merged(GATEWAY, nested("gateway.autoscaling.enabled", True))
LOAD_BALANCED = merged(GATEWAY, nested("gateway.service.type", "LoadBalancer"))

NEEDED: dict[str, dict[str, Any]] = {
    "secrets": GATEWAY,
    "certificates.certManager.enabled": GATEWAY,
    "gateway": GATEWAY,
    "gateway.autoscaling.enabled": GATEWAY,
    "gateway.autoscaling.minReplicas": SCALED,
    "gateway.autoscaling.maxReplicas": SCALED,
    "gateway.autoscaling.targetCPUPercent": SCALED,
    "gateway.podDisruptionBudget.enabled": GATEWAY,
    "gateway.networkPolicy.enabled": GATEWAY,
    "gateway.service.loadBalancerClass": LOAD_BALANCED,
    "gateway.service.loadBalancerSourceRanges": LOAD_BALANCED,
    "gateway.service.externalTrafficPolicy": LOAD_BALANCED,
    "serviceMonitor": nested("serviceMonitor.enabled", True),
    "networkPolicy": nested("networkPolicy.enabled", True),
    "serviceAccount.create": nested("serviceAccount.name", "other"),
}
"""What must be set for a value, or for the values of a group, to matter."""


def changed(value: Value) -> Any:
    if value.name in CHANGED:
        return CHANGED[value.name]
    return not value.default if isinstance(value.default, bool) else value.default + 1


def context(value: Value) -> dict[str, Any]:
    group = {} if value.path[-1] == "enabled" else NEEDED.get(value.path[0], {})
    return NEEDED.get(value.name, group)


def lines(helm: Helm, values: dict[str, Any]) -> list[str]:
    """Return what is installed, line by line: to compare objects takes four times as long as to render them."""
    text = helm.template(RELEASE, values=yaml.safe_dump(values))
    return [line for line in text.splitlines() if not line.lstrip().startswith("#")]


@pytest.mark.parametrize("value", [pytest.param(value, id=value.name) for value in VALUES])
def test_every_value_changes_what_is_installed(helm: Helm, value: Value) -> None:
    needed = context(value)
    before = lines(helm, needed)
    after = lines(helm, merged(needed, nested(value.name, changed(value))))

    assert after != before


def test_every_value_is_documented_with_its_default() -> None:
    assert not undocumented_values(TEXT)
    assert not [value.name for value in VALUES if "Defaults to" not in value.description]


def test_descriptions_are_sentences() -> None:
    assert not [value.name for value in VALUES if not value.description.endswith(".")]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        pytest.param("replica", 1, "additional properties 'replica' not allowed", id="unknown value"),
        pytest.param("image.name", "x", "additional properties 'name' not allowed", id="unknown value of a group"),
        pytest.param("image", None, "missing property 'image'", id="a group taken away"),
        pytest.param("image.digest", "sha256:1", "'/image/digest'", id="half a digest"),
        pytest.param("image.pullPolicy", "Sometimes", "'/image/pullPolicy'", id="unknown pull policy"),
        pytest.param("replicas", 0, "'/replicas': minimum: got 0, want 1", id="no operator"),
        pytest.param("replicas", "2", "'/replicas': got string, want integer", id="a number in quotes"),
        pytest.param("crds.keep", "yes", "'/crds/keep': got string, want boolean", id="a boolean in quotes"),
        pytest.param("logLevel", "trace", "'/logLevel'", id="unknown log level"),
        pytest.param("watchNamespaces", ["Team_A"], "'/watchNamespaces/0'", id="no namespace"),
        pytest.param("resources.request", {}, "additional properties 'request' not allowed", id="misspelt requests"),
        pytest.param(
            "topologySpreadConstraints", [{"labelSelector": {}}], "labelSelector", id="a selector of one's own"
        ),
        pytest.param("fleets.network.egressCidrs", ["10.0.0.1"], "'/fleets/network/egressCidrs/0'", id="no range"),
        pytest.param("fleets.network.allowedPeers.x", {"pods": {}}, "additional properties 'pods'", id="unknown peer"),
        pytest.param("rollouts.maxConcurrentOperatorChanges", -1, "minimum: got -1, want 0", id="below zero"),
        pytest.param("gateway.drainSeconds", 5, "minimum: got 5, want 10", id="no time to drain"),
        pytest.param("gateway.service.type", "ExternalName", "'/gateway/service/type'", id="unknown type of Service"),
        pytest.param("gateway.image.tag", "", "'/gateway/image/tag'", id="no tag"),
        pytest.param("gateway.external.allowedHosts", ["*"], "'/gateway/external/allowedHosts/0'", id="every host"),
        pytest.param("gateway.tracing.endpoint", "collector:4317", "'/gateway/tracing/endpoint'", id="no scheme"),
        pytest.param("gateway.tokenPrices.x", {"prompt": 1}, "additional properties 'prompt'", id="misspelt price"),
        pytest.param("secrets.namespaces", ["*"], "'/secrets/namespaces/0'", id="every namespace"),
        pytest.param("catalogue.accelerators.x", {"memory": 1}, "additional properties 'memory'", id="misspelt memory"),
        pytest.param("catalogue.models.x", {"layers": 0.5}, "want integer", id="half a layer"),
    ],
)
def test_wrong_values_are_refused_by_the_schema(helm: Helm, name: str, value: object, message: str) -> None:
    with pytest.raises(HelmError) as refusal:
        helm.render(nested(name, value))

    assert message in str(refusal.value)


@pytest.mark.parametrize("path", [pytest.param(path, id=path.name) for path in sorted((CHART / "ci").glob("*.yaml"))])
def test_examples_of_values_render(helm: Helm, path: Path) -> None:
    assert helm("template", "modelfleet", str(CHART), "--values", str(path))
