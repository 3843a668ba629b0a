"""Certificates and secrets come from files as editors, shells and exports write them: all are read alike."""

import datetime
import os
import tempfile
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from connection_setup.secrets.certificates import BadCertificate, read_pair
from dataverse.http_session import Session
from dataverse.pem_files import Unreadable, authority_file, pem_of, text_of


def key_and_certificate(name: str, days: int) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=10))
        .not_valid_after(now + datetime.timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


OLD, NEW, AUTHORITY = key_and_certificate("old", 5), key_and_certificate("new", 300), key_and_certificate("ca", 900)


def pem(part: rsa.RSAPrivateKey | x509.Certificate) -> str:
    if isinstance(part, x509.Certificate):
        return part.public_bytes(serialization.Encoding.PEM).decode()
    form = serialization.PrivateFormat.PKCS8
    return part.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


def pfx(password: bytes | None = None) -> bytes:
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"n", NEW[0], NEW[1], [AUTHORITY[1]], encryption)


KEY, CERTIFICATE, CHAIN = pem(NEW[0]), pem(NEW[1]), pem(AUTHORITY[1])
BROKEN = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
ORDERS = [
    KEY + CERTIFICATE,
    CERTIFICATE + KEY,
    CHAIN + CERTIFICATE + KEY,
    KEY + CHAIN + CERTIFICATE,
    CERTIFICATE + CHAIN + KEY,
    pem(OLD[0]) + pem(OLD[1]) + KEY + CERTIFICATE,
    CERTIFICATE + pem(OLD[1]) + KEY + pem(OLD[0]),
    f"Bag Attributes\r\n  localKeyID: 01\r\n{KEY}subject=CN = new\n{CERTIFICATE}",
    (KEY + CERTIFICATE).replace("\n", "\r\n"),
    KEY + BROKEN + CERTIFICATE,
]


@pytest.mark.parametrize("bundle", ORDERS)
def test_pair_that_is_valid_longest_counts_in_any_order(bundle: str) -> None:
    pair = read_pair(bundle)
    assert pair.subject == "CN=new"
    assert pair.bundle == KEY + CERTIFICATE


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_is_read_in_every_encoding_that_editors_write(encoding: str) -> None:
    assert text_of("s3cret~Ä\n".encode(encoding)) == "s3cret~Ä\n"
    assert read_pair(pem_of((KEY + CERTIFICATE).encode(encoding))).subject == "CN=new"


def test_pfx_file_is_read_with_its_chain_and_one_with_a_password_says_so() -> None:
    assert read_pair(pem_of(pfx())).subject == "CN=new"
    assert pem_of(pfx()).count("BEGIN CERTIFICATE") == 2
    with pytest.raises(Unreadable) as caught:
        pem_of(pfx(b"word"))
    assert "protected by a password" in caught.value.message
    assert "openssl pkcs12" in caught.value.fix


def test_what_holds_no_pair_is_refused_with_a_sentence() -> None:
    binary = NEW[1].public_bytes(serialization.Encoding.DER)
    for content, sentence in (
        (pem_of(binary), "holds no private key, only a certificate"),
        (KEY, "holds no certificate"),
        (pem(OLD[0]) + CERTIFICATE, "does not belong to the certificate"),
    ):
        with pytest.raises(BadCertificate) as caught:
            read_pair(content)
        assert sentence in caught.value.message
    for content, sentence in ((b"\x30\x82nothing", "neither text nor a PFX"), (b"\xffabc\xfe", "is not text")):
        with pytest.raises(Unreadable, match=sentence):
            pem_of(content)


def test_authority_is_named_by_a_file_of_any_form(tmp_path: Path) -> None:
    plain = tmp_path / "ca.pem"
    plain.write_text(CHAIN)
    assert authority_file(str(plain)) == str(plain)
    assert Session(["https://x.example"], ca_file=str(plain))
    for content in (
        CHAIN.encode("utf-16"),
        CHAIN.encode("utf-8-sig"),
        AUTHORITY[1].public_bytes(serialization.Encoding.DER),
    ):
        other = tmp_path / "other"
        other.write_bytes(content)
        assert Path(authority_file(str(other))).read_text() == CHAIN
    plain.write_text("nothing")
    with pytest.raises(Unreadable, match="holds no certificate"):
        authority_file(str(plain))


def test_a_copy_is_never_kept_where_somebody_else_may_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    marked = tmp_path / "marked.pem"
    marked.write_text(CHAIN, encoding="utf-8-sig")
    folder = tmp_path / f"authorities-{os.getuid()}"
    copy = Path(authority_file(str(marked)))
    assert (copy.parent, folder.stat().st_mode & 0o777, list(folder.iterdir())) == (folder, 0o700, [copy])
    folder.chmod(0o777)
    with pytest.raises(Unreadable, match="others may write"):
        authority_file(str(marked))
    copy.unlink()
    folder.rmdir()
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unreadable, match="somebody else"):
        authority_file(str(marked))
