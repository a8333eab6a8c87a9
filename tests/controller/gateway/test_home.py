"""The operator's namespace tells which release this is, whether there is a newer one, and who is ready."""

import asyncio
from collections.abc import Mapping
from typing import Any

from modelfleet.controller.cluster.resources import ENDPOINTSLICES, PODS, REPLICASETS, Json, Resource
from modelfleet.controller.gateway.home import Home
from modelfleet.gateway.ir import Address


class Cluster:
    """Lists what it was given."""

    server = "https://api"

    def __init__(self, given: Mapping[Resource, list[Json]]) -> None:
        self.given = given

    async def list(self, resource: Resource, namespace: str | None = None) -> tuple[list[Json], str]:
        """Return all that is there."""
        assert namespace == "home"
        return self.given.get(resource, []), "1"

    def open_session(self) -> Any:
        """Open nothing."""
        raise NotImplementedError


def home(**given: list[Json]) -> Home:
    """Return what *pods*, *sets* and *slices* make of the pod "own"."""
    by_resource = {PODS: given.get("pods", []), REPLICASETS: given.get("sets", [])}
    cluster = Cluster({**by_resource, ENDPOINTSLICES: given.get("slices", [])})
    made = Home(cluster, namespace="home", pod_name="own", fullname="mf", on_change=lambda: None)

    async def list_all() -> None:
        for reflector in made.reflectors:
            await reflector.relist()

    asyncio.run(list_all())
    return made


def pod(name: str, of: str, component: str = "operator") -> Json:
    labels = {"app.kubernetes.io/name": "modelfleet", "app.kubernetes.io/component": component}
    return {"metadata": {"name": name, "labels": labels, "ownerReferences": [{"name": of, "uid": of}]}}


def replica_set(name: str, revision: str, *, replicas: int = 1, deployment: str = "d") -> Json:
    annotations = {"deployment.kubernetes.io/revision": revision}
    meta = {"name": name, "annotations": annotations, "ownerReferences": [{"name": deployment, "uid": deployment}]}
    return {"metadata": meta, "spec": {"replicas": replicas}}


def piece(service: str, ip: str, *, ready: bool = True) -> Json:
    meta = {"name": f"{service}-{ip}", "labels": {"kubernetes.io/service-name": service}}
    endpoint = {"addresses": [ip], "conditions": {"ready": ready}}
    return {"metadata": meta, "ports": [{"name": "xds", "port": 18000}], "endpoints": [endpoint]}


def test_the_release_is_the_revision_of_the_replica_set() -> None:
    assert home(pods=[pod("own", "new")], sets=[replica_set("new", "7"), replica_set("old", "6")]).release == 7


def test_outside_a_cluster_there_is_one_release() -> None:
    made = home()

    assert (made.release, made.newest_release) == (0, 0)


def test_a_newer_release_counts_while_it_is_to_have_pods() -> None:
    sets = [replica_set("own-set", "7"), replica_set("new", "8"), replica_set("foreign", "9", deployment="other")]
    ended = [replica_set("own-set", "7"), replica_set("new", "8", replicas=0)]
    pods = [pod("own", "own-set")]

    assert home(pods=pods, sets=sets).newest_release == 8
    assert home(pods=pods, sets=ended).newest_release == 7


def test_replicas_of_the_operator_are_told_from_the_gateways() -> None:
    made = home(pods=[pod("own", "s"), pod("other", "t"), pod("gateway", "g", "gateway")])

    assert [each["metadata"]["name"] for each in made.operators()] == ["own", "other"]


def test_only_those_that_are_ready_are_sent_to() -> None:
    slices = [piece("mf-xds", "192.0.2.1"), piece("mf-xds", "192.0.2.2", ready=False), piece("mf-gateway", "192.0.2.3")]
    made = home(slices=slices)

    assert made.ready_operators(8090) == (Address("192.0.2.1", 8090, ""),)
    assert made.gateways() == (Address("192.0.2.3", 18000, ""),)
