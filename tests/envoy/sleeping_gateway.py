"""A gateway for one fleet that may sleep, as it is rendered; endpoints are files, so that they can change meanwhile."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.envoy.activator_process import FLEET, LOOPBACK
from tests.envoy.routing import everything, fleet, gateway, pool, rule, table, to

from modelfleet.gateway import ir, render
from modelfleet.gateway.render.bootstrap import static_bootstrap
from modelfleet.gateway.render.operator import SERVER_NAME, OperatorAccess
from modelfleet.gateway.schema import type_urls

Json = dict[str, Any]
MODEL = "chat"
SLEEPER = to(ir.Backend(ir.BackendKind.FLEET, FLEET))
ASSIGNMENT = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"


@dataclass(frozen=True)
class SleepingGateway:
    """What Envoy is given; *directory* is for its files."""

    directory: Path
    ports: render.Ports
    tries: int
    fallback: int | None
    """fallback is the port of what answers after the tries."""
    room: int = 1000
    """room is how many requests a pod takes at once, and how many more may wait."""

    def bootstrap(self, certificates: Path, activators: Sequence[int]) -> Json:
        """Return the bootstrap, with *certificates* to show to activators."""
        write_secrets(self.directory / "config", certificates)
        (self.directory / "eds").mkdir()
        self.place(activators)
        replicas, place = self._replicas(activators, ()), self._place()
        built: Json = static_bootstrap(
            self._served(), everything(self._served(), replicas, place), ports=self.ports, address=LOOPBACK
        )
        rendered = render.resources(self._served(), replicas, place)[type_urls.CDS]
        clusters = [
            self._with_file(one, rendered.get(one["name"], {})) for one in built["static_resources"]["clusters"]
        ]
        return {**built, "static_resources": {**built["static_resources"], "clusters": clusters}}

    def place(self, activators: Sequence[int], *, ready: Sequence[int] = ()) -> None:
        """Tell Envoy where everybody is."""
        found = render.resources(self._served(), self._replicas(activators, ready), self._place())
        for name, assignment in found[type_urls.EDS].items():
            self._write(name, {"@type": ASSIGNMENT, **assignment})

    def _write(self, name: str, assignment: Json) -> None:
        """Exchange a file in one piece."""
        draft = self._file(name).with_suffix(".new")
        draft.write_text(json.dumps({"resources": [assignment]}))
        draft.rename(self._file(name))

    def _file(self, name: str) -> Path:
        return self.directory / "eds" / f"{name.replace('/', '.')}.json"

    def _with_file(self, built: Json, rendered: Json) -> Json:
        if rendered.get("type") != "EDS":
            return built
        service = rendered["eds_cluster_config"]["service_name"]
        watched = {"path": str(self.directory / "eds")}
        source = {"path_config_source": {"path": str(self._file(service)), "watched_directory": watched}}
        config = {"service_name": service, "eds_config": {**source, "resource_api_version": "V3"}}
        return {**rendered, "eds_cluster_config": config}

    def _served(self) -> ir.Gateway:
        roomy = {"connections_per_pod": self.room, "low_priority_connections_per_pod": self.room}
        asleep = pool("m", fleet=FLEET, sleep=ir.Sleep(300), queue_limit=self.room, **roomy)
        after = [to(fleet("fallback"))] if self.fallback else []
        return gateway([table(MODEL, rule(*[SLEEPER] * self.tries, *after))], [asleep, pool("fallback")])

    def _replicas(self, activators: Sequence[int], ready: Sequence[int]) -> render.Replicas:
        def at(ports: Sequence[int]) -> tuple[ir.Address, ...]:
            return tuple(ir.Address(LOOPBACK, port) for port in ports)

        spare = (self.fallback,) if self.fallback else ()
        return render.Replicas(pods={FLEET: at(ready), "ns/fallback": at(spare)}, activators=at(activators))

    def _place(self) -> render.Place:
        access = OperatorAccess(config_directory=str(self.directory / "config"))
        return render.Place(operators=access, ports=self.ports)


def write_secrets(directory: Path, certificates: Path) -> None:
    """Write the files that name those in *certificates*, as the chart does."""

    def file(name: str) -> Json:
        return {"filename": str(certificates / name)}

    san = {"san_type": "DNS", "matcher": {"exact": SERVER_NAME}}
    secrets = {
        "gateway-tls": {"tls_certificate": {"certificate_chain": file("tls.crt"), "private_key": file("tls.key")}},
        "operator-ca": {"validation_context": {"trusted_ca": file("ca.crt"), "match_typed_subject_alt_names": [san]}},
    }
    directory.mkdir()
    for name, secret in secrets.items():
        content = {"resources": [{"@type": SECRET, "name": name, **secret}]}
        (directory / f"{name}.yaml").write_text(json.dumps(content))
