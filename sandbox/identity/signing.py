"""Signs JSON Web Tokens with a key of its own (RS256)."""

import base64
import secrets
import threading
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa


class TokenSigner:
    """Signs the tokens of one tenant. Safe to use from several threads."""

    def __init__(self) -> None:
        self._private_key: rsa.RSAPrivateKey | None = None
        self._lock = threading.Lock()
        self._key_id = secrets.token_urlsafe(16)

    def sign(self, payload: Mapping[str, Any]) -> str:
        """Return a signed token with these claims."""
        header = {"typ": "JWT", "alg": "RS256", "kid": self._key_id}
        signed = encode_base64url(msgspec.json.encode(header)) + b"." + encode_base64url(msgspec.json.encode(payload))
        signature = self._get_private_key().sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return (signed + b"." + encode_base64url(signature)).decode()

    def public_keys(self) -> bytes:
        """Return the public key that verifies the tokens, as a JSON Web Key Set."""
        numbers = self._get_private_key().public_key().public_numbers()
        key = {
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self._key_id,
            "n": _encode_number(numbers.n),
            "e": _encode_number(numbers.e),
        }
        return msgspec.json.encode({"keys": [key]})

    def _get_private_key(self) -> rsa.RSAPrivateKey:
        """Return the key; made when first needed, since few sandboxes use both tenants."""
        with self._lock:
            if self._private_key is None:
                self._private_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            return self._private_key


def encode_base64url(data: bytes) -> bytes:
    """Encode as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _encode_number(value: int) -> str:
    return encode_base64url(value.to_bytes((value.bit_length() + 7) // 8, "big")).decode()
