"""The operator's Deployment and what surrounds it."""

import copy

import pytest
from charts.generate.files import CHART
from tests.chart.rendering import (
    OPERATOR,
    RESTRICTED_CONTAINER,
    Helm,
    HelmError,
    Object,
    container,
    environment,
    find,
    labels_of,
    nested,
    platform_file,
    pod,
)

from modelfleet import __version__


def test_the_operator_runs_twice_and_hands_over_before_it_leaves(default_objects: list[Object]) -> None:
    spec = find(default_objects, "Deployment")["spec"]

    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_the_pod_meets_the_restricted_profile(default_objects: list[Object]) -> None:
    assert pod(default_objects)["securityContext"] == {
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container(default_objects)["securityContext"] == RESTRICTED_CONTAINER


def test_only_tmp_is_writable(default_objects: list[Object]) -> None:
    volumes = {volume["name"]: volume for volume in pod(default_objects)["volumes"]}
    writable = [m["mountPath"] for m in container(default_objects)["volumeMounts"] if not m.get("readOnly")]

    assert writable == ["/tmp"]  # noqa: S108 (a path in the container)
    assert "emptyDir" in volumes["tmp"]


def test_probes_ask_the_port_that_is_declared(default_objects: list[Object]) -> None:
    operator = container(default_objects)

    assert operator["ports"][0] == {"name": "http", "containerPort": 8080}
    assert operator["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert operator["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        pytest.param({}, f"modelfleet/operator:{__version__}", id="the chart's own version"),
        pytest.param({"tag": "1.2.3"}, "modelfleet/operator:1.2.3", id="a tag"),
        pytest.param(
            {"tag": "1.2.3", "digest": f"sha256:{'a' * 64}"},
            f"modelfleet/operator@sha256:{'a' * 64}",
            id="a digest wins over a tag",
        ),
        pytest.param(
            {"repository": "registry.example.com:5000/team/operator"},
            f"registry.example.com:5000/team/operator:{__version__}",
            id="another registry",
        ),
    ],
)
def test_the_image_is_named_by_version_or_digest(helm: Helm, image: dict[str, str], expected: str) -> None:
    assert container(helm.render({"image": image}))["image"] == expected


def test_a_change_of_the_platform_rolls_the_operator_and_nothing_else_does(helm: Helm) -> None:
    def template(**values: object) -> Object:
        found: Object = find(helm.render(values), "Deployment")["spec"]["template"]
        return found

    before = template()

    assert template(fleets={"podMonitors": False}) != before
    assert template(rbac={"create": False}, serviceMonitor={"enabled": True}) == before


def test_selectors_are_what_pods_carry_and_never_more(helm: Helm) -> None:
    objects = helm.render({"commonLabels": {"team": "ml"}, "podLabels": {"scrape": "yes"}})
    deployment = find(objects, "Deployment")["spec"]
    selector = {
        "app.kubernetes.io/name": "modelfleet",
        "app.kubernetes.io/instance": "modelfleet",
        "app.kubernetes.io/component": "operator",
    }

    assert deployment["selector"]["matchLabels"] == selector
    assert find(objects, "Service")["spec"]["selector"] == selector
    assert find(objects, "PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == selector
    assert selector.items() <= deployment["template"]["metadata"]["labels"].items()


def test_common_labels_are_on_every_object(helm: Helm) -> None:
    objects = helm.render({"commonLabels": {"team": "ml"}, "serviceMonitor": {"enabled": True}})

    assert {labels.get("team") for labels in labels_of(objects)} == {"ml"}


def test_the_pods_run_as_the_account_the_roles_are_bound_to(helm: Helm) -> None:
    objects = helm.render({"serviceAccount": {"create": False, "name": "existing"}, "gateway": {"enabled": False}})
    bindings = [obj for obj in objects if obj["kind"] in ("ClusterRoleBinding", "RoleBinding")]

    assert pod(objects)["serviceAccountName"] == "existing"
    assert {subject["name"] for binding in bindings for subject in binding["subjects"]} == {"existing"}
    assert not [obj for obj in objects if obj["kind"] == "ServiceAccount"]


def test_the_lease_is_named_as_the_role_allows(default_objects: list[Object]) -> None:
    role = find(default_objects, "Role", "modelfleet-leader-election")

    assert role["rules"][0]["resourceNames"] == [environment(default_objects)["MODELFLEET_LEASE_NAME"]]


def test_nothing_leaves_the_release_namespace(helm: Helm) -> None:
    objects = helm.render(
        {"networkPolicy": {"enabled": True}, "serviceMonitor": {"enabled": True}}, namespace="elsewhere"
    )

    assert {obj["metadata"]["namespace"] for obj in objects if "namespace" in obj["metadata"]} == {"elsewhere"}


@pytest.mark.parametrize(
    ("release", "expected"),
    [
        pytest.param("modelfleet", OPERATOR, id="the chart's name"),
        pytest.param("modelfleet-staging", "modelfleet-staging-operator", id="contains the chart's name"),
        pytest.param("gpu", "gpu-modelfleet-operator", id="another name"),
        pytest.param("r" * 53, f"{'r' * 53}-operator", id="the longest name Helm allows"),
    ],
)
def test_names_follow_the_release_and_stay_within_63_characters(helm: Helm, release: str, expected: str) -> None:
    objects = helm.render(release=release)

    assert find(objects, "Deployment", expected)
    assert len(expected) <= 63


def test_the_operator_itself_may_reach_the_engines(default_objects: list[Object]) -> None:
    own_pods = find(default_objects, "Deployment")["spec"]["selector"]["matchLabels"]

    assert platform_file(default_objects)["network"]["allowedPeers"][0] == {
        "namespaceLabels": {"kubernetes.io/metadata.name": "modelfleet-system"},
        "podLabels": own_pods,
    }


def test_users_of_a_spread_constraint_need_no_selector(helm: Helm) -> None:
    constraint = {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}
    objects = helm.render({"topologySpreadConstraints": [constraint]})
    [spread] = copy.deepcopy(pod(objects)["topologySpreadConstraints"])
    selector = spread.pop("labelSelector")

    assert spread == constraint
    assert selector == find(objects, "Deployment")["spec"]["selector"]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        pytest.param("serviceAccount.create", False, "`serviceAccount.name` must be set", id="nobody's account"),
        pytest.param("image.tag", "latest", "`image.tag` must name a version", id="latest"),
        pytest.param(
            "commonLabels",
            {"app.kubernetes.io/name": "x"},
            '`commonLabels` must not contain "app.kubernetes.io/name"',
            id="a label of a selector",
        ),
        pytest.param(
            "podLabels",
            {"app.kubernetes.io/component": "x"},
            '`podLabels` must not contain "app.kubernetes.io/component"',
            id="a label of a selector, on pods",
        ),
        pytest.param(
            "fleets.network",
            {"enabled": False, "egressCidrs": ["10.1.0.0/16"]},
            "`fleets.network.egressCidrs` must be empty",
            id="ranges without a policy",
        ),
        pytest.param(
            "fleets.network.allowedPeers.gateway",
            {"podLabels": {}},
            "`fleets.network.allowedPeers.gateway` must have `namespaceLabels` or `podLabels`",
            id="a peer that is everybody",
        ),
    ],
)
def test_contradictions_are_refused_with_what_to_do(helm: Helm, name: str, value: object, message: str) -> None:
    with pytest.raises(HelmError, match=message):
        helm.render(nested(name, value))


def test_an_old_cluster_is_refused(helm: Helm) -> None:
    with pytest.raises(HelmError, match=r"kubeVersion: >=1\.31-0"):
        helm("template", str(CHART), "--kube-version", "1.30.9")


@pytest.mark.parametrize("values", sorted(path.name for path in (CHART / "ci").glob("*-values.yaml")))
def test_the_chart_passes_lint(helm: Helm, values: str) -> None:
    assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART), "--values", str(CHART / "ci" / values))
