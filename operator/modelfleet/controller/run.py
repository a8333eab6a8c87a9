"""`modelfleet run`: wires everything; the only place that constructs."""

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import Coroutine, Iterable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from modelfleet import __version__
from modelfleet.api.catalogue import Catalogue, CatalogueError, load_catalogue
from modelfleet.api.names import FIELD_MANAGER, FLEET_LABEL
from modelfleet.api.platform import Platform
from modelfleet.api.schema.problems import explain
from modelfleet.controller import json_logs, skew
from modelfleet.controller.claims import ClaimIndex
from modelfleet.controller.cluster.certificates import CertificateKeeper
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.errors import Unavailable
from modelfleet.controller.cluster.events import Recorder
from modelfleet.controller.cluster.lease import ApiLeaseStore, Lease, unique_identity
from modelfleet.controller.cluster.resources import PODMONITORS, Json, Resource
from modelfleet.controller.gateway.service import GatewayService, secret_names
from modelfleet.controller.gateway.standing import NoGateway
from modelfleet.controller.reconcile.policies import PolicyReconciler
from modelfleet.controller.reconcile.reconciler import FleetReconciler
from modelfleet.controller.reconcile.report import Reporter
from modelfleet.controller.reconcile.route_policies import RoutePolicyReconciler
from modelfleet.controller.reconcile.worker import Workers
from modelfleet.controller.reconcile.writer import ClusterWriter, ReadOnlyWriter, Writer
from modelfleet.controller.serve.http import Check, HttpServer
from modelfleet.controller.settings import Settings, SettingsError
from modelfleet.controller.watch import metrics
from modelfleet.controller.watch.cache import Cache
from modelfleet.controller.watch.embedded import claim_signals
from modelfleet.controller.watch.memory import tune_collector
from modelfleet.controller.watch.queue import KeyedQueue
from modelfleet.controller.watch.watcher import Watcher
from modelfleet.controller.watched import GATEWAY_WATCHES, SLIM, WATCHES, Key, Router, Subject
from modelfleet.gateway.lower.setting import Setting as GatewaySetting
from modelfleet.workload.plan import Setting

log = logging.getLogger(__name__)


def main(settings: Settings) -> None:
    """Run the operator until SIGTERM; raise `SettingsError` when the platform file is not valid."""
    json_logs.configure(settings.log_level)
    tune_collector()
    platform, catalogue = read_platform(settings.platform_file)
    asyncio.run(Operator(settings, platform, catalogue).run())


def read_platform(path: Path | None) -> tuple[Platform, Catalogue]:
    """
    Return what the platform team set in the file at *path*, and its catalogue; the defaults where there is none.

    Raises `SettingsError` that says what is wrong with the file.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) if path else None
        platform = Platform.model_validate(content or {}, extra="forbid")
        return platform, load_catalogue(platform.catalogue)
    except ValidationError as error:
        raise SettingsError(f"{path}: {explain(error)}") from error
    except CatalogueError as error:
        raise SettingsError(f"{path}: {error}") from error
    except (OSError, yaml.YAMLError) as error:
        raise SettingsError(f"{path} must be a readable YAML file: {error}") from error


class Operator:
    """All parts of the operator, connected."""

    def __init__(self, settings: Settings, platform: Platform, catalogue: Catalogue) -> None:
        self.settings = settings
        self._platform, self._catalogue = platform, catalogue
        self._watches = (*WATCHES, *(GATEWAY_WATCHES if platform.gateway.enabled else ()))
        self.cache = Cache([watch.resource for watch in self._watches], index_label=FLEET_LABEL, slim=SLIM)
        self.claims = ClaimIndex()
        self._router = Router(self.cache, self.claims)
        self._gateway: GatewayService | None = None
        self._queue: KeyedQueue[Key] | None = None
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Watch, serve and, while leading, write; until SIGTERM or SIGINT. Raise `SettingsError` without a cluster."""
        settings = self.settings
        try:
            cluster = await Cluster.connect(settings.kubeconfig)
        except Unavailable as error:
            raise SettingsError(str(error)) from error
        self.watcher: Watcher[Key] = Watcher(
            cluster,
            self.cache,
            self._watches,
            route=self._route,
            enqueue=self._enqueue,
            namespaces=settings.watch_namespaces,
            resync_seconds=settings.resync_seconds,
            on_started=lambda: claim_signals(self._stop),
        )
        self._gateway = self._gateway_service(cluster) if self._platform.gateway.enabled else None
        metrics.expose_cache(self.cache)
        metrics.expose_queue(lambda: self._queue)
        claim_signals(self._stop)
        log.info("starting", extra={"version": __version__, "read_only": settings.read_only})
        server = HttpServer(settings.http_port, live={"watches": self.watcher.problem}, ready=self._readiness_checks())
        serving = [self._gateway.run(self.watcher.complete)] if self._gateway else []
        try:
            async with server:
                await self._run_until_stopped(self.watcher.run(), skew.check(cluster), self._write(cluster), *serving)
        finally:
            await cluster.close()

    async def _run_until_stopped(self, forever: Coroutine[Any, Any, None], *others: Coroutine[Any, Any, None]) -> None:
        tasks = [asyncio.create_task(part) for part in (forever, *others)]
        stopper = asyncio.create_task(self._stop.wait())
        try:
            pending = {*tasks, stopper}
            while not self._stop.is_set():
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
        finally:
            for task in (*reversed(tasks), stopper):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _write(self, cluster: Cluster) -> None:
        """Reconcile while this replica holds the Lease, or without it when nothing is written anyway."""
        await self.watcher.complete.wait()
        if self.settings.read_only:
            await self._lead(cluster, cluster, ReadOnlyWriter())
            return
        settings = self.settings
        store = ApiLeaseStore(cluster.transport, namespace=settings.namespace, name=settings.lease_name)
        lease = Lease(store, identity=unique_identity(settings.pod_name), timing=settings.lease_timing())
        fenced = cluster.fenced(lease, write_timeout_seconds=settings.lease_timing().grace)
        await lease.run(lambda: self._lead(cluster, fenced, ClusterWriter(fenced, self.cache)))

    async def _lead(self, cluster: Cluster, writing: Cluster, writer: Writer) -> None:
        recorder = Recorder(writing, manager=FIELD_MANAGER, instance=self.settings.pod_name)
        reporter = Reporter(writer, recorder)
        fleets = FleetReconciler(
            cache=self.cache,
            claims=self.claims,
            cluster=cluster,
            writer=writer,
            reporter=reporter,
            setting=self._setting,
            clock=_now,
        )
        policies = PolicyReconciler(self.cache, reporter, clock=_now)
        routes = RoutePolicyReconciler(self.cache, self._gateway or NoGateway(), reporter, clock=_now)
        reconciles = {
            Subject.FLEET: fleets.reconcile,
            Subject.POLICY: policies.reconcile,
            Subject.ROUTE_POLICY: routes.reconcile,
        }
        self._queue = queue = KeyedQueue[Key]()
        try:
            await self.watcher.enqueue_all()
            async with asyncio.TaskGroup() as group:
                group.create_task(Workers(queue, reconciles, count=self.settings.workers).run())
                if not self.settings.read_only:
                    group.create_task(recorder.run())
                    if self._gateway and self.settings.mint_certificates:
                        group.create_task(self._certificates(writing).run())
        finally:
            self._queue = None

    def _gateway_service(self, cluster: Cluster) -> GatewayService:
        return GatewayService(
            self.settings,
            GatewaySetting(self._platform.gateway, self._catalogue.accelerators),
            self.cache,
            cluster,
            relist=self.watcher.relist,
            ask_for=self._ask_for_policies,
        )

    def _certificates(self, writing: Cluster) -> CertificateKeeper:
        names = secret_names(self.settings.fullname)
        return CertificateKeeper(writing, namespace=self.settings.namespace, names=names)

    def _route(self, resource: Resource, event_type: str, obj: Json) -> Iterable[Key]:
        """Tell the gateway of a change, on every replica, and return the keys that it asks for."""
        if self._gateway is not None:
            try:
                self._gateway.observe(resource, event_type, obj)
            except Exception:  # one object that nobody expected must not end what serves all others
                log.exception("the gateway could not take an object in", extra={"object": obj["metadata"]["name"]})
        return self._router.keys(resource, event_type, obj)

    def _ask_for_policies(self, policies: Iterable[tuple[str, str]]) -> None:
        for namespace, name in policies:
            self._enqueue(Key(Subject.ROUTE_POLICY, namespace, name), 0.0)

    def _readiness_checks(self) -> dict[str, Check]:
        gateway = {"gateway": self._gateway.problem} if self._gateway else {}
        return {"caches": self._not_complete, **gateway}

    def _enqueue(self, key: Key, delay: float) -> None:
        """Ask for a reconcile while leading; whoever leads next begins with every key."""
        if self._queue is not None:
            self._queue.add(key, delay)

    def _setting(self) -> Setting:
        return Setting(self._platform, self._catalogue, has_pod_monitors=self.watcher.serves(PODMONITORS))

    def _not_complete(self) -> str | None:
        return None if self.watcher.complete.is_set() else "not everything was listed yet"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
