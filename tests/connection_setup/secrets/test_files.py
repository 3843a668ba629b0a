"""Files with secrets and certificates as other tools write them: marks before the text, chains, old beside new."""

import base64
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from django.contrib.auth.models import User
from django.core.management import call_command

from connection_setup.management.commands.connection import Command
from connection_setup.secrets.certificates import BadCertificate, make_pair, read_pair

MARK = "\ufeff"


def test_of_several_certificates_the_one_of_the_key_counts_that_is_valid_longest() -> None:
    one, issuer = make_pair("tandem.example"), make_pair("Own Issuing")
    key: Any = serialization.load_pem_private_key(one.private_key_pem.encode(), password=None)
    old = expired(key)
    for certificates in (
        issuer.certificate_pem + one.certificate_pem,
        old + one.certificate_pem,
        one.certificate_pem + old,
    ):
        assert read_pair(one.private_key_pem + certificates).thumbprint == one.thumbprint
    with pytest.raises(BadCertificate, match="expired on"):
        read_pair(one.private_key_pem + issuer.certificate_pem + old)


def expired(key: rsa.RSAPrivateKey) -> str:
    """Return a certificate of the key whose time is over, as PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tandem.example")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
    made = made.not_valid_before(now - timedelta(days=2)).not_valid_after(now - timedelta(days=1))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_the_mark_before_a_text_is_no_part_of_a_secret(tmp_path: Path) -> None:
    file = tmp_path / "secret.txt"
    file.write_text(f"{MARK}not-a-real-secret\r\n", encoding="utf-8")
    options = dict.fromkeys(("sandbox", "environment_url", "tenant_id", "client_id", "certificate_file"))
    _, secret = Command().settings({**options, "client_secret_file": str(file)}, whole=False)
    assert secret == "not-a-real-secret"


def test_nor_of_a_password(tmp_path: Path, db: None) -> None:
    file = tmp_path / "password.txt"
    file.write_text(f"{MARK}long-enough-1234\r\n", encoding="utf-8")
    call_command("user", "ada", "--role", "Viewer", "--password-file", str(file), "--json")
    assert User.objects.get(username="ada").check_password("long-enough-1234")


def test_a_file_of_beginnings_without_ends_is_refused_at_once() -> None:
    one = make_pair("tandem.example").bundle
    hostile = "-----BEGIN CERTIFICATE-----\n" * 3000 + "".join(f"-----BEGIN A{n}-----\n" for n in range(3000))
    began = time.process_time()
    with pytest.raises(BadCertificate, match="holds no certificate"):
        read_pair(hostile)
    assert time.process_time() - began < 0.5
    assert read_pair("-----BEGIN NOTHING-----\n" + one).private_key_pem, "a beginning without an end hides nothing"


def test_a_certificate_of_an_unknown_kind_is_told_and_breaks_nothing() -> None:
    pair = make_pair("tandem.example")
    key: Any = serialization.load_pem_private_key(pair.private_key_pem.encode(), password=None)
    der = x509.load_pem_x509_certificate(pair.certificate_pem.encode()).public_bytes(serialization.Encoding.DER)
    rsa_kind = bytes.fromhex("06092a864886f70d010101")
    strange = der.replace(rsa_kind, rsa_kind[:-1] + b"\x63")
    assert strange != der
    text = base64.encodebytes(strange).decode()
    block = f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n"
    with pytest.raises(BadCertificate, match="does not belong"):
        read_pair(pair.private_key_pem + block)
    assert read_pair(pair.private_key_pem + block + pair.certificate_pem).thumbprint == pair.thumbprint
    plain = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).replace(rsa_kind, rsa_kind[:-1] + b"\x63")
    secret = base64.encodebytes(plain).decode()
    with pytest.raises(BadCertificate, match="cannot be read"):
        read_pair(f"-----BEGIN PRIVATE KEY-----\n{secret}-----END PRIVATE KEY-----\n{pair.certificate_pem}")
