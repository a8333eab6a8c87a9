"""
The operator's own certificates: an authority, and leaves for the two ends of every connection to the gateway.

Keys are ECDSA on P-256, which Envoy, gRPC and Python all take. Everything here is a function of its arguments, and of
fresh keys and serial numbers; when to issue is decided elsewhere.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFE = dt.timedelta(days=3650)
LEAF_LIFE = dt.timedelta(days=90)
BACKDATED = dt.timedelta(minutes=5)
"""Certificates are valid from a little before they are made: the clocks of nodes differ."""

Key = ec.EllipticCurvePrivateKey
Certificates = tuple[x509.Certificate, ...]


def new_key() -> Key:
    """Return a fresh private key."""
    return ec.generate_private_key(ec.SECP256R1())


NewKey = Callable[[], Key]


@dataclass(frozen=True, slots=True)
class TlsSecret:
    """What a Secret of type `kubernetes.io/tls` holds, each in PEM: `tls.crt`, `tls.key` and `ca.crt`."""

    certificate: bytes
    key: bytes = field(repr=False)
    authorities: bytes
    """The other end of a connection is trusted when one of these signed its certificate."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    key: Key = field(repr=False)

    @property
    def certificate_pem(self) -> bytes:
        """Return the certificate in PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def key_pem(self) -> bytes:
        """Return the private key in PEM, unencrypted, as PKCS #8."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def is_valid(self, now: dt.datetime) -> bool:
        """Return whether *now* is within the certificate's time."""
        return self.certificate.not_valid_before_utc <= now < self.certificate.not_valid_after_utc

    def is_due(self, now: dt.datetime) -> bool:
        """Return whether at most a third of the certificate's life is left."""
        start, end = self.certificate.not_valid_before_utc, self.certificate.not_valid_after_utc
        return end - now <= (end - start) / 3


def read_pair(secret: TlsSecret) -> Pair | None:
    """Return the certificate and key of *secret*, or None when one is unreadable or they do not belong together."""
    try:
        certificate = x509.load_pem_x509_certificate(secret.certificate)
        key = serialization.load_pem_private_key(secret.key, password=None)
        public = certificate.public_key()
    except (ValueError, TypeError):
        return None
    if not isinstance(key, Key) or not isinstance(public, ec.EllipticCurvePublicKey):
        return None
    return Pair(certificate, key) if key.public_key().public_numbers() == public.public_numbers() else None


def read_authorities(pem: bytes) -> Certificates:
    """Return the certificates in *pem* that may sign others; unreadable text counts as none."""
    try:
        found = x509.load_pem_x509_certificates(pem)
    except ValueError:
        return ()
    return tuple(certificate for certificate in found if _may_sign(certificate))


def write_authorities(certificates: Certificates) -> bytes:
    """Return *certificates* in PEM, one after the other."""
    return b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in certificates)


def mint_authority(now: dt.datetime, *, key: Key) -> Pair:
    """Return a new authority that signs itself, and may sign leaves only."""
    skid = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    name = _name(f"modelfleet {skid.digest.hex()[:8]}")  # two authorities never share a name: chains stay unambiguous
    certificate = (
        _builder(name, name, key=key, now=now, life=AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(skid, critical=False)
        .sign(key, hashes.SHA256())
    )
    return Pair(certificate, key)


def mint_leaf(now: dt.datetime, *, name: str, authority: Pair, key: Key) -> Pair:
    """Return a certificate of *authority* for the DNS name *name*, for either end of a connection."""
    issuer = authority.certificate
    both_ends = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    certificate = (
        _builder(_name(name), issuer.subject, key=key, now=now, life=LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(both_ends), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
        .sign(authority.key, hashes.SHA256())
    )
    return Pair(certificate, key)


def is_signed_by(leaf: x509.Certificate, authority: x509.Certificate) -> bool:
    """Return whether *authority* signed *leaf*."""
    try:
        leaf.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def dns_names(certificate: x509.Certificate) -> frozenset[str]:
    """Return the DNS names that *certificate* is for."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return frozenset()
    return frozenset(names.value.get_values_for_type(x509.DNSName))


def _may_sign(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, *, key: Key, now: dt.datetime, life: dt.timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now - BACKDATED + life)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
