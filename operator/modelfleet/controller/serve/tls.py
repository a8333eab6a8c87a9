"""
Mutual TLS with a certificate that changes while the process runs: nothing is restarted, no connection is cut.

A listener's context hands every handshake to the newest one, so that the next connection shows the new certificate and
trusts the new authorities only. TLS 1.3 without session tickets: a resumed session would not show its certificate.
"""

import asyncio
import contextlib
import logging
import os
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from prometheus_client import Gauge

from modelfleet.controller.cluster import pki
from modelfleet.controller.cluster.errors import ClusterError
from modelfleet.controller.cluster.pki import TlsSecret

ABSENT_SECONDS = 1.0
"""How often a Secret that does not exist yet is looked for: the leader writes it while the process starts."""
CHECK_SECONDS = 60.0
"""How often a Secret is read again; a new authority is trusted for a day before it signs anything."""

EXPIRES_AT = Gauge(
    "modelfleet_certificate_expiry_timestamp_seconds", "When the certificate that this process shows ends; 0 for none."
)

ReadSecret = Callable[[], Awaitable[TlsSecret | None]]
"""Returns the process's own Secret, or None while there is none; raises `ClusterError`."""

log = logging.getLogger(__name__)


class OwnCertificate:
    """
    The certificate this process shows, its key, and the authorities it trusts, as they are now.

    What cannot be used is refused with a line in the log, and the last good one stays.
    """

    def __init__(self, read: ReadSecret) -> None:
        self._read = read
        self._refused: TlsSecret | None = None
        self._server: ssl.SSLContext | None = None
        self._client: ssl.SSLContext | None = None
        self.current: TlsSecret | None = None
        self.ready = asyncio.Event()
        """Set once there is a certificate."""

    async def run(self) -> None:
        """Read the Secret again and again, until cancelled."""
        while True:
            try:
                await self.refresh()
            except ClusterError as error:
                log.warning("the certificate could not be read", extra={"error": str(error)})
            await asyncio.sleep(CHECK_SECONDS if self.current else ABSENT_SECONDS)

    async def refresh(self) -> None:
        """Read the Secret once, and use it if it is another one; raise `ClusterError` when it cannot be read."""
        secret = await self._read()
        if secret is None or secret in (self.current, self._refused):
            return
        try:
            self._use(secret)
        except (ssl.SSLError, ValueError) as error:
            self._refused = secret
            log.warning(
                "the certificate must be a matching `tls.crt`, `tls.key`, `ca.crt`", extra={"error": str(error)}
            )

    def problem(self) -> str | None:
        """Return why there is no TLS yet, for the readiness probe; None once there was a certificate."""
        if self.current is not None:
            return None
        return "no usable certificate yet: the leader writes its Secret, or whoever issues certificates in this cluster"

    def listener_context(self) -> ssl.SSLContext:
        """
        Return a context for one listener; it demands a certificate of its clients.

        Handshakes fail while there is no certificate.
        """
        context = _context(ssl.PROTOCOL_TLS_SERVER)
        context.sni_callback = self._choose
        return context

    def client_context(self) -> ssl.SSLContext:
        """Return the context for the next connection to a peer; raise `RuntimeError` while there is no certificate."""
        if self._client is None:
            raise RuntimeError("`OwnCertificate` must have read a certificate first")
        return self._client

    def shown(self) -> tuple[bytes, bytes, bytes]:
        """Return certificate, key and authorities as they are now; raise `RuntimeError` while there are none."""
        if self.current is None:
            raise RuntimeError("`OwnCertificate` must have read a certificate first")
        return self.current.certificate, self.current.key, self.current.authorities

    def _use(self, secret: TlsSecret) -> None:
        pair = pki.read_pair(secret)
        if pair is None:
            raise ValueError("the key does not belong to the certificate, or one of them is unreadable")
        server = _loaded(_context(ssl.PROTOCOL_TLS_SERVER), secret)
        client = _loaded(_context(ssl.PROTOCOL_TLS_CLIENT), secret)
        self.current, self._server, self._client = secret, server, client
        ends = pair.certificate.not_valid_after_utc
        EXPIRES_AT.set(ends.timestamp())
        log.info("using a certificate", extra={"not_after": ends.isoformat()})
        self.ready.set()

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> int | None:
        """Take the newest context for *connection*; called in every handshake, with or without a server name."""
        if self._server is None:
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        connection.context = self._server
        return None


def names_of(connection: asyncio.BaseTransport | None) -> frozenset[str]:
    """Return the DNS names in the certificate that the other end of *connection* has shown; none without TLS."""
    certificate: dict[str, Any] = (connection.get_extra_info("peercert") if connection else None) or {}
    return frozenset(value for kind, value in certificate.get("subjectAltName", ()) if kind == "DNS")


def _context(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0
    return context


def _loaded(context: ssl.SSLContext, secret: TlsSecret) -> ssl.SSLContext:
    context.load_verify_locations(cadata=secret.authorities.decode("ascii"))
    with _in_memory(secret.certificate) as certificate, _in_memory(secret.key) as key:
        context.load_cert_chain(certificate, key)
    return context


@contextlib.contextmanager
def _in_memory(content: bytes) -> Iterator[str]:
    """Yield the path of a file that exists in memory only: `ssl` reads keys from files, and none must reach a disk."""
    descriptor = os.memfd_create("pem")
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
