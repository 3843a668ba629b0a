"""A certificate authority of the sandbox's own, and the certificate its server shows."""

import fcntl
import os
import ssl
import tempfile
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAMES = ("localhost",)
ADDRESSES = ("127.0.0.1", "::1")
_NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tandem Sandbox Certificate Authority")])
_YEARS = timedelta(days=3650)
_LEAF = timedelta(days=365)


def key_file(ca_file: Path) -> Path:
    """Where the authority's private key stands: beside its certificate."""
    return ca_file.with_suffix(".key")


def prepare(ca_file: Path) -> None:
    """Make the authority's certificate and key (mode 0600) unless both are there and still valid."""
    ca_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Two sandboxes that start at once must not each write a half of a pair.
    with ca_file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _prepare(ca_file)


def _prepare(ca_file: Path) -> None:
    private = key_file(ca_file)
    if ca_file.exists() and private.exists():
        try:
            found = x509.load_pem_x509_certificate(ca_file.read_bytes())
            key = serialization.load_pem_private_key(private.read_bytes(), None)
        except ValueError:
            pass
        else:
            fresh = found.not_valid_after_utc > datetime.now(UTC) + _LEAF
            if fresh and _public(found.public_key()) == _public(key.public_key()):  # type: ignore[arg-type]
                return
    new = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_NAME)
        .issuer_name(_NAME)
        .public_key(new.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _YEARS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(new.public_key()), critical=False)
        .sign(new, hashes.SHA256())
    )
    _write(private, _private_pem(new), 0o600)
    _write(ca_file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def server_context(ca_file: Path) -> ssl.SSLContext:
    """A TLS context with a fresh certificate for this machine, signed by the authority."""
    issuer = x509.load_pem_x509_certificate(ca_file.read_bytes())
    issuer_key = serialization.load_pem_private_key(key_file(ca_file).read_bytes(), None)
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise TypeError(f"{key_file(ca_file)} holds no key of the sandbox's certificate authority.")
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in NAMES]
    names += [x509.IPAddress(ip_address(one)) for one in ADDRESSES]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LEAF)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # The ssl module reads chains from files only; this one is gone as soon as it is read.
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder) / "server.pem"
        _write(chain, _private_pem(key) + certificate.public_bytes(serialization.Encoding.PEM), 0o600)
        context.load_cert_chain(chain)
    return context


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _public(key: ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file whole: never readable by others for a moment, never half there."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)
