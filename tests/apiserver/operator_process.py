"""The operator as a process of its own, with the rights the chart gives it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml
from prometheus_client.parser import text_string_to_metric_families
from tests.apiserver import connection
from tests.apiserver.connection import Connection
from tests.apiserver.control_plane import OPERATORS, WITH_PARENT, free_ports
from tests.apiserver.waiting import eventually

from modelfleet.controller.settings import variable

ROOT = Path(__file__).parents[2]
INSTALL = ROOT / "manifests" / "install.yaml"
NAMESPACE = "modelfleet-system"
RIGHTS = ("ClusterRole", "Role")
PROGRAM = """
from modelfleet.cli import main
main(["run"])
"""
STOP_SECONDS = 15
SETTINGS: dict[str, Any] = {
    "namespace": NAMESPACE,
    "lease_name": "modelfleet-operator",
    "lease_duration_seconds": 6,
    "lease_renew_deadline_seconds": 3,
    "lease_retry_seconds": 0.5,
}
"""A busy machine may keep a process from the processor for seconds, so the lease is short, and not very short."""

Record = dict[str, Any]


@dataclass(slots=True)
class Operator:
    """One running operator."""

    name: str
    user: str
    process: "subprocess.Popen[bytes]"
    log: Path
    port: int

    def records(self) -> list[Record]:
        """Return what it logged so far; what is no JSON is under `text`."""
        return [_record(line) for line in self.log.read_text(errors="replace").splitlines()]

    def said(self, message: str) -> list[Record]:
        """Return its records with this message."""
        return [record for record in self.records() if record.get("message") == message]

    def await_word(self, message: str) -> list[Record]:
        """Return its records with this message as soon as there is one."""

        def look() -> list[Record]:
            if self.process.poll() is not None:
                raise AssertionError(
                    f"{self.name} ended with {self.process.returncode}:\n{self.log.read_text()[-4000:]}"
                )
            return self.said(message)

        return eventually(look, f'{self.name} says "{message}"')

    def get(self, path: str) -> httpx.Response:
        """Return what its HTTP server answers."""
        self.await_word("serving health and metrics")
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", trust_env=False)

    def metric(self, name: str, **labels: str) -> float:
        """Return the sum of a metric over all series that have *labels*."""
        families = text_string_to_metric_families(self.get("/metrics").text)
        samples = (sample for family in families for sample in family.samples)
        return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())

    def await_leading(self) -> None:
        """Return once it writes."""
        self.await_word("leading")

    def stop(self) -> float:
        """End it as a kubelet does, and return in how many seconds it ended."""
        started = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        return time.monotonic() - started

    def await_ready(self) -> None:
        """Return once it knows everything, leading or not."""
        self.await_word("everything is listed")

    def pause(self) -> None:
        """Stop it in the middle of whatever it does, as a machine that is suspended does."""
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it go on where it was paused."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it without a farewell."""
        self.process.kill()
        self.process.wait()


@dataclass(slots=True)
class Operators:
    """Starts operators; one of them, the shared one, serves all tests that need no more."""

    users: Mapping[str, Connection]
    directory: Path
    started: list[Operator] = field(default_factory=list)
    _shared: Operator | None = None

    def start(
        self, user: str = "operator-a", *, prelude: str = "", server: str | None = None, **settings: Any
    ) -> Operator:
        """Start an operator as *user*; *prelude* is Python that runs before it, *server* another way to the cluster."""
        name = f"{user}-{len(self.started)}"
        log, kubeconfig = self.directory / f"{name}.log", self.directory / f"{name}.yaml"
        way = Connection(server or self.users[user].server, self.users[user].token)
        kubeconfig.write_text(yaml.safe_dump(connection.kubeconfig(way)))
        [port] = free_ports(1)
        chosen = SETTINGS | {"kubeconfig": kubeconfig, "pod_name": name, "http_port": port} | settings
        environment = os.environ | {variable(key): str(value) for key, value in chosen.items()}
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 (our own program)
                [*WITH_PARENT, sys.executable, "-c", prelude + PROGRAM], env=environment, stderr=output, stdout=output
            )
        operator = Operator(name, user, process, log, port)
        self.started.append(operator)
        return operator

    def shared(self) -> Operator:
        """Return the shared operator, which leads."""
        if self._shared is None or self._shared.process.poll() is not None:
            self._shared = self.start()
        self._shared.await_leading()
        return self._shared

    def stop_all(self) -> None:
        """End every operator that still runs."""
        for operator in self.started:
            if operator.process.poll() is None:
                operator.stop()
        self._shared = None

    def tracebacks(self) -> dict[str, list[Record]]:
        """Return what operators logged that only a defect explains, by operator."""
        found = {operator.name: [r for r in operator.records() if _is_defect(r)] for operator in self.started}
        return {name: records for name, records in found.items() if records}


def grant_rights(http: httpx.Client) -> None:
    """Give the operators' users what `manifests/install.yaml` gives the operator's service account."""
    documents = [document for document in yaml.safe_load_all(INSTALL.read_text()) if document]
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    http.post("/api/v1/namespaces", json=namespace).raise_for_status()
    for role in (document for document in documents if document["kind"] in RIGHTS):
        _bind(http, role)


def _bind(http: httpx.Client, role: Mapping[str, Any]) -> None:
    meta, kind = role["metadata"], role["kind"]
    group = f"/apis/{role['apiVersion']}"
    place = f"{group}/namespaces/{meta['namespace']}" if kind == "Role" else group
    plural = kind.lower()
    http.post(f"{place}/{plural}s", json=role).raise_for_status()
    binding = {
        "apiVersion": role["apiVersion"],
        "kind": f"{kind}Binding",
        "metadata": {"name": meta["name"]},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": meta["name"]},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": OPERATORS}],
    }
    if not meta["name"].endswith(("-view", "-edit")):
        http.post(f"{place}/{plural}bindings", json=binding).raise_for_status()


def _record(line: str) -> Record:
    try:
        parsed = json.loads(line)
    except ValueError:
        return {"text": line}
    return parsed if isinstance(parsed, dict) else {"text": line}


def _is_defect(record: Record) -> bool:
    """Return whether a record is a traceback, no record at all, or an error; kopf calls a lost connection one."""
    is_error = record.get("level") in ("ERROR", "CRITICAL") and not str(record.get("logger")).startswith("kopf.")
    return "text" in record or "exception" in record or is_error
