"""What the operator and the cluster's users may do: no more than they need."""

from collections import defaultdict
from collections.abc import Iterable

import pytest
from tests.chart.rendering import GATEWAY, NAMESPACE, OPERATOR, Helm, Object, find, pod

from modelfleet.api.kinds import KINDS
from modelfleet.controller.watched import CHILDREN, GATEWAY_WATCHES, WATCHES

READ = "get list watch"
CHILD = "get list watch create patch delete"

OPERATOR_RIGHTS = {
    "cachepolicies.modelfleet.dev": READ,
    "modeldeployments.modelfleet.dev": READ,
    "routepolicies.modelfleet.dev": READ,
    "cachepolicies.modelfleet.dev/status": "patch",
    "modeldeployments.modelfleet.dev/status": "patch",
    "routepolicies.modelfleet.dev/status": "patch",
    "deployments.apps": CHILD,
    "deployments.apps/scale": "patch",
    "persistentvolumeclaims": CHILD,
    "serviceaccounts": CHILD,
    "services": CHILD,
    "poddisruptionbudgets.policy": CHILD,
    "networkpolicies.networking.k8s.io": CHILD,
    "podmonitors.monitoring.coreos.com": CHILD,
    "pods": "get list watch delete",
    "pods/log": "get",
    "events.events.k8s.io": "create patch",
}
CRD_RIGHTS = {"customresourcedefinitions.apiextensions.k8s.io": "get"}
GATEWAY_RIGHTS = {"endpointslices.discovery.k8s.io": READ}
OWN_RIGHTS = {
    "secrets": "get patch create",
    "pods": READ,
    "replicasets.apps": READ,
    "endpointslices.discovery.k8s.io": READ,
}
CERTIFICATES = ["modelfleet-ca", "modelfleet-operator-tls", "modelfleet-gateway-tls"]
LEASE_RIGHTS = {"leases.coordination.k8s.io": "create get update"}


def rights(role: Object) -> dict[str, set[str]]:
    """Return the verbs of *role* by resource, written as kubectl writes it."""
    found: dict[str, set[str]] = defaultdict(set)
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                name, slash, subresource = resource.partition("/")
                found[f"{name}.{group}".rstrip(".") + slash + subresource] |= set(rule["verbs"])
    return found


def table(expected: dict[str, str]) -> dict[str, set[str]]:
    return {resource: set(verbs.split()) for resource, verbs in expected.items()}


def roles(objects: Iterable[Object]) -> list[Object]:
    return [obj for obj in objects if obj["kind"] in ("ClusterRole", "Role")]


def test_the_operator_may_do_exactly_this(bare_objects: list[Object]) -> None:
    assert rights(find(bare_objects, "ClusterRole", OPERATOR)) == table(OPERATOR_RIGHTS)
    assert rights(find(bare_objects, "ClusterRole", "modelfleet-crds")) == table(CRD_RIGHTS)
    assert rights(find(bare_objects, "Role", "modelfleet-leader-election")) == table(LEASE_RIGHTS)


def test_the_operator_may_watch_what_it_watches_and_write_its_children(default_objects: list[Object]) -> None:
    allowed = rights(find(default_objects, "ClusterRole", OPERATOR))

    assert not [str(watch.resource) for watch in WATCHES if not {"list", "watch"} <= allowed[str(watch.resource)]]
    assert not [str(child) for child in CHILDREN if not {"create", "patch", "delete"} <= allowed[str(child)]]


def test_with_a_gateway_the_operator_may_watch_more(gateway_objects: list[Object]) -> None:
    allowed = rights(find(gateway_objects, "ClusterRole", OPERATOR))
    watched = [str(watch.resource) for watch in (*WATCHES, *GATEWAY_WATCHES)]

    assert not [resource for resource in watched if not {"list", "watch"} <= allowed[resource]]


def test_no_role_names_secrets_or_uses_a_wildcard(bare_objects: list[Object]) -> None:
    words = {
        word
        for role in roles(bare_objects)
        for rule in role["rules"]
        for word in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
    }

    assert not words & {"*", "secrets", "nodes", "pods/exec", "escalate", "bind", "impersonate"}


def test_a_gateway_needs_endpoints_certificates_and_the_operators_own_pods(gateway_objects: list[Object]) -> None:
    assert rights(find(gateway_objects, "ClusterRole", OPERATOR)) == table(OPERATOR_RIGHTS | GATEWAY_RIGHTS)
    assert rights(find(gateway_objects, "Role", "modelfleet-operator-own")) == table(OWN_RIGHTS)


def secret_rules(objects: list[Object], role: str) -> list[Object]:
    return [rule for rule in find(objects, "Role", role)["rules"] if "secrets" in rule["resources"]]


def test_only_secrets_of_certificates_are_read_and_changed_in_its_own_namespace(gateway_objects: list[Object]) -> None:
    named, unnamed = secret_rules(gateway_objects, "modelfleet-operator-own")

    assert (named["resourceNames"], named["verbs"]) == (CERTIFICATES, ["get", "patch"])
    assert unnamed["verbs"] == ["create"]


def test_certificates_that_cert_manager_issues_are_only_read(helm: Helm) -> None:
    objects = helm.render({"gateway": {"enabled": True}, "certificates": {"certManager": {"enabled": True}}})
    [named] = secret_rules(objects, "modelfleet-operator-own")

    assert (named["resourceNames"], named["verbs"]) == (CERTIFICATES, ["get"])


def test_keys_are_read_in_the_namespaces_named_and_nowhere_else(helm: Helm) -> None:
    objects = helm.render({"gateway": {"enabled": True}, "secrets": {"namespaces": ["team-a", "team-b"]}})
    granted = [role for role in roles(objects) if role["metadata"]["name"] == "modelfleet-operator-secrets"]
    cluster_wide = [role for role in roles(objects) if role["kind"] == "ClusterRole" and "secrets" in rights(role)]

    assert [(role["kind"], role["metadata"]["namespace"]) for role in granted] == [
        ("Role", "team-a"),
        ("Role", "team-b"),
    ]
    assert all(rights(role) == table({"secrets": READ}) for role in granted)
    assert not cluster_wide


def test_the_gateway_itself_has_no_rights_and_no_token(gateway_objects: list[Object]) -> None:
    subjects = {
        subject["name"] for obj in gateway_objects if obj["kind"].endswith("Binding") for subject in obj["subjects"]
    }

    assert subjects == {OPERATOR}
    assert find(gateway_objects, "ServiceAccount", GATEWAY)["automountServiceAccountToken"] is False
    assert pod(gateway_objects, GATEWAY)["automountServiceAccountToken"] is False


def test_leases_other_than_its_own_are_out_of_reach(default_objects: list[Object]) -> None:
    unnamed = [
        rule
        for rule in find(default_objects, "Role", "modelfleet-leader-election")["rules"]
        if "resourceNames" not in rule
    ]

    assert [rule["verbs"] for rule in unnamed] == [["create"]]


def test_an_operator_of_some_namespaces_has_its_rights_there_alone(helm: Helm) -> None:
    objects = helm.render({"watchNamespaces": ["team-a", "team-b"], "gateway": {"enabled": False}})
    granted = [role for role in roles(objects) if role["metadata"]["name"] == OPERATOR]

    assert [(role["kind"], role["metadata"]["namespace"]) for role in granted] == [
        ("Role", "team-a"),
        ("Role", "team-b"),
    ]
    assert all(rights(role) == table(OPERATOR_RIGHTS) for role in granted)


def test_every_role_is_bound_to_the_operator(default_objects: list[Object]) -> None:
    bound = {
        (obj["roleRef"]["kind"], obj["roleRef"]["name"])
        for obj in default_objects
        if obj["kind"].endswith("Binding")
        and obj["subjects"] == [{"kind": "ServiceAccount", "name": OPERATOR, "namespace": NAMESPACE}]
    }

    assert bound == {
        ("ClusterRole", OPERATOR),
        ("ClusterRole", "modelfleet-crds"),
        ("Role", "modelfleet-leader-election"),
        ("Role", "modelfleet-operator-own"),
    }


@pytest.mark.parametrize("plural", [kind.plural for kind in KINDS])
def test_each_kind_extends_view_and_edit(default_objects: list[Object], plural: str) -> None:
    view = find(default_objects, "ClusterRole", f"modelfleet-{plural}-view")
    edit = find(default_objects, "ClusterRole", f"modelfleet-{plural}-edit")

    assert view["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert edit["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-edit"] == "true"
    assert rights(view)[f"{plural}.modelfleet.dev"] == set(READ.split())
    assert rights(edit)[f"{plural}.modelfleet.dev"] == {"create", "update", "patch", "delete", "deletecollection"}


def test_only_the_operator_writes_status(default_objects: list[Object]) -> None:
    writers = [
        role["metadata"]["name"]
        for role in roles(default_objects)
        if any(
            resource.endswith("/status") and verbs - {"get", "list", "watch"}
            for resource, verbs in rights(role).items()
        )
    ]

    assert writers == [OPERATOR]


def test_users_who_edit_may_scale(default_objects: list[Object]) -> None:
    edit = rights(find(default_objects, "ClusterRole", "modelfleet-modeldeployments-edit"))
    view = rights(find(default_objects, "ClusterRole", "modelfleet-modeldeployments-view"))

    assert edit["modeldeployments.modelfleet.dev/scale"] == {"update", "patch"}
    assert "get" in view["modeldeployments.modelfleet.dev/scale"]
