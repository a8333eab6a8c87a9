"""The gateway's Deployment and what surrounds it."""

from typing import Any

import pytest
from tests.chart.rendering import (
    GATEWAY,
    NAMESPACE,
    RESTRICTED_CONTAINER,
    Helm,
    HelmError,
    Object,
    container,
    environment,
    find,
    gateway_files,
    labels_of,
    merged,
    nested,
    platform_file,
    pod,
)

ON = {"gateway": {"enabled": True}}


def with_gateway(name: str, value: Any) -> dict[str, Any]:
    return merged(ON, nested(f"gateway.{name}", value))


def names(objects: list[Object]) -> set[str]:
    return {obj["metadata"]["name"] for obj in objects}


def test_without_a_gateway_there_is_none_of_it(bare_objects: list[Object]) -> None:
    assert not names(bare_objects) & {GATEWAY, "modelfleet-xds", "modelfleet-operator-own"}
    assert platform_file(bare_objects)["gateway"]["enabled"] is False
    assert [port["name"] for port in container(bare_objects)["ports"]] == ["http"]


def test_a_new_pod_serves_before_an_old_one_drains(gateway_objects: list[Object]) -> None:
    spec = find(gateway_objects, "Deployment", GATEWAY)["spec"]

    assert spec["replicas"] == 2
    assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}


def test_the_pod_meets_the_restricted_profile(gateway_objects: list[Object]) -> None:
    spec = pod(gateway_objects, GATEWAY)

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(gateway_objects, GATEWAY)["securityContext"] == RESTRICTED_CONTAINER


def test_only_the_directory_of_sockets_is_writable_and_in_memory(gateway_objects: list[Object]) -> None:
    volumes = {volume["name"]: volume for volume in pod(gateway_objects, GATEWAY)["volumes"]}
    mounts = container(gateway_objects, GATEWAY)["volumeMounts"]

    assert [mount["mountPath"] for mount in mounts if not mount.get("readOnly")] == ["/run/modelfleet"]
    assert volumes["run"]["emptyDir"]["medium"] == "Memory"


def test_every_file_that_is_named_on_a_command_line_is_mounted(gateway_objects: list[Object]) -> None:
    envoy = container(gateway_objects, GATEWAY)
    commands = [envoy["args"], envoy["lifecycle"]["preStop"]["exec"]["command"]]
    [directory] = [mount["mountPath"] for mount in envoy["volumeMounts"] if mount["name"] == "config"]
    named = {command[command.index("--config-path") + 1] for command in commands}

    assert named == {f"{directory}/envoy.yaml", f"{directory}/drain.yaml"}
    assert {path.rpartition("/")[2] for path in named} <= gateway_files(gateway_objects).keys()


def test_a_pod_has_as_long_to_drain_as_the_values_say(helm: Helm) -> None:
    assert pod(helm.render(with_gateway("drainSeconds", 30)), GATEWAY)["terminationGracePeriodSeconds"] == 30


def test_only_a_gateway_that_once_served_can_be_restarted_by_its_probes(gateway_objects: list[Object]) -> None:
    envoy = container(gateway_objects, GATEWAY)
    years = envoy["startupProbe"]["failureThreshold"] * envoy["startupProbe"]["periodSeconds"] / 3600 / 24 / 365

    assert envoy["startupProbe"]["httpGet"] == {"path": "/ready", "port": "health"}
    assert envoy["readinessProbe"]["httpGet"] == {"path": "/ready", "port": "health"}
    assert envoy["livenessProbe"]["httpGet"] == {"path": "/live", "port": "health"}
    assert years > 10


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        pytest.param({}, "envoyproxy/envoy:distroless-v1.40.0", id="a tag"),
        pytest.param(
            {"digest": f"sha256:{'a' * 64}"},
            f"envoyproxy/envoy:distroless-v1.40.0@sha256:{'a' * 64}",
            id="a tag for people and a digest for the node",
        ),
        pytest.param(
            {"repository": "registry.example.com/envoy", "tag": "v1.40.0"},
            "registry.example.com/envoy:v1.40.0",
            id="a mirror",
        ),
    ],
)
def test_the_image_is_named_by_tag_and_digest(helm: Helm, image: dict[str, str], expected: str) -> None:
    assert container(helm.render(with_gateway("image", image)), GATEWAY)["image"] == expected


def test_its_own_configuration_rolls_it_and_the_platforms_does_not(helm: Helm) -> None:
    def template(values: dict[str, Any]) -> Object:
        found: Object = find(helm.render(values), "Deployment", GATEWAY)["spec"]["template"]
        return found

    before = template(ON)

    assert template(with_gateway("maxConnections", 10)) != before
    assert template(with_gateway("external.allowedHosts", ["api.example.com"])) == before


def test_an_autoscaler_owns_the_size(helm: Helm) -> None:
    objects = helm.render(with_gateway("autoscaling", {"enabled": True, "minReplicas": 3, "maxReplicas": 7}))
    scaler = find(objects, "HorizontalPodAutoscaler", GATEWAY)["spec"]

    assert "replicas" not in find(objects, "Deployment", GATEWAY)["spec"]
    assert (scaler["scaleTargetRef"]["name"], scaler["minReplicas"], scaler["maxReplicas"]) == (GATEWAY, 3, 7)
    assert platform_file(objects)["gateway"]["replicas"] == 3


def test_clients_speak_plain_http_until_there_is_a_certificate(gateway_objects: list[Object]) -> None:
    [port] = find(gateway_objects, "Service", GATEWAY)["spec"]["ports"]

    assert port == {"name": "http", "port": 80, "targetPort": "http"}
    assert container(gateway_objects, GATEWAY)["ports"][0] == {"name": "http", "containerPort": 8080}
    assert platform_file(gateway_objects)["gateway"]["clientTls"] is False


def test_clients_speak_tls_alone_once_there_is_a_certificate(helm: Helm) -> None:
    objects = helm.render(with_gateway("clientTls.secretName", "models-example-com"))
    [port] = find(objects, "Service", GATEWAY)["spec"]["ports"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container(objects, GATEWAY)["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod(objects, GATEWAY)["volumes"]}

    assert port == {"name": "https", "port": 443, "targetPort": "https"}
    assert container(objects, GATEWAY)["ports"][0] == {"name": "https", "containerPort": 8443}
    assert volumes["client-tls"]["secret"]["secretName"] == "models-example-com"
    assert mounts["client-tls"] == "/etc/modelfleet/client-tls"
    assert "/etc/modelfleet/client-tls/tls.crt" in gateway_files(objects)["client-tls.yaml"]
    assert platform_file(objects)["gateway"]["clientTls"] is True


def test_a_load_balancer_takes_what_clouds_ask_for(helm: Helm) -> None:
    wanted = {
        "type": "LoadBalancer",
        "loadBalancerClass": "example.com/lb",
        "loadBalancerSourceRanges": ["192.0.2.0/24"],
        "externalTrafficPolicy": "Local",
    }
    service = find(
        helm.render(with_gateway("service", wanted | {"annotations": {"example.com/internal": "true"}})),
        "Service",
        GATEWAY,
    )

    assert wanted.items() <= service["spec"].items()
    assert service["metadata"]["annotations"] == {"example.com/internal": "true"}


def test_the_operator_is_found_by_all_its_replicas_addresses(gateway_objects: list[Object]) -> None:
    service = find(gateway_objects, "Service", "modelfleet-xds")["spec"]
    listens = {port["name"]: port["containerPort"] for port in container(gateway_objects)["ports"]}
    del listens["http"]

    assert service["clusterIP"] == "None"
    assert {port["name"]: port["port"] for port in service["ports"]} == listens


def test_the_operator_is_told_what_belongs_to_it(gateway_objects: list[Object]) -> None:
    told = environment(gateway_objects)
    listens = {port["name"]: str(port["containerPort"]) for port in container(gateway_objects)["ports"]}

    assert told["MODELFLEET_FULLNAME"] == "modelfleet"
    assert told["MODELFLEET_MINT_CERTIFICATES"] == "true"
    assert {told[f"MODELFLEET_{name.upper()}_PORT"] for name in ("xds", "activator", "peers")} == {
        listens[name] for name in ("xds", "activator", "peers")
    }


def test_cert_manager_issues_what_the_operator_would(helm: Helm) -> None:
    objects = helm.render(merged(ON, nested("certificates.certManager.enabled", True)))
    issued = {
        obj["spec"]["secretName"]: (obj["spec"]["dnsNames"], obj["spec"]["issuerRef"]["name"])
        for obj in objects
        if obj["kind"] == "Certificate" and not obj["spec"].get("isCA")
    }

    assert issued == {
        "modelfleet-operator-tls": (["modelfleet-operator"], "modelfleet-ca"),
        "modelfleet-gateway-tls": (["modelfleet-gateway"], "modelfleet-ca"),
    }
    assert environment(objects)["MODELFLEET_MINT_CERTIFICATES"] == "false"


def test_prometheus_reads_every_pod_when_asked_to(helm: Helm) -> None:
    objects = helm.render(merged(ON, {"serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}}}))
    monitor = find(objects, "PodMonitor", GATEWAY)
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]

    assert (endpoint["port"], endpoint["path"], endpoint["interval"]) == ("health", "/stats/prometheus", "30s")
    assert monitor["metadata"]["labels"]["release"] == "prometheus"


def test_common_labels_are_on_every_object(helm: Helm) -> None:
    everything = with_gateway("autoscaling.enabled", True) | {"certificates": {"certManager": {"enabled": True}}}
    objects = helm.render(everything | {"commonLabels": {"team": "ml"}, "serviceMonitor": {"enabled": True}})

    assert {labels.get("team") for labels in labels_of(objects)} == {"ml"}


def test_engines_let_the_gateway_in(gateway_objects: list[Object]) -> None:
    peers = platform_file(gateway_objects)["network"]["allowedPeers"]

    assert [peer["podLabels"]["app.kubernetes.io/component"] for peer in peers[:2]] == ["operator", "gateway"]
    assert peers[1]["namespaceLabels"] == {"kubernetes.io/metadata.name": NAMESPACE}
    assert peers[1]["podLabels"] == find(gateway_objects, "Deployment", GATEWAY)["spec"]["selector"]["matchLabels"]


def test_users_of_a_spread_constraint_need_no_selector(gateway_objects: list[Object]) -> None:
    [spread] = pod(gateway_objects, GATEWAY)["topologySpreadConstraints"]

    assert spread["labelSelector"] == find(gateway_objects, "Deployment", GATEWAY)["spec"]["selector"]
    assert spread["topologyKey"] == "kubernetes.io/hostname"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        pytest.param("image.tag", "distroless-latest", "`gateway.image.tag` must name a version", id="latest"),
        pytest.param(
            "autoscaling",
            {"enabled": True, "minReplicas": 4, "maxReplicas": 3},
            "`gateway.autoscaling.maxReplicas` must be at least `minReplicas`, 4, found 3",
            id="fewer at most than at least",
        ),
        pytest.param(
            "resources.requests.cpu",
            None,
            "`gateway.resources.requests.cpu` must be set when `gateway.autoscaling.enabled`",
            id="percent of nothing",
        ),
        pytest.param(
            "service.loadBalancerSourceRanges",
            ["192.0.2.0/24"],
            "`gateway.service.loadBalancerSourceRanges` must be empty",
            id="ranges without a load balancer",
        ),
        pytest.param(
            "podLabels",
            {"app.kubernetes.io/component": "x"},
            '`gateway.podLabels` must not contain "app.kubernetes.io/component"',
            id="a label of a selector",
        ),
        pytest.param(
            "resources.limits.memory",
            "1.5Gi",
            "`gateway.resources.limits.memory` must be a whole number",
            id="a memory limit that cannot be divided",
        ),
    ],
)
def test_contradictions_are_refused_with_what_to_do(helm: Helm, name: str, value: object, message: str) -> None:
    scaling = {"gateway": {"autoscaling": {"enabled": name.startswith(("autoscaling", "resources.requests"))}}}

    with pytest.raises(HelmError, match=message):
        helm.render(merged(scaling, with_gateway(name, value)))
