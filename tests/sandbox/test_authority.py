"""The certificate authority of a state folder, and the certificate that it issues to a server."""

import os
import shutil
import socket
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sandbox.service import authority
from sandbox.testing import running

HOUSE = Path(__file__).parents[2]


def file_mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def served_certificate(port: int, ca_file: Path, name: str) -> x509.Certificate:
    """Return the certificate at 127.0.0.1, from a handshake that trusts the authority and checks a name."""
    context = ssl.create_default_context(cafile=str(ca_file))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=name) as wire,
    ):
        shown = wire.getpeercert(binary_form=True)
    assert shown is not None
    return x509.load_der_x509_certificate(shown)


def public_keys(ca_file: Path) -> tuple[object, object]:
    """Return the public keys of the certificate and of the private key beside it."""
    certificate = x509.load_pem_x509_certificate(ca_file.read_bytes())
    private = serialization.load_pem_private_key(authority.key_file(ca_file).read_bytes(), None)
    return certificate.public_key(), private.public_key()


def write_authority_of_an_earlier_release(ca_file: Path, lifetime: timedelta) -> None:
    """Write the files that the sandbox wrote before it used trustme."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Tandem Sandbox Certificate Authority")])
    now = datetime.now(UTC)
    usage = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + lifetime)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(**usage, key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    authority.key_file(ca_file).write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def test_authority_survives_restarts_and_each_start_issues_a_new_certificate(tmp_path: Path) -> None:
    ca_file = tmp_path / "state" / "ca.pem"
    issued = []
    with running(ca_file=ca_file) as sandbox:
        first = (ca_file.read_bytes(), authority.key_file(ca_file).read_bytes())
        issued.append(served_certificate(sandbox.server.port, ca_file, "localhost"))
    trusted_by_client = shutil.copy(ca_file, tmp_path / "trusted.pem")
    with running(ca_file=ca_file) as sandbox:
        assert (ca_file.read_bytes(), authority.key_file(ca_file).read_bytes()) == first
        issued.append(served_certificate(sandbox.server.port, trusted_by_client, "localhost"))
    assert issued[0].serial_number != issued[1].serial_number


def test_key_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    ca_file = tmp_path / "state" / "ca.pem"
    inherited = os.umask(0)
    try:
        authority.obtain(ca_file)
    finally:
        os.umask(inherited)
    assert (file_mode(authority.key_file(ca_file)), file_mode(ca_file), file_mode(ca_file.parent)) == (
        0o600,
        0o644,
        0o700,
    )
    assert {one.name for one in ca_file.parent.iterdir()} == {"ca.pem", "ca.key", "ca.lock"}


def test_certificate_is_valid_for_the_three_names_of_this_machine_and_no_other(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    with running(ca_file=ca_file) as sandbox:
        port = sandbox.server.port
        for name in ("localhost", "127.0.0.1", "::1"):
            certificate = served_certificate(port, ca_file, name)
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            served_certificate(port, ca_file, "tandem.example")
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [ip_address("127.0.0.1"), ip_address("::1")]


def test_authority_outlives_any_state_folder_and_certificate_lasts_a_year(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    with running(ca_file=ca_file) as sandbox:
        certificate = served_certificate(sandbox.server.port, ca_file, "localhost")
    now = datetime.now(UTC)
    assert certificate.not_valid_before_utc < now - timedelta(hours=23)
    assert now + timedelta(days=364) < certificate.not_valid_after_utc < now + timedelta(days=366)
    issuer = x509.load_pem_x509_certificate(ca_file.read_bytes())
    assert issuer.not_valid_before_utc < now
    assert issuer.not_valid_after_utc > now + timedelta(days=50 * 365)


def test_certificate_does_not_follow_the_sandboxs_clock(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    with running(ca_file=ca_file) as sandbox:
        sandbox.control("PUT", "clock", {"offset_s": 20 * 365 * 86_400})
        assert sandbox.control("POST", "environments", {"name": "Another"})["ca_file"] == str(ca_file)
        served_certificate(sandbox.server.others[0].port, ca_file, "localhost")


def test_authority_of_an_earlier_release_is_used_again(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    write_authority_of_an_earlier_release(ca_file, timedelta(days=3650))
    before = ca_file.read_bytes()
    with running(ca_file=ca_file) as sandbox:
        assert ca_file.read_bytes() == before
        for name in ("localhost", "127.0.0.1", "::1"):
            served_certificate(sandbox.server.port, ca_file, name)


@pytest.mark.parametrize("damage", ["no key", "no certificate", "garbage", "key of another", "expires soon"])
def test_unusable_authority_is_replaced_as_a_pair(tmp_path: Path, damage: str) -> None:
    ca_file = tmp_path / "ca.pem"
    authority.obtain(ca_file)
    if damage == "no key":
        authority.key_file(ca_file).unlink()
    elif damage == "no certificate":
        ca_file.unlink()
    elif damage == "garbage":
        ca_file.write_text("nonsense")
    elif damage == "key of another":
        authority.obtain(tmp_path / "other" / "ca.pem")
        shutil.copy(tmp_path / "other" / "ca.key", authority.key_file(ca_file))
    else:
        write_authority_of_an_earlier_release(ca_file, timedelta(days=300))
    before = ca_file.read_bytes() if ca_file.exists() else b""
    with running(ca_file=ca_file) as sandbox:
        served_certificate(sandbox.server.port, ca_file, "localhost")
    assert ca_file.read_bytes() != before
    certified, private = public_keys(ca_file)
    assert certified == private
    assert file_mode(authority.key_file(ca_file)) == 0o600


WAITING_PROCESS = """
import sys
from pathlib import Path
from sandbox.service import authority
print("ready", flush=True)
sys.stdin.readline()
print(authority.obtain(Path(sys.argv[1])).cert_pem.bytes().hex(), flush=True)
"""


def test_processes_that_start_at_once_make_one_authority(tmp_path: Path) -> None:
    ca_file = tmp_path / "state" / "ca.pem"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WAITING_PROCESS, str(ca_file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=HOUSE,
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    obtained = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert obtained == {ca_file.read_bytes().hex()}
    certified, private = public_keys(ca_file)
    assert certified == private
    assert {one.name for one in ca_file.parent.iterdir()} == {"ca.pem", "ca.key", "ca.lock"}
