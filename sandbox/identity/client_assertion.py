"""Client assertions: JSON Web Tokens that an application signs with the key of a registered certificate."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_THUMBPRINTS: tuple[tuple[str, hashes.HashAlgorithm], ...] = (
    ("x5t#S256", hashes.SHA256()),
    ("x5t", hashes.SHA1()),  # noqa: S303  the standard's own name for a certificate, no protection rests on it  # nosec B303
)
_LEEWAY_S = 300


class BadAssertion(Exception):
    """An assertion is not acceptable; the text says why, `reason` names it as the service does where it does."""

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(text)
        self.reason = reason


class ExpiredCertificate(BadAssertion):
    """The certificate is registered, but has expired."""


class OutsideValidity(BadAssertion):
    """The assertion has expired or is not valid yet: it is an old one, or the clocks differ."""


@dataclass(frozen=True, slots=True)
class SignedToken:
    """The decoded parts of a token; `signed` is the text that its signature covers."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes


def decode_base64url(text: str) -> bytes:
    """Decode base64url, with or without padding (msal pads thumbprints). Raises BadAssertion."""
    try:
        return base64.urlsafe_b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4))
    except (binascii.Error, ValueError) as error:
        raise BadAssertion("it is not written in base64") from error


def parse_token(text: str) -> SignedToken:
    """Return the parts of a signed token; the signature is not checked. Raises BadAssertion."""
    parts = text.split(".")
    if len(parts) != 3:
        raise BadAssertion("it has not three parts")
    try:
        header, claims = (msgspec.json.decode(decode_base64url(part)) for part in parts[:2])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadAssertion("its parts are no JSON") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise BadAssertion("its parts are no objects")
    return SignedToken(header, claims, f"{parts[0]}.{parts[1]}".encode(), decode_base64url(parts[2]))


def verify(text: str, *, client_id: str, audience: str, certificates: Sequence[str], now: datetime) -> None:
    """Raise BadAssertion unless the key of a registered certificate (PEM) signed the assertion for audience and now."""
    token = parse_token(text)
    certificate = _find_certificate(token.header, certificates)
    _verify_signature(token, certificate)
    if now > certificate.not_valid_after_utc:
        raise ExpiredCertificate("its certificate has expired")
    claims = token.claims
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise BadAssertion("its issuer and subject are not the application")
    if claims.get("aud") != audience:
        raise BadAssertion(f"its audience '{claims.get('aud')}' is not '{audience}'")
    expires, begins = claims.get("exp"), claims.get("nbf", 0)
    if not isinstance(expires, int | float) or not isinstance(begins, int | float):
        raise BadAssertion("it says not how long it is good for")
    if expires <= now.timestamp() - _LEEWAY_S or begins > now.timestamp() + _LEEWAY_S:
        raise OutsideValidity("compare its clock with the time now")


def _find_certificate(header: dict[str, Any], certificates: Sequence[str]) -> x509.Certificate:
    for name, algorithm in _THUMBPRINTS:
        given = header.get(name)
        if isinstance(given, str):
            wanted = decode_base64url(given)
            for pem in certificates:
                found = x509.load_pem_x509_certificate(pem.encode())
                if found.fingerprint(algorithm) == wanted:
                    return found
            raise BadAssertion(
                f"no certificate with the thumbprint {wanted.hex().upper()} is registered", "not registered"
            )
    raise BadAssertion("its header names no certificate")


def _verify_signature(token: SignedToken, certificate: x509.Certificate) -> None:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise BadAssertion("its certificate holds no RSA key")
    kinds: dict[str, padding.AsymmetricPadding] = {
        "RS256": padding.PKCS1v15(),
        "PS256": padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH),
    }
    chosen = kinds.get(str(token.header.get("alg")))
    if chosen is None:
        raise BadAssertion(f"its algorithm '{token.header.get('alg')}' is not supported")
    try:
        key.verify(token.signature, token.signed, chosen, hashes.SHA256())
    except InvalidSignature:
        raise BadAssertion("its signature is not that of the certificate's key", "other key") from None
