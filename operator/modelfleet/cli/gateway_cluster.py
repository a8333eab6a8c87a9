"""What `modelfleet gateway` reads from a cluster: our kinds, and the Secrets it may see. It writes nothing."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import click

from modelfleet.api.kinds import KINDS
from modelfleet.api.names import API_VERSION
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.errors import ClusterError, Forbidden
from modelfleet.controller.cluster.resources import SECRETS, Json, Resource
from modelfleet.controller.cluster.transport import Call
from modelfleet.gateway.lower.secrets import API_KEYS_TYPE, PROVIDER_KEY_TYPE


@dataclass(slots=True)
class Found:
    """The objects of our kinds, the Secrets with keys, and the namespaces whose Secrets may not be read."""

    objects: list[Json] = field(default_factory=list)
    secrets: list[Json] = field(default_factory=list, repr=False)
    unreadable: list[str] = field(default_factory=list)


def read(kubeconfig: Path | None, context: str | None) -> Found:
    """Return what the cluster has; raise `click.ClickException` where it cannot be asked."""
    try:
        return asyncio.run(_read(kubeconfig, context))
    except ClusterError as error:
        raise click.ClickException(str(error)) from error


async def _read(kubeconfig: Path | None, context: str | None) -> Found:
    cluster = await Cluster.connect(kubeconfig, context=context)
    try:
        found = Found()
        for kind in KINDS:
            listing = await cluster.list(Resource(API_VERSION, kind.name, kind.plural))
            found.objects += listing.items
        for namespace in sorted({obj["metadata"]["namespace"] for obj in found.objects}):
            await _read_secrets(cluster, namespace, found)
        return found
    finally:
        await cluster.close()


async def _read_secrets(cluster: Cluster, namespace: str, found: Found) -> None:
    for kind in (API_KEYS_TYPE, PROVIDER_KEY_TYPE):
        selector = {"fieldSelector": f"type={kind}"}
        call = Call(verb="list", method="GET", path=SECRETS.path(namespace), resource=SECRETS.plural, query=selector)
        try:
            found.secrets += (await cluster.transport.json(call))["items"]
        except Forbidden:
            found.unreadable.append(namespace)
            return
