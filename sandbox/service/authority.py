"""The certificate authority of a state folder, and the TLS certificate that it issues to a server."""

import fcntl
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import serialization

HOSTS = ("localhost", "127.0.0.1", "::1")
_LEAF_LIFETIME = timedelta(days=365)
"""Apple's clients refuse a certificate that is valid for more than 825 days; trustme's default are 1,000 years."""


def key_file(ca_file: Path) -> Path:
    """Return the path of the authority's private key, beside its certificate."""
    return ca_file.with_suffix(".key")


def obtain(ca_file: Path) -> trustme.CA:
    """Return the authority whose certificate is in a file; create both it and its key (mode 0600) where needed.

    An authority that is there is used again, unless its key is missing or another's, or it expires within a year.
    Authorities made here are valid until the year 3000 (trustme's default), so that clients go on trusting them.
    """
    ca_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Two sandboxes that start at once must not each write a half of a pair.
    with ca_file.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = _load(ca_file)
        if found is None:
            found = trustme.CA(
                path_length=0,
                organization_name="Tandem",
                organization_unit_name="Tandem Sandbox Certificate Authority",
            )
            _write(key_file(ca_file), found.private_key_pem.bytes(), 0o600)
            _write(ca_file, found.cert_pem.bytes(), 0o644)
        return found


def server_context(authority: trustme.CA) -> ssl.SSLContext:
    """Return a TLS context with a certificate for this machine's names, issued now and valid for a year."""
    now = datetime.now(UTC)
    certificate = authority.issue_cert(
        *HOSTS, common_name=HOSTS[0], not_before=now - timedelta(days=1), not_after=now + _LEAF_LIFETIME
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate.configure_cert(context)
    return context


def _load(ca_file: Path) -> trustme.CA | None:
    """Return the authority in the files; None where they are missing or no longer usable."""
    try:
        certificate_pem, key_pem = ca_file.read_bytes(), key_file(ca_file).read_bytes()
        certificate = x509.load_pem_x509_certificate(certificate_pem)
        key = serialization.load_pem_private_key(key_pem, None)
    except (FileNotFoundError, ValueError):
        return None
    outlives_leaf = certificate.not_valid_after_utc > datetime.now(UTC) + _LEAF_LIFETIME
    if not outlives_leaf or certificate.public_key() != key.public_key():
        return None
    return trustme.CA.from_pem(certificate_pem, key_pem)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file whole: at no moment is it half written, or readable by more than its mode allows."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    draft.replace(path)
