"""Names and selectors, which never change within a major version: an upgrade would leave the old objects behind."""

from tests.chart.rendering import NAMESPACE, Helm, Object, find

NAMES = {
    "ClusterRole": "modelfleet-crds modelfleet-operator modelfleet-cachepolicies-edit modelfleet-cachepolicies-view "
    "modelfleet-modeldeployments-edit modelfleet-modeldeployments-view modelfleet-routepolicies-edit "
    "modelfleet-routepolicies-view",
    "ClusterRoleBinding": "modelfleet-crds modelfleet-operator",
    "ConfigMap": "modelfleet-gateway modelfleet-platform",
    "Certificate": "modelfleet-ca modelfleet-gateway-tls modelfleet-operator-tls",
    "Deployment": "modelfleet-gateway modelfleet-operator",
    "HorizontalPodAutoscaler": "modelfleet-gateway",
    "Issuer": "modelfleet-ca modelfleet-self-signed",
    "NetworkPolicy": "modelfleet-gateway modelfleet-operator",
    "PodDisruptionBudget": "modelfleet-gateway modelfleet-operator",
    "PodMonitor": "modelfleet-gateway",
    "Role": "modelfleet-leader-election modelfleet-operator-own modelfleet-operator-secrets",
    "RoleBinding": "modelfleet-leader-election modelfleet-operator-own modelfleet-operator-secrets",
    "Service": "modelfleet-gateway modelfleet-operator modelfleet-xds",
    "ServiceAccount": "modelfleet-gateway modelfleet-operator",
    "ServiceMonitor": "modelfleet-operator",
}
EVERYTHING = {
    "gateway": {"enabled": True, "autoscaling": {"enabled": True}},
    "serviceMonitor": {"enabled": True},
    "networkPolicy": {"enabled": True},
    "certificates": {"certManager": {"enabled": True}},
    "secrets": {"namespaces": ["team-a"]},
}


def selector(component: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "modelfleet",
        "app.kubernetes.io/instance": "modelfleet",
        "app.kubernetes.io/component": component,
    }


def test_objects_keep_their_names(helm: Helm) -> None:
    found: dict[str, set[str]] = {}
    for obj in helm.render(EVERYTHING):
        if obj["kind"] != "CustomResourceDefinition":
            found.setdefault(obj["kind"], set()).add(obj["metadata"]["name"])

    assert found == {kind: set(names.split()) for kind, names in NAMES.items()}


def test_pods_keep_what_selects_them(helm: Helm) -> None:
    objects = helm.render(EVERYTHING | {"commonLabels": {"team": "ml"}})

    for component in ("gateway", "operator"):
        name, labels = f"modelfleet-{component}", selector(component)
        deployment = find(objects, "Deployment", name)["spec"]
        assert deployment["selector"] == {"matchLabels": labels}
        assert labels.items() <= deployment["template"]["metadata"]["labels"].items()
        assert find(objects, "Service", name)["spec"]["selector"] == labels
        assert find(objects, "PodDisruptionBudget", name)["spec"]["selector"] == {"matchLabels": labels}
        assert find(objects, "NetworkPolicy", name)["spec"]["podSelector"] == {"matchLabels": labels}
    assert find(objects, "Service", "modelfleet-xds")["spec"]["selector"] == selector("operator")
    assert find(objects, "PodMonitor", "modelfleet-gateway")["spec"]["selector"] == {"matchLabels": selector("gateway")}


def test_the_longest_release_keeps_names_within_63_characters(helm: Helm) -> None:
    objects = helm.render(EVERYTHING, release="r" * 53)
    labels = [obj for obj in objects if obj["kind"] in ("Deployment", "Service")]

    assert max(len(obj["metadata"]["name"]) for obj in labels) <= 63


def test_only_keys_are_looked_for_outside_of_the_release_namespace(helm: Helm) -> None:
    outside = [obj for obj in helm.render(EVERYTHING) if is_outside(obj)]

    assert {(obj["kind"], obj["metadata"]["namespace"]) for obj in outside} == {
        ("Role", "team-a"),
        ("RoleBinding", "team-a"),
    }


def is_outside(obj: Object) -> bool:
    return obj["metadata"].get("namespace", NAMESPACE) != NAMESPACE
