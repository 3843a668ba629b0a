"""Secrets at rest: sealed with FIELD_ENCRYPTION_KEYS, the newest key first.

Only connection_setup.services opens them.
"""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class SealBroken(Exception):
    """None of the keys opens a stored secret; str() is the sentence for the user."""

    reason = "sign_in"

    def __init__(self) -> None:
        self.user_message = (
            "The stored secret cannot be opened: FIELD_ENCRYPTION_KEYS does not hold the key it was sealed with. "
            "Add that key to the list again, or enter the secret anew."
        )
        super().__init__(self.user_message)


def seal(secret: str) -> bytes:
    """The secret, sealed with the newest key; blank stays blank."""
    return _keys().encrypt(secret.encode()) if secret else b""


def unseal(sealed: bytes | memoryview) -> str:
    """The secret. Raises SealBroken."""
    if not sealed:
        return ""
    try:
        return _keys().decrypt(bytes(sealed)).decode()
    except InvalidToken:
        raise SealBroken from None


def reseal(sealed: bytes | memoryview) -> bytes:
    """The same secret, sealed with the newest key. Raises SealBroken."""
    if not sealed:
        return b""
    try:
        return _keys().rotate(bytes(sealed))
    except InvalidToken:
        raise SealBroken from None


def is_current(sealed: bytes | memoryview) -> bool:
    """Whether the newest key alone opens it, so that the older ones can be dropped."""
    try:
        Fernet(settings.FIELD_ENCRYPTION_KEYS[0]).decrypt(bytes(sealed))
    except InvalidToken:
        return False
    return True


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.FIELD_ENCRYPTION_KEYS])
