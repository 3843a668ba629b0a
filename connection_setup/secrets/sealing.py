"""Secrets at rest: sealed with the newest key of the ring (connection_setup.keyring), opened with any of them.

Only connection_setup.services opens them.
"""

from collections.abc import Callable

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from connection_setup.secrets import keyring
from connection_setup.secrets.keyring import Key, KeyFileBroken
from core.refusals import Refusal


class CannotDecrypt(Refusal):
    """None of the keys opens a stored secret."""

    def __init__(self, message: str = "", fix: str = "") -> None:
        if not message:
            message = (
                "The stored secret cannot be opened: neither FIELD_ENCRYPTION_KEYS nor the state folder holds the key "
                "it was sealed with."
            )
            fix = (
                "Add that key to the list again (Change Encryption Key takes a copy that was kept); if SECRET_KEY was "
                "changed, name the one before in SECRET_KEY_FALLBACKS; or enter the secret anew."
            )
        super().__init__("sign_in", message, fix)


def seal(secret: str) -> bytes:
    """The secret, sealed with the newest key; blank stays blank."""
    return _keys().encrypt(secret.encode()) if secret else b""


def unseal(sealed: bytes | memoryview) -> str:
    """The secret. Raises SealBroken."""
    if not sealed:
        return ""
    return _again(lambda keys: keys.decrypt(bytes(sealed))).decode()


def reseal(sealed: bytes | memoryview) -> bytes:
    """The same secret, sealed with the newest key. Raises SealBroken."""
    if not sealed:
        return b""
    return _again(lambda keys: keys.rotate(bytes(sealed)))


def is_current(sealed: bytes | memoryview) -> bool:
    """Whether the newest key alone opens it, so that the older ones can be dropped."""
    found = opener(sealed)
    return found is not None and found == _ring()[0]


def opener(sealed: bytes | memoryview) -> Key | None:
    """The key that a secret is sealed with; None where it is not here. Raises SealBroken."""
    for key in _ring():
        try:
            Fernet(key.secret).decrypt(bytes(sealed))
        except InvalidToken:
            continue
        return key
    return None


def _again(open_: Callable[[MultiFernet], bytes]) -> bytes:
    """What the keys make of it; where none fits, another process may just have made one, so look once more."""
    try:
        return open_(_keys())
    except InvalidToken:
        keyring.reload()
    try:
        return open_(_keys())
    except InvalidToken:
        raise CannotDecrypt from None


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key.secret) for key in _ring()])


def _ring() -> tuple[Key, ...]:
    try:
        return keyring.keys()
    except KeyFileBroken as broken:
        raise CannotDecrypt(broken.message, broken.fix) from None
