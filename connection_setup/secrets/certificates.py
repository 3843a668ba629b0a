"""Certificates and their private keys: make, read and describe them."""

import contextlib
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from core.refusals import NotUsable

KEY_BITS = 3072
VALID_DAYS = 365
LEAST_KEY_BITS = 2048
_BEGIN = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,64})-----")


def application_name() -> str:
    """Return the name of the registered application, and of the certificates made here."""
    return f"{settings.PRODUCT_NAME} Integration to Dataverse"


class BadCertificate(NotUsable):
    """A text does not hold a usable private key and its certificate."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private key and the certificate that belongs to it, as PEM text."""

    private_key_pem: str = field(repr=False)
    certificate_pem: str
    subject: str
    thumbprint: str
    expires_at: datetime

    @property
    def bundle(self) -> str:
        """Return key and certificate as one PEM text."""
        return f"{self.private_key_pem.strip()}\n{self.certificate_pem.strip()}\n"


@sensitive_variables("bundle")
def read_pair(bundle: str) -> KeyPair:
    """Return the private key and the certificate in a PEM text. Raises BadCertificate.

    The key must be an RSA key of at least 2048 bits without a passphrase. Blocks come in any order. Of several, such as
    a chain, or the old pair beside the new one, the pair counts whose certificate is valid longest.
    """
    certificates = _certificates(bundle)
    if not certificates:
        raise BadCertificate(
            "The file holds no certificate.",
            "Choose a PEM file that holds the private key and the certificate, which begin with "
            "-----BEGIN PRIVATE KEY----- and -----BEGIN CERTIFICATE-----.",
        )
    pairs = [(key, one) for key in _private_keys(bundle) for one in certificates if _is_of(one, key)]
    if not pairs:
        raise BadCertificate(
            "The private key does not belong to the certificate.",
            "Take both from the same export.",
        )
    key, certificate = max(pairs, key=lambda pair: pair[1].not_valid_after_utc)
    if certificate.not_valid_after_utc <= datetime.now(UTC):
        raise BadCertificate(
            f"The certificate expired on {certificate.not_valid_after_utc:%d %B %Y}.",
            "Make a new certificate and register it.",
        )
    return _pair(key, certificate)


def make_pair(name: str, *, days: int = VALID_DAYS) -> KeyPair:
    """Return a new private key and a self-signed certificate, valid for `days`, for an application of that name."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # The sign-in's clock may be behind this one.
        .not_valid_before(now - timedelta(minutes=10))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
                key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return _pair(key, certificate)


@dataclass(frozen=True, slots=True)
class CertificateInfo:
    """What pages show of a certificate. thumbprint: the SHA-1 fingerprint, as the registration's page shows it."""

    subject: str
    thumbprint: str
    expires_at: datetime


def describe(certificate_pem: str) -> CertificateInfo:
    """Return what pages show of a stored certificate. Raises ValueError when it is none."""
    return _info(x509.load_pem_x509_certificate(certificate_pem.encode()))


def _blocks(bundle: str) -> list[tuple[str, str]]:
    """Return the blocks of a PEM text in their order: what each calls itself, and its text."""
    found, position, endless = [], 0, set[str]()
    while (begin := _BEGIN.search(bundle, position)) is not None:
        name, position = begin.group(1), begin.end()
        closing = f"-----END {name}-----"
        end = -1 if name in endless else bundle.find(closing, position)
        if end < 0:
            endless.add(name)  # looked for once: a file of beginnings alone must not take seconds
            continue
        position = end + len(closing)
        found.append((name, bundle[begin.start() : position]))
    return found


def _certificates(bundle: str) -> list[x509.Certificate]:
    """Return the certificates that can be read; one that cannot does not cost the others."""
    found = []
    for name, block in _blocks(bundle):
        if name in ("CERTIFICATE", "X509 CERTIFICATE"):
            with contextlib.suppress(ValueError, UnsupportedAlgorithm):
                found.append(x509.load_pem_x509_certificate(block.replace("X509 CERT", "CERT").encode()))
    return found


def _is_of(certificate: x509.Certificate, key: rsa.RSAPrivateKey) -> bool:
    """Return whether a certificate belongs to a key."""
    try:
        public = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):  # of a kind that this library does not know
        return False
    return isinstance(public, rsa.RSAPublicKey) and public.public_numbers() == key.public_key().public_numbers()


@sensitive_variables("bundle", "blocks")
def _private_keys(bundle: str) -> list[rsa.RSAPrivateKey]:
    """Return the usable keys. Raises BadCertificate where there is none: why the first cannot be used."""
    blocks = [block for name, block in _blocks(bundle) if name.endswith("PRIVATE KEY")]
    if not blocks:
        raise BadCertificate(
            "The file holds no private key, only a certificate.",
            "Export the certificate together with its private key, as a PEM or PFX file.",
        )
    keys: list[rsa.RSAPrivateKey] = []
    refused: list[BadCertificate] = []
    for block in blocks:
        try:
            keys.append(_load_key(block))
        except BadCertificate as bad:
            refused.append(bad)
    if not keys:
        raise refused[0]
    return keys


@sensitive_variables("block")
def _load_key(block: str) -> rsa.RSAPrivateKey:
    try:
        key = serialization.load_pem_private_key(block.encode(), password=None)
    except TypeError:
        raise BadCertificate("The private key is protected by a passphrase.", "Export it without one.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadCertificate("The private key cannot be read.", "Export it again, as a PEM file.") from None
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < LEAST_KEY_BITS:
        raise BadCertificate(
            f"The private key is no RSA key of at least {LEAST_KEY_BITS} bits.",
            "Make a new key and certificate, and register the certificate.",
        )
    return key


def _pair(key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> KeyPair:
    info = _info(certificate)
    return KeyPair(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        info.subject,
        info.thumbprint,
        info.expires_at,
    )


def _info(certificate: x509.Certificate) -> CertificateInfo:
    thumbprint = certificate.fingerprint(hashes.SHA1()).hex().upper()  # noqa: S303  # nosec B303 - a name
    return CertificateInfo(certificate.subject.rfc4514_string(), thumbprint, certificate.not_valid_after_utc)
