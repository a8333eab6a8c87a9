"""The pod template: restricted, placed on its accelerators, with what platforms add."""

from typing import Any

import pytest
from tests.workload.fleets import child, container, engine_cache, fleet, planned, setting

from modelfleet.api.catalogue import load_catalogue
from modelfleet.api.v1alpha1.model_deployment import ModelDeployment

H100 = "nvidia-h100-80gb"
TP4 = {"tensorParallelSize": 4}
SPOT_LABELS = {"spot": {"nodeLabels": {"lifecycle": "spot"}}}
SHARES = {"cpuPerAccelerator": "8", "memoryPerAccelerator": "100Gi"}


def template(wanted: ModelDeployment, **entry: Any) -> Any:
    """Return the pod template, with other fields of the accelerator's catalogue entry."""
    catalogue = load_catalogue({"accelerators": {H100: entry}}) if entry else None
    return child("Deployment", wanted, surrounding=setting(catalogue=catalogue))["spec"]["template"]


def pod(**spec: Any) -> Any:
    return template(fleet(**spec))["spec"]


def test_pods_are_restricted() -> None:
    spec = pod()
    [engine] = spec["containers"]

    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert engine["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)
    assert "hostPath" not in str(spec["volumes"])


@pytest.mark.parametrize(
    ("asked", "context"),
    [
        pytest.param({"runAsUser": 0}, {"runAsUser": 0, "runAsNonRoot": False, "runAsGroup": 2000}, id="root"),
        pytest.param({"runAsUser": 7}, {"runAsUser": 7, "runAsNonRoot": True}, id="another user"),
        pytest.param({"fsGroup": 9}, {"fsGroup": 9, "runAsUser": 2000}, id="another group"),
        pytest.param(
            {"supplementalGroups": [5]}, {"supplementalGroups": [5], "runAsNonRoot": True}, id="one more group"
        ),
    ],
)
def test_a_security_context_is_merged_over_the_restricted_one(asked: Any, context: dict[str, Any]) -> None:
    assert pod(pod={"securityContext": asked})["securityContext"].items() >= context.items()


def test_labels_of_the_platform_never_replace_those_that_select() -> None:
    added = {"team": "search", "app.kubernetes.io/component": "chat"}

    labels = template(fleet(pod={"labels": added, "annotations": {"a": "b"}}))["metadata"]
    del labels["labels"]["modelfleet.dev/template-hash"]

    assert labels["labels"] == {
        "app.kubernetes.io/name": "llama",
        "app.kubernetes.io/managed-by": "modelfleet",
        "app.kubernetes.io/component": "chat",
        "modelfleet.dev/fleet": "llama",
        "modelfleet.dev/traffic": "serving",
        "team": "search",
    }
    assert labels["annotations"] == {"a": "b"}


def test_a_named_account_keeps_its_token() -> None:
    spec = pod(pod={"serviceAccountName": "search"})

    assert spec["serviceAccountName"] == "search"
    assert "automountServiceAccountToken" not in spec
    assert child("ServiceAccount", fleet(pod={"serviceAccountName": "search"})) is None


@pytest.mark.parametrize(
    ("hardware", "selector"),
    [
        pytest.param({}, {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"}, id="the accelerator's nodes"),
        pytest.param(
            {"nodeSelector": {"zone": "a"}},
            {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "zone": "a"},
            id="and the user's",
        ),
        pytest.param(
            {"nodeSelector": {"nvidia.com/gpu.product": "X"}}, {"nvidia.com/gpu.product": "X"}, id="the user's wins"
        ),
        pytest.param(
            {"capacityType": "Spot"},
            {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "lifecycle": "spot"},
            id="interruptible nodes",
        ),
    ],
)
def test_pods_find_their_nodes(hardware: dict[str, Any], selector: dict[str, str]) -> None:
    assert template(fleet(hardware=hardware), **SPOT_LABELS)["spec"]["nodeSelector"] == selector


def test_tolerations_are_the_accelerators_those_of_spot_and_the_users_each_once() -> None:
    gpu = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    mine = {"key": "mine", "operator": "Equal", "value": "x"}

    on_demand = pod(hardware={"tolerations": [gpu, mine, mine]})["tolerations"]
    spot = pod(hardware={"capacityType": "Spot", "tolerations": [mine]})["tolerations"]

    assert on_demand == [gpu, mine]
    assert (spot[0], spot[-1]) == (gpu, mine)
    assert len(spot) > len(on_demand)


def test_pods_spread_over_nodes_unless_the_platform_says_how() -> None:
    [spread] = pod()["topologySpreadConstraints"]
    other = {"maxSkew": 2, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}

    assert (spread["topologyKey"], spread["whenUnsatisfiable"]) == ("kubernetes.io/hostname", "ScheduleAnyway")
    assert spread["labelSelector"] == {"matchLabels": {"modelfleet.dev/fleet": "llama"}}
    assert pod(pod={"topologySpreadConstraints": [other]})["topologySpreadConstraints"] == [
        {**other, "labelSelector": spread["labelSelector"]}
    ]


@pytest.mark.parametrize(
    ("engine", "count"),
    [
        pytest.param({}, "1", id="one"),
        pytest.param(TP4, "4", id="tensor parallel"),
        pytest.param({"tensorParallelSize": 2, "pipelineParallelSize": 2, "dataParallelSize": 2}, "8", id="all three"),
    ],
)
def test_a_pod_has_as_many_accelerators_as_its_ranks(engine: dict[str, int], count: str) -> None:
    resources = container(fleet(engine=engine))["resources"]

    assert resources == {"limits": {"nvidia.com/gpu": count}, "requests": {"nvidia.com/gpu": count}}


def test_accelerators_go_under_the_name_of_their_resource() -> None:
    assert container(fleet(hardware={"accelerator": "amd-mi300x-192gb"}))["resources"]["limits"] == {"amd.com/gpu": "1"}


@pytest.mark.parametrize(
    ("hardware", "cache", "requests"),
    [
        pytest.param({}, None, {"cpu": "32", "memory": "400Gi"}, id="the catalogue's share"),
        pytest.param({"cpu": "500m", "memory": "64Gi"}, None, {"cpu": "500m", "memory": "64Gi"}, id="as asked"),
        pytest.param({"memory": "64Gi"}, 32, {"cpu": "32", "memory": "96Gi"}, id="with offload"),
        pytest.param({}, 32, {"cpu": "32", "memory": "432Gi"}, id="the share with offload"),
    ],
)
def test_cpu_and_memory_are_requested(hardware: dict[str, str], cache: int | None, requests: dict[str, str]) -> None:
    offload = engine_cache(kvOffload={"cpuGiB": cache}) if cache else None
    surrounding = setting(catalogue=load_catalogue({"accelerators": {H100: SHARES}}))
    deployment = child("Deployment", fleet(engine=TP4, hardware=hardware), offload, surrounding)
    [engine] = deployment["spec"]["template"]["spec"]["containers"]

    assert engine["resources"]["requests"] == requests | {"nvidia.com/gpu": "4"}
    assert engine["resources"]["limits"] == {"nvidia.com/gpu": "4"}


def test_offload_alone_requests_its_own_memory() -> None:
    requests = container(fleet(), engine_cache(kvOffload={"cpuGiB": 8}))["resources"]["requests"]

    assert requests == {"memory": "8Gi", "nvidia.com/gpu": "1"}


@pytest.mark.parametrize(
    ("image", "present"),
    [("vllm/vllm-openai:v0.20.2", False), ("vllm/vllm-openai:v0.21.0", True), ("vllm/vllm-openai:v0.33.0", True)],
)
def test_any_model_name_is_accepted_where_the_version_can(image: str, *, present: bool) -> None:
    names = {variable["name"] for variable in container(fleet(engine={"image": image}))["env"]}

    assert ("VLLM_SKIP_MODEL_NAME_VALIDATION" in names) is present


def test_a_variable_is_set_once_and_the_users_wins() -> None:
    env = container(fleet(engine={"env": [{"name": "USER", "value": "me"}, {"name": "A", "value": ""}]}))["env"]
    names = [variable["name"] for variable in env]

    assert len(names) == len(set(names))
    assert env[-2:] == [{"name": "USER", "value": "me"}, {"name": "A", "value": ""}]


def test_the_token_is_handed_on_and_never_read() -> None:
    env = container(fleet(model={"tokenSecretRef": {"name": "hub"}}))["env"]

    assert {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hub", "key": "token"}}} in env


def test_every_writable_path_of_the_engine_is_a_volume() -> None:
    plan = planned(fleet())
    engine = container(plan.fleet)
    env = {variable["name"]: variable.get("value", "") for variable in engine["env"]}
    mounted = {mount["mountPath"] for mount in engine["volumeMounts"]}

    assert mounted == {"/cache", "/dev/shm", "/tmp"}  # noqa: S108 (paths inside the engine's container)
    assert {path.split("/")[1] for name, path in env.items() if name in ("HOME", "HF_HOME", "VLLM_CACHE_ROOT")} == {
        "cache"
    }


def test_the_engine_has_the_whole_start_up_budget() -> None:
    plan = planned(fleet())
    engine = container(plan.fleet)
    [timeout] = [variable["value"] for variable in engine["env"] if variable["name"] == "VLLM_ENGINE_READY_TIMEOUT_S"]
    probe = engine["startupProbe"]

    assert probe["failureThreshold"] * probe["periodSeconds"] >= plan.sized.startup_seconds == int(timeout)


def test_a_busy_engine_has_three_minutes_to_make_progress() -> None:
    probe = container(fleet(model={"servedNames": ["chat"]}))["livenessProbe"]
    answer = int(probe["exec"]["command"][-1])

    assert probe["exec"]["command"][3:5] == ["http://127.0.0.1:8000", "chat"]
    assert probe["failureThreshold"] * probe["periodSeconds"] == 180
    assert 2 * answer < probe["timeoutSeconds"] <= probe["periodSeconds"]
