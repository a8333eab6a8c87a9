"""The few requests the lab itself makes to its API server, without a client library."""

import base64
import http.client
import json
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import yaml

from e2e.lab.errors import LabError

_TIMEOUT_SECONDS = 10
_WATCH_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Api:
    """An API server as a kubeconfig with a bearer token names it."""

    host: str
    port: int
    token: str
    authority: str

    @classmethod
    def of(cls, kubeconfig: Path) -> Self:
        """Return the server of the only cluster in *kubeconfig*."""
        config = yaml.safe_load(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        address = urlsplit(cluster["server"])
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        return cls(host=str(address.hostname), port=address.port or 443, token=user["token"], authority=authority)

    def is_ready(self) -> bool:
        """Whether the server answers and all its start-up work is done."""
        try:
            return self._request("GET", "/readyz")[0] == http.client.OK
        except (OSError, http.client.HTTPException):
            return False

    def get(self, path: str) -> dict[str, Any] | None:
        """Return the object or list at *path*; None when there is none."""
        status, body = self._request("GET", path)
        return None if status == http.client.NOT_FOUND else _parsed(status, body, path)

    def create(self, path: str, body: dict[str, Any]) -> None:
        """Create *body* in the collection at *path*; one that exists already stays as it is."""
        status, answer = self._request("POST", path, body=body)
        if status != http.client.CONFLICT:
            _parsed(status, answer, path)

    def patch(self, path: str, body: dict[str, Any]) -> None:
        """Merge *body* into the object at *path*."""
        status, answer = self._request("PATCH", path, body=body, content_type="application/merge-patch+json")
        _parsed(status, answer, path)

    def watch(self, path: str, *, after: str) -> Iterator[dict[str, Any]]:
        """Yield the events of the collection at *path* after the resource version *after*, until the server ends it."""
        separator = "&" if "?" in path else "?"
        connection = self._connection(timeout=_WATCH_SECONDS + _TIMEOUT_SECONDS)
        query = f"watch=1&resourceVersion={after}&timeoutSeconds={_WATCH_SECONDS}"
        try:
            connection.request("GET", f"{path}{separator}{query}", headers=self._headers())
            for line in connection.getresponse():
                yield json.loads(line)
        finally:
            connection.close()

    def _request(
        self, method: str, path: str, *, body: dict[str, Any] | None = None, content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        connection = self._connection(timeout=_TIMEOUT_SECONDS)
        headers = {**self._headers(), "Content-Type": content_type}
        try:
            connection.request(method, path, body=json.dumps(body) if body else None, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def _connection(self, *, timeout: float) -> http.client.HTTPSConnection:
        context = ssl.create_default_context(cadata=self.authority)
        return http.client.HTTPSConnection(self.host, self.port, timeout=timeout, context=context)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


def _parsed(status: int, body: bytes, path: str) -> dict[str, Any]:
    if status >= http.client.BAD_REQUEST:
        raise LabError(f"the API server must accept a request for {path!r}, it answered {status}: {body.decode()}")
    answer: dict[str, Any] = json.loads(body)
    return answer
