"""Encryption of secrets at rest: sealed with the newest key of the keyring, opened with any of its keys."""

from collections.abc import Callable

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from connection_setup.secrets import keyring
from connection_setup.secrets.keyring import Key, KeyFileBroken
from core.refusals import Refusal


class CannotDecrypt(Refusal):
    """A stored secret cannot be opened: none of the keys fits, or what else gives the secret does not work."""

    ask_again_s = 60.0

    def __init__(self, message: str = "", fix: str = "") -> None:
        if not message:
            message = (
                "The stored secret cannot be opened: neither FIELD_ENCRYPTION_KEYS nor the state folder holds the key "
                "it was sealed with."
            )
            fix = (
                "Add that key to the list again (Change Encryption Key takes a copy that was kept); if SECRET_KEY was "
                "changed, name the one before in SECRET_KEY_FALLBACKS; or enter the secret again."
            )
        super().__init__("sign_in", message, fix)


def seal(secret: str) -> bytes:
    """Return the secret, encrypted with the newest key; blank stays blank. Raises CannotDecrypt without usable keys."""
    return _cipher().encrypt(secret.encode()) if secret else b""


def unseal(sealed: bytes | memoryview) -> str:
    """Return the secret. Raises CannotDecrypt."""
    if not sealed:
        return ""
    return _with_current_keys(lambda cipher: cipher.decrypt(bytes(sealed))).decode()


def reseal(sealed: bytes | memoryview) -> bytes:
    """Return the same secret, encrypted with the newest key. Raises CannotDecrypt."""
    if not sealed:
        return b""
    return _with_current_keys(lambda cipher: cipher.rotate(bytes(sealed)))


def is_current(sealed: bytes | memoryview) -> bool:
    """Whether the newest key alone opens it, so that the older ones can be dropped. Raises CannotDecrypt."""
    found = sealing_key(sealed)
    return found is not None and found == _keys()[0]


def sealing_key(sealed: bytes | memoryview) -> Key | None:
    """Return the key that a secret is sealed with; None where it is not here. Raises CannotDecrypt."""
    for key in _keys():
        try:
            Fernet(key.secret).decrypt(bytes(sealed))
        except InvalidToken:
            continue
        return key
    return None


def _with_current_keys(read: Callable[[MultiFernet], bytes]) -> bytes:
    """Return what `read` returns; where no key fits, try once more: another process may have made one just now."""
    try:
        return read(_cipher())
    except InvalidToken:
        keyring.reload()
    try:
        return read(_cipher())
    except InvalidToken:
        raise CannotDecrypt from None


def _cipher() -> MultiFernet:
    return MultiFernet([Fernet(key.secret) for key in _keys()])


def _keys() -> tuple[Key, ...]:
    try:
        return keyring.keys()
    except KeyFileBroken as broken:
        raise CannotDecrypt(broken.message, broken.fix) from None
