"""
Mutual TLS between gateways and the operator; a rotated certificate is used by the next handshake.

Envoy's side needs, in the bootstrap's `UpstreamTlsContext`:

- `tls_params: {tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}` (its maximum as a client
  is 1.2 by default) and `alpn_protocols: [h2]`;
- certificate and CA as SDS files with `watched_directory`: then the next connection shows a rotated certificate, and
  `max_connection_age_seconds` of the server bounds when that is;
- `sni`, and `match_typed_subject_alt_names` with the operator's name: its replicas have no names of their own.
"""

import logging
from collections.abc import Callable
from typing import cast

import grpc

Certificates = Callable[[], tuple[bytes, bytes, bytes]]
"""
Returns certificate chain, private key and CA as PEM: `lambda: (tls_crt, tls_key, ca_crt)`.

It is called from a thread of gRPC at every handshake, so it reads memory or small files. When it raises, the last
certificate is used on.
"""

log = logging.getLogger(__name__)


def server_credentials(certificates: Certificates) -> grpc.ServerCredentials:
    """Return credentials that ask clients for a certificate of the CA, and follow *certificates*; raises as it does."""
    follow = _Follow(certificates)
    fetch = cast("Callable[[], grpc.ServerCertificateConfiguration]", follow)  # may return None, says gRPC itself
    return grpc.dynamic_ssl_server_credentials(follow.latest(), fetch, require_client_authentication=True)


class _Follow:
    """Gives gRPC a new configuration when there is one, and None when the last one stands."""

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates
        self._last: tuple[bytes, bytes, bytes] | None = None

    def latest(self) -> grpc.ServerCertificateConfiguration:
        self._last = self._certificates()
        certificate, key, ca = self._last
        return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=ca)

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        try:
            return None if self._certificates() == self._last else self.latest()
        except Exception as error:  # noqa: BLE001 (gRPC's thread has nobody to tell; any handshake tries again)
            log.warning("could not read the server's certificate; the last one is used on", extra={"error": str(error)})
            return None
