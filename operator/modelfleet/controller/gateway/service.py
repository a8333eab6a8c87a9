"""Everything a replica does for the gateway, leading or not: configuration, held requests, and what peers ask."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

from modelfleet.api.conditions import Condition
from modelfleet.api.names import ENGINE_PORT_NAME, FLEET_LABEL
from modelfleet.controller.cluster.certificates import Holder, SecretNames, read_tls_secret
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.errors import ClusterError, Forbidden
from modelfleet.controller.cluster.resources import DEPLOYMENTS, ENDPOINTSLICES, PODS, Json, Resource
from modelfleet.controller.gateway import standing
from modelfleet.controller.gateway.catch_up import CatchUp
from modelfleet.controller.gateway.compiler import Compiler, Id
from modelfleet.controller.gateway.endpoints import addresses
from modelfleet.controller.gateway.home import Home
from modelfleet.controller.gateway.intake import INPUTS, Intake, secrets_input
from modelfleet.controller.gateway.models import Models
from modelfleet.controller.gateway.publisher import Publisher
from modelfleet.controller.gateway.reach import Reach
from modelfleet.controller.gateway.rendering import Rendering
from modelfleet.controller.gateway.secrets import Secrets
from modelfleet.controller.gateway.sleepers import SleepingFleets
from modelfleet.controller.gateway.vector import Vector
from modelfleet.controller.reconcile.route_policies import PolicyStanding
from modelfleet.controller.serve.activator.application import gateway_application
from modelfleet.controller.serve.activator.cold_start import ColdStarts, start_budget_seconds
from modelfleet.controller.serve.activator.holding import Activator
from modelfleet.controller.serve.mutual import MutualTlsServer
from modelfleet.controller.serve.peers.poller import PeerPoller, peer_application
from modelfleet.controller.serve.peers.report import PeerView, Report, peers_of
from modelfleet.controller.serve.tls import OwnCertificate
from modelfleet.controller.serve.xds import Gap, Server, ServerOptions
from modelfleet.controller.settings import Settings
from modelfleet.controller.watch.cache import DELETED, Cache
from modelfleet.controller.watch.memory import keep_for_long
from modelfleet.controller.watched import FLEETS
from modelfleet.gateway.ir import Address
from modelfleet.gateway.lower.setting import Setting
from modelfleet.gateway.render import Place, Replicas
from modelfleet.gateway.render.authentication import API_KEYS
from modelfleet.gateway.render.providers import provider_keys_of
from modelfleet.gateway.schema import Schema
from modelfleet.gateway.schema.type_urls import ECDS, SDS

CONNECTION_AGE_SECONDS = 3600.0
"""Bounds how long a gateway stays with one replica, and how long it shows a certificate that was rotated."""
FORBIDDEN_AT_LAST = 3
"""How many lists in a row must be forbidden to be believed: an API server that starts forbids everything at first."""
RELEASE = "release"

log = logging.getLogger(__name__)


def secret_names(fullname: str) -> SecretNames:
    """Return the names of the Secrets with certificates, as the chart has them."""
    return SecretNames(
        authority=f"{fullname}-ca", operator=f"{fullname}-operator-tls", gateway=f"{fullname}-gateway-tls"
    )


class GatewayService:
    """
    All parts of the gateway's control plane in this process, connected.

    *relist* lists everything anew from a quorum; *ask_for* is called with policies whose status may change.
    """

    def __init__(
        self,
        settings: Settings,
        setting: Setting,
        cache: Cache,
        cluster: Cluster,
        *,
        relist: Callable[[], Awaitable[bool]],
        ask_for: Callable[[Iterable[Id]], None],
    ) -> None:
        self._settings, self._cache = settings, cache
        self._relist, self._ask_for = relist, ask_for
        namespaces = sorted(setting.gateway.secret_namespaces)
        self._vector = Vector([RELEASE, *map(str, INPUTS), *map(secrets_input, namespaces)])
        self.compiler = Compiler(setting)
        self._server = Server(
            Schema(),
            on_nack=lambda *_: self._ask_again(),
            on_behind=self._behind,
            options=ServerOptions(max_connection_age_seconds=CONNECTION_AGE_SECONDS),
        )
        self._intake = Intake(self.compiler, self._vector, wake=self._wake)
        self._home = Home(
            cluster,
            namespace=settings.namespace,
            pod_name=settings.pod_name,
            fullname=settings.fullname,
            on_change=self._home_changed,
        )
        self._secrets = Secrets(cluster, namespaces, on_secret=self._intake.secret, on_unread=self._unread_changed)
        self._cold_starts = ColdStarts()
        self._certificate = OwnCertificate(
            lambda: read_tls_secret(cluster, settings.namespace, secret_names(settings.fullname).operator)
        )
        rendering = Rendering(self.compiler, setting, Place())
        self._reach = Reach(
            self._server,
            self._view,
            own_name=settings.pod_name,
            keys_of=rendering.keys_of,
            tables_of=rendering.tables_of,
        )
        self._sleepers = SleepingFleets(
            self.compiler,
            self._server,
            addresses=self._addresses,
            cold_starts=self._cold_starts,
            start_budget=self._start_budget,
            view=self._view,
        )
        self._activator = Activator(self._sleepers)
        self._poller = PeerPoller(
            lambda: peers_of(self._home.operators(), port=settings.peers_port),
            own_name=settings.pod_name,
            own=self._report,
            certificate=self._certificate,
            is_needed=lambda: True,
            on_view=lambda _: self._gateways_changed(),
        )
        self._publisher = Publisher(
            self.compiler,
            rendering,
            self._server,
            self._reach,
            state=self._vector.now,
            gap=self._gap,
            replicas=self._replicas,
            on_published=ask_for,
        )
        self._catch_up = CatchUp(
            relist=self._relist_everything,
            publish=self._publisher.publish,
            is_due=self._may_make_up_for,
            let_go=self._let_go,
        )
        self._pods: dict[str, tuple[Address, ...]] = {}
        self._is_publishing = False

    def observe(self, resource: Resource, event_type: str, obj: Json) -> None:
        """Take in a change of an object that is watched across the cluster."""
        self._intake.observe(resource, event_type, obj)
        if resource == PODS:
            self._learn_cold_start(obj)
        elif resource == FLEETS and event_type == DELETED:
            self._cold_starts.forget(f"{obj['metadata']['namespace']}/{obj['metadata']['name']}")

    async def run(self, known: asyncio.Event) -> None:
        """
        Serve gateways and peers until cancelled.

        Nothing is served before *known* is set, everything else is listed too, and all of it is compiled; only for the
        Secrets of a namespace that cannot be read nobody waits longer than a little.
        """
        reflectors = (*self._home.reflectors, *self._secrets.reflectors.values())
        async with asyncio.TaskGroup() as group, self._peers():
            for reflector in reflectors:
                group.create_task(reflector.run(), name=str(reflector))
            group.create_task(self._certificate.run(), name="certificate")
            await known.wait()
            for reflector in self._home.reflectors:
                await reflector.listed.wait()
            await self._secrets.first()
            await self._publisher.publish()
            keep_for_long()
            self._is_publishing = True
            group.create_task(self._publisher.run(), name="publisher")
            group.create_task(self._poller.run(), name="peers")
            group.create_task(self._catch_up.run(), name="catching up")
            group.create_task(self._secrets.recover(), name="secrets")
            group.create_task(self._follow_acknowledgements(), name="acknowledgements")
            await self._certificate.ready.wait()
            async with self._gateways():
                await asyncio.Event().wait()

    def problem(self) -> str | None:
        """Return why gateways are not served yet, for the readiness probe."""
        if not self._is_publishing:
            return "what gateways are to do is not compiled yet"
        return self._certificate.problem()

    def standing(
        self, namespace: str, name: str, *, before: Iterable[Condition], generation: int
    ) -> PolicyStanding | None:
        """Return what is told about a RoutePolicy; None while this generation was not compiled yet."""
        key = namespace, name
        lowered = self.compiler.policies.get(key)
        if unreadable := self._intake.unreadable.get(key):
            return standing.of_unreadable(unreadable, lowered)
        is_current = self._intake.generations.get(key) == generation and not self.compiler.is_dirty(key)
        if lowered is None or not is_current or not self._is_publishing or self._publisher.is_under_way:
            return None
        spread = self._reach.spread(lowered.table.name) if lowered.table else None
        return standing.of_policy(lowered, spread, before=before, generation=generation)

    def _peers(self) -> MutualTlsServer:
        """Return what answers the other replicas."""
        return MutualTlsServer(
            peer_application(self._report),
            self._settings.peers_port,
            certificate=self._certificate,
            clients=frozenset({Holder.OPERATOR.value}),
        )

    @contextlib.asynccontextmanager
    async def _gateways(self) -> AsyncIterator[None]:
        """Answer gateways; held requests are reset at the end, others hold them."""
        activator = MutualTlsServer(
            gateway_application(self._activator, Models(self.compiler)),
            self._settings.activator_port,
            certificate=self._certificate,
            clients=frozenset({Holder.GATEWAY.value}),
            before_end=self._activator.reset,
        )
        async with activator:
            await self._server.start(f"[::]:{self._settings.xds_port}", self._certificate.shown)
            try:
                yield
            finally:
                await self._server.stop()

    def _wake(self) -> None:
        if self._is_publishing:
            self._publisher.wake()

    def _unread_changed(self) -> None:
        """Note which Secrets cannot be read, and which can again."""
        for namespace in self._secrets.reflectors.keys() - self._secrets.unread:
            self._vector.caught_up(secrets_input(namespace))
        self.compiler.set_unread(self._secrets.unread)
        self._wake()

    def _gap(self) -> Gap | None:
        """Return what is not known of what the gateways may have: keys of callers as a whole, others one by one."""
        unread = self._secrets.unread
        starts = [(SDS, provider_keys_of(namespace)) for namespace in sorted(unread)]
        return Gap(self._vector.read(), ((ECDS, API_KEYS), *starts)) if unread else None

    def _home_changed(self) -> None:
        self._vector.see(RELEASE, self._home.release)
        self._wake()

    def _replicas(self) -> Replicas:
        """Return who is ready, fleets, operators and gateways."""
        changed, self._intake.endpoints = self._intake.endpoints, set()
        if changed:
            self._pods = self._pods | {"/".join(key): self._addresses("/".join(key)) for key in changed}
            for key in changed:
                self._activator.changed("/".join(key))
        activators = self._home.ready_operators(self._settings.activator_port)
        return Replicas(self._pods, activators, self._home.gateways())

    def _addresses(self, fleet: str) -> tuple[Address, ...]:
        namespace, _, name = fleet.partition("/")
        return addresses(self._cache.labelled(ENDPOINTSLICES, namespace, name), port_name=ENGINE_PORT_NAME)

    async def _follow_acknowledgements(self) -> None:
        """Let those who wait for gateways know of every acknowledgement."""
        seen = 0
        while True:
            seen = await self._server.changed(seen)
            self._gateways_changed()

    def _gateways_changed(self) -> None:
        self._activator.changed()
        self._ask_again()

    def _ask_again(self) -> None:
        """Ask for the policies that may be told something else about the gateways."""
        parts = (name.split("/") for name in self._reach.unsettled() if name.startswith("policy/"))
        self._ask_for([(namespace, name) for _, namespace, name in parts])

    def _behind(self, vector: tuple[int, ...]) -> None:
        self._catch_up.ask(vector)

    def _may_make_up_for(self, vector: tuple[int, ...]) -> bool:
        """Return whether lists can: they cannot make a newer release of this one, unless none is there any more."""
        return vector[0] <= self._home.release or self._home.release == self._home.newest_release

    def _let_go(self, vector: tuple[int, ...]) -> None:
        self._vector.make_up_for(vector, [secrets_input(namespace) for namespace in self._secrets.unread])
        self._server.let_go(vector)
        self._wake()

    async def _relist_everything(self, failures: int) -> bool:
        """Return whether everything could be listed anew; what may not be read at last counts as it is."""
        if not await self._secrets.relist(is_forbidden_believed=failures >= FORBIDDEN_AT_LAST):
            return False
        for reflector in self._home.reflectors:
            try:
                await reflector.relist()
            except ClusterError as error:
                if not isinstance(error, Forbidden) or failures < FORBIDDEN_AT_LAST:
                    log.warning("a list failed", extra={"error": str(error)})
                    return False
        return await self._relist()

    def _learn_cold_start(self, pod: Json) -> None:
        fleet = (pod["metadata"].get("labels") or {}).get(FLEET_LABEL)
        if fleet:
            target = f"{pod['metadata']['namespace']}/{fleet}"
            self._cold_starts.learn(target, [pod], budget_seconds=self._start_budget(target))

    def _start_budget(self, fleet: str) -> float:
        namespace, _, name = fleet.partition("/")
        return start_budget_seconds(self._cache.labelled(DEPLOYMENTS, namespace, name))

    def _view(self) -> PeerView | None:
        return self._poller.view

    def _report(self) -> Report:
        return Report(
            self._activator.demand(),
            self._reach.acknowledged(self._sleepers.names()),
            self._reach.refused(),
            self._reach.state,
            self._server.fingerprint,
            self._reach.pending(),
        )
