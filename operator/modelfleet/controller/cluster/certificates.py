"""
Certificates between the gateway and the operator: what the Secrets must hold, and the leader's loop that writes them.

Three Secrets, each with `tls.crt`, `tls.key` and `ca.crt`: the authority, the operator's leaf and the gateway's leaf.

- A leaf is issued anew when a third of its 90 days is left, or when it is missing, unreadable or for another name.
- An authority is replaced when a third of its ten years is left. The new one is trusted at once, beside the old one,
  and signs only a day later: by then everybody has read the new `ca.crt`, so no connection meets a leaf whose authority
  it does not know. The old one stays trusted until the last leaf it signed has expired. Authorities are taken from the
  `ca.crt` of all three Secrets, so deleting the authority's Secret is such a replacement too.
- With nothing valid to go on, as in a fresh installation, everything is issued at once.

A fresh installation boots like this: the first leader issues within one pass. Operator replicas read their own Secret
through the API: the leader needs that right anyway, and a mounted volume would show every rotation up to two minutes
late, and the first certificates too, since an operator's pod must start without them. Envoy, which has no access to the
API, mounts its Secret as a required volume: its pods start once it exists. The right to create Secrets cannot be
limited to names; the other rights (get, patch) are for these three alone, and a chart that creates them empty needs no
right to create.
"""

import asyncio
import base64
import binascii
import datetime as dt
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cryptography import x509

from modelfleet.api.names import FIELD_MANAGER, MANAGED_BY, MANAGED_BY_LABEL
from modelfleet.controller.cluster import pki
from modelfleet.controller.cluster.client import Cluster
from modelfleet.controller.cluster.clock import time_of_day
from modelfleet.controller.cluster.errors import ClusterError, NotFound
from modelfleet.controller.cluster.pki import LEAF_LIFE, Certificates, NewKey, Pair, TlsSecret
from modelfleet.controller.cluster.resources import SECRETS, Json

OVERLAP = dt.timedelta(days=1)
"""How long a new authority is trusted before it signs; Secrets reach mounted volumes within two minutes."""
CHECK_SECONDS = 60.0
RETRY_SECONDS = 5.0
TYPE = "kubernetes.io/tls"

log = logging.getLogger(__name__)


class Holder(StrEnum):
    """Who holds a certificate; the value of a leaf is the DNS name that its other end expects."""

    AUTHORITY = "modelfleet-ca"
    OPERATOR = "modelfleet-operator"
    GATEWAY = "modelfleet-gateway"


LEAVES = (Holder.OPERATOR, Holder.GATEWAY)
Secrets = Mapping[Holder, TlsSecret]


def wanted(existing: Secrets, *, now: dt.datetime, new_key: NewKey = pki.new_key) -> dict[Holder, TlsSecret]:
    """
    Return what the three Secrets must hold, given what those that exist hold; what is still good comes back unchanged.

    *new_key* is called for every certificate that is issued, and not otherwise.
    """
    authority = _authority(existing, now) or pki.mint_authority(now, key=new_key())
    others = _others(existing, authority, now=now)
    trusted = pki.write_authorities((authority.certificate, *others))
    signs = not others or _age(authority.certificate, now) >= OVERLAP
    held = {Holder.AUTHORITY: authority}
    for holder in LEAVES:
        accepted = (authority.certificate, *(() if signs else others))
        held[holder] = _leaf(existing.get(holder), holder, accepted=accepted, now=now) or pki.mint_leaf(
            now, name=holder.value, authority=authority, key=new_key()
        )
    return {holder: TlsSecret(pair.certificate_pem, pair.key_pem, trusted) for holder, pair in held.items()}


def _authority(existing: Secrets, now: dt.datetime) -> Pair | None:
    """Return the authority that signs, unless its time is nearly over."""
    secret = existing.get(Holder.AUTHORITY)
    pair = pki.read_pair(secret) if secret else None
    if pair is None or not pki.read_authorities(pair.certificate_pem):
        return None
    return pair if pair.is_valid(now) and not pair.is_due(now) else None


def _others(existing: Secrets, authority: Pair, *, now: dt.datetime) -> Certificates:
    """Return the former authorities that must still be trusted, the newest first."""
    if _age(authority.certificate, now) >= OVERLAP + LEAF_LIFE:
        return ()
    own = (secret.certificate for holder, secret in existing.items() if holder is Holder.AUTHORITY)
    known = {
        certificate
        for pem in (*own, *(secret.authorities for secret in existing.values()))
        for certificate in pki.read_authorities(pem)
        if now < certificate.not_valid_after_utc
    }
    others = known - {authority.certificate}
    return tuple(sorted(others, key=lambda other: (other.not_valid_before_utc, other.serial_number), reverse=True))


def _leaf(secret: TlsSecret | None, holder: Holder, *, accepted: Certificates, now: dt.datetime) -> Pair | None:
    """Return the leaf in *secret* if it is still good, by the hand of one of the *accepted* authorities."""
    pair = pki.read_pair(secret) if secret else None
    if pair is None or not pair.is_valid(now) or pki.dns_names(pair.certificate) != {holder.value}:
        return None
    signer = next((each for each in accepted if pki.is_signed_by(pair.certificate, each)), None)
    if signer is None or (pair.is_due(now) and signer == accepted[0]):
        return None  # one that a former authority signed is replaced when the new one signs
    return pair


def _age(certificate: x509.Certificate, now: dt.datetime) -> dt.timedelta:
    return now - (certificate.not_valid_before_utc + pki.BACKDATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretNames:
    """The names of the three Secrets."""

    authority: str
    operator: str
    gateway: str

    def of(self, holder: Holder) -> str:
        """Return the name of the Secret of *holder*."""
        return {Holder.AUTHORITY: self.authority, Holder.OPERATOR: self.operator, Holder.GATEWAY: self.gateway}[holder]


async def read_tls_secret(cluster: Cluster, namespace: str, name: str) -> TlsSecret | None:
    """Return what the Secret holds, or None while it does not exist; raise `ClusterError` when it cannot be read."""
    try:
        return parse(await cluster.get(SECRETS, namespace, name))
    except NotFound:
        return None


def parse(secret: Json) -> TlsSecret:
    """Return what *secret* holds; what is missing, or is not base64, is empty."""
    data = secret.get("data") or {}
    return TlsSecret(*(_decoded(data.get(key)) for key in ("tls.crt", "tls.key", "ca.crt")))


def _decoded(value: str | None) -> bytes:
    try:
        return base64.b64decode(value or "", validate=True)
    except binascii.Error:
        return b""


def _data(secret: TlsSecret) -> dict[str, str]:
    parts = {"tls.crt": secret.certificate, "tls.key": secret.key, "ca.crt": secret.authorities}
    return {key: base64.b64encode(value).decode() for key, value in parts.items()}


class CertificateKeeper:
    """
    Keeps the three Secrets of one namespace as they must be, for as long as this process leads.

    A Secret that somebody else filled is never changed, and then neither are its siblings: they belong together.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        namespace: str,
        names: SecretNames,
        clock: Callable[[], dt.datetime] = time_of_day,
    ) -> None:
        self._cluster = cluster
        self._namespace, self._names = namespace, names
        self._clock = clock
        self._told = ""

    async def run(self) -> None:
        """Check every minute, and sooner after a failure, until cancelled."""
        while True:
            try:
                await self.keep()
            except ClusterError as error:
                self._tell("certificates could not be written", str(error))
                await asyncio.sleep(RETRY_SECONDS)
            else:
                await asyncio.sleep(CHECK_SECONDS)

    async def keep(self) -> int:
        """Return how many Secrets had to be written; raise `ClusterError` when the pass could not be finished."""
        found = {holder: await self._read(holder) for holder in Holder}
        foreign = [self._names.of(holder) for holder, secret in found.items() if secret and _is_foreign(secret)]
        if foreign:
            self._tell("Secrets of certificates must be the operator's own, or be named as given", ", ".join(foreign))
            return 0
        existing = {holder: parse(secret) for holder, secret in found.items() if secret}
        must = wanted(existing, now=self._clock())
        news = [holder for holder in Holder if must[holder] != existing.get(holder)]
        for holder in news:  # the authority first: nobody may hold a leaf whose authority was never stored
            await self._write(holder, found[holder], must[holder])
        self._told = ""
        return len(news)

    async def _read(self, holder: Holder) -> Json | None:
        try:
            return await self._cluster.get(SECRETS, self._namespace, self._names.of(holder))
        except NotFound:
            return None

    async def _write(self, holder: Holder, found: Json | None, secret: TlsSecret) -> None:
        """Write one Secret, if it is still absent or still as it was *found*; else raise `Conflict`."""
        name, labels, data = self._names.of(holder), {MANAGED_BY_LABEL: MANAGED_BY}, _data(secret)
        if found is None:
            meta = {"name": name, "namespace": self._namespace, "labels": labels}
            made = {"apiVersion": "v1", "kind": "Secret", "type": TYPE, "metadata": meta, "data": data}
            await self._cluster.create(SECRETS, made, manager=FIELD_MANAGER)
        else:
            guard = {"resourceVersion": found["metadata"]["resourceVersion"], "labels": labels}
            patch = {"metadata": guard, "data": data}
            await self._cluster.merge_patch(SECRETS, self._namespace, name, patch, manager=FIELD_MANAGER)
        log.info("wrote a certificate", extra={"secret": name})

    def _tell(self, what: str, details: str) -> None:
        """Log a problem once, until it is another one."""
        if self._told != details:
            self._told = details
            log.warning(what, extra={"details": details})


def _is_foreign(secret: Json) -> bool:
    """Return whether somebody else filled *secret*; an empty one was put there to be filled."""
    labels = secret["metadata"].get("labels") or {}
    return labels.get(MANAGED_BY_LABEL) != MANAGED_BY and any((secret.get("data") or {}).values())
