"""Certificates, keys and secrets as they come in files: text with or without a mark, UTF-16, PFX and DER; as PEM text.

The one reader for what an administrator names or uploads: the client's certificate, a secret, a certificate authority.
"""

import hashlib
import os
import stat
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe\x00\x00", "utf-32-le"),
    (b"\x00\x00\xfe\xff", "utf-32-be"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)
_DER = b"\x30"
"""The first byte of what is no text but ASN.1: a PFX file, or a certificate in binary form."""
_BEGIN = "-----BEGIN CERTIFICATE-----"


class Unreadable(ValueError):
    """A file holds nothing that can be used: `message` says why, `fix` what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.message, self.fix = message, fix


def text_of(content: bytes) -> str:
    """Return the text in a file, in whatever encoding editors and shells write it. Raises Unreadable."""
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _decode(content[len(mark) :], encoding)
    # PowerShell's redirection and old editors write UTF-16, which has a NUL beside each letter, also without a mark.
    if content[1:2] == b"\x00":
        return _decode(content, "utf-16-le")
    if content[:1] == b"\x00":
        return _decode(content, "utf-16-be")
    return _decode(content, "utf-8")


def pem_of(content: bytes) -> str:
    """Return the PEM text in a file: as it is written, or of the key and certificates in a PFX file. Raises Unreadable.

    A binary certificate is returned as PEM, too; that it has no key is for the reader to say.
    """
    if not content.startswith(_DER):
        return text_of(content)
    try:
        return _pem(x509.load_der_x509_certificate(content))
    except ValueError:
        return _pem_of_pfx(content)


def _pem_of_pfx(content: bytes) -> str:
    try:
        found = pkcs12.load_pkcs12(content, None)
    except UnsupportedAlgorithm:
        raise _unknown_algorithm() from None
    except ValueError as error:
        if "password" in str(error).lower():
            try:
                found = pkcs12.load_pkcs12(content, b"")
            except UnsupportedAlgorithm:
                raise _unknown_algorithm() from None
            except ValueError:
                raise Unreadable(
                    "The PFX file is protected by a password.",
                    "Export it without one, or as a PEM file: openssl pkcs12 -in FILE.pfx -nodes -out FILE.pem",
                ) from None
        else:
            raise Unreadable(
                "The file is neither text nor a PFX file.", "Choose a PEM or PFX file that holds key and certificate."
            ) from None
    pieces = []
    if found.key is not None:
        pieces.append(
            found.key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode()
        )
    certificates = [found.cert, *found.additional_certs]
    return "".join([*pieces, *(_pem(one.certificate) for one in certificates if one is not None)])


def authority_file(path: str) -> str:
    """Return the path of a PEM file with the certificate authorities in a file: itself, or a copy in plain form.

    The library that reads it takes no mark, no UTF-16 and no binary form. Raises Unreadable, OSError.
    """
    content = Path(path).read_bytes()
    text = pem_of(content)
    if _BEGIN not in text:
        raise Unreadable("The file holds no certificate.", "Name a PEM file with the authority's certificate.")
    plain = text.encode()
    if plain == content:
        return path
    folder = _own_folder()
    copy = folder / f"authority-{hashlib.sha256(plain).hexdigest()[:20]}.pem"
    with tempfile.NamedTemporaryFile(dir=folder, prefix=f"{copy.name}.", delete=False) as draft:
        draft.write(plain)
    Path(draft.name).replace(copy)
    return str(copy)


def _own_folder() -> Path:
    """Return the folder of the copies, which this process's user alone may write to. Raises Unreadable, OSError.

    Its name is known to everybody on the machine, and who owns it decides whom TLS trusts.
    """
    folder = Path(tempfile.gettempdir()) / f"authorities-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise Unreadable(
            f"The folder {folder} for copies of it belongs to somebody else, or others may write to it.",
            "Remove that folder, or name a plain PEM file, which needs no copy.",
        )
    return folder


def _unknown_algorithm() -> Unreadable:
    return Unreadable(
        "The file is protected or signed by a method that is not known here.",
        "Export it again, as a PEM file without a password.",
    )


def _decode(content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise Unreadable("The file is not text.", "Save it as text in UTF-8, or choose another file.") from None


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
