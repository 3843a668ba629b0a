"""The keys that seal secrets, and where they are kept.

Newest first: those of FIELD_ENCRYPTION_KEYS where it is set, those of the key file in the state folder, and keys that
follow from SECRET_KEY and from what it was before. The first one seals; all of them open. Every process looks at the
files anew whenever they changed, so that a key made by one is known to all before anything sealed with it is.

The key file holds a key or the word `derived` per line, the newest first, with the moment it came in front. `derived`
in front means that encryption is not enabled. The file is replaced as a whole and only its owner can read it.
"""

import base64
import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from core.refusals import NotUsable

DERIVED = "derived"
KEPT_FOR = timedelta(minutes=15)
"""So long an older key is kept although nothing uses it: what was sealed a moment ago may not be stored yet."""
_HEAD = "# Keys that seal secrets, the newest first. Keep a copy; the database cannot be read without it.\n"


class Place(StrEnum):
    """Where a key is kept."""

    ENVIRONMENT = "FIELD_ENCRYPTION_KEYS"
    FILE = "State folder"
    SECRET_KEY = "Follows from SECRET_KEY"  # noqa: S105  # nosec B105 - a caption


@dataclass(frozen=True, slots=True)
class Key:
    """One key; only its fingerprint is ever shown."""

    secret: str = field(repr=False)
    place: Place
    since: datetime | None = None
    """When it came in front, where that is known."""

    @property
    def fingerprint(self) -> str:
        """What a key is known by: it cannot be computed back."""
        digest = hashlib.sha256(b"tandem encryption key " + self.secret.encode()).hexdigest().upper()
        return f"{digest[:4]} {digest[4:8]} {digest[8:12]}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the key file: a key, or DERIVED."""

    word: str = field(repr=False)
    since: datetime | None = None


class KeyFileBroken(NotUsable):
    """The key file cannot be read or written."""


def keys() -> tuple[Key, ...]:
    """Every key there is, the one that seals first. Raises KeyFileBroken."""
    entries = _entries()
    outside = [Key(secret, Place.ENVIRONMENT) for secret in _outside()]
    inside: list[Key] = []
    for entry in entries:
        secret = derived(settings.SECRET_KEY) if entry.word == DERIVED else entry.word
        place = Place.SECRET_KEY if entry.word == DERIVED else Place.FILE
        inside.append(Key(secret, place, entry.since))
    last = [Key(derived(one), Place.SECRET_KEY) for one in (settings.SECRET_KEY, *settings.SECRET_KEYS_BEFORE)]
    found: dict[str, Key] = {}
    for key in (*outside, *inside, *last):
        found.setdefault(key.secret, key)
    return tuple(found.values())


def managed_outside() -> bool:
    """Whether FIELD_ENCRYPTION_KEYS names the keys."""
    return bool(_outside())


def is_key(text: str) -> bool:
    """Whether the text is a key: 32 bytes in URL-safe base64."""
    try:
        Fernet(text)
    except ValueError:
        return False
    return True


def new_key() -> str:
    """A new key."""
    return Fernet.generate_key().decode()


@lru_cache(16)
def derived(secret_key: str) -> str:
    """The key that follows from a SECRET_KEY."""
    made = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tandem field encryption").derive(secret_key.encode())
    return base64.urlsafe_b64encode(made).decode()


@sensitive_variables()
def promote(word: str) -> None:
    """Have this key (or DERIVED) seal from now on; those before stay and open. Raises KeyFileBroken."""
    with _alone():
        entries = list(_entries())
        if not entries and word != DERIVED:
            entries = [Entry(DERIVED)]  # what sealed until now
        _write([Entry(word, timezone.now()), *(one for one in entries if one.word != word)])


def drop(fingerprints: Iterable[str]) -> list[str]:
    """Take older keys out of the file, except those that were replaced a moment ago; the fingerprints taken out.

    The caller has made sure that nothing is sealed with them. Raises KeyFileBroken.
    """
    wanted = set(fingerprints)
    with _alone():
        entries = list(_entries())
        gone: list[str] = []
        left: list[Entry] = []
        for position, entry in enumerate(entries):
            secret = derived(settings.SECRET_KEY) if entry.word == DERIVED else entry.word
            fingerprint = Key(secret, Place.FILE).fingerprint
            newer = entries[position - 1].since if position else None
            fresh = newer is not None and timezone.now() - newer < KEPT_FOR
            if position == 0 or fingerprint not in wanted or fresh:
                left.append(entry)
            elif entry.word != DERIVED:
                gone.append(fingerprint)
        if gone:
            _write(left)
    return gone


def reload() -> None:
    """Forget what the files held when they were read last."""
    _kept.clear()


def secrets() -> Iterator[str]:
    """Everything that no report may hold."""
    with contextlib.suppress(KeyFileBroken):
        yield from (key.secret for key in keys())
    yield from settings.SECRET_KEYS_BEFORE


# -- inside -----------------------------------------------------------------------------------------------------------

_kept: dict[str, tuple[tuple[int, int, int], str]] = {}


def _text(path: Path) -> str:
    """What a file holds, read when it changed; "" where there is none. Raises OSError."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return ""
    signature = (found.st_mtime_ns, found.st_ino, found.st_size)
    kept = _kept.get(str(path))
    if kept is None or kept[0] != signature:
        kept = _kept[str(path)] = (signature, path.read_text(encoding="utf-8"))
    return kept[1]


def _entries() -> tuple[Entry, ...]:
    try:
        lines = _text(Path(settings.FIELD_ENCRYPTION_KEY_FILE)).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise KeyFileBroken(
            f"The key file in the state folder cannot be read: {why}.",
            "Secrets can be opened again once this site's processes may read it.",
        ) from None
    return tuple(_parsed(lines))


def _parsed(lines: Sequence[str]) -> Iterator[Entry]:
    for number, line in enumerate(lines, 1):
        word, _, since = line.strip().partition(" ")
        if not word or word.startswith("#"):
            continue
        if word != DERIVED and not is_key(word):
            raise KeyFileBroken(
                f"Line {number} of the key file in the state folder is no key.",
                "Put the copy of the file back that was kept, or correct the line.",
            )
        try:
            yield Entry(word, datetime.fromisoformat(since.strip()) if since.strip() else None)
        except ValueError:
            yield Entry(word)


def _outside() -> list[str]:
    """The keys of FIELD_ENCRYPTION_KEYS; those of a file as it is now."""
    if settings.FIELD_ENCRYPTION_KEYS and settings.FIELD_ENCRYPTION_KEYS_FILE:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            now = _text(Path(settings.FIELD_ENCRYPTION_KEYS_FILE)).replace(",", " ").split()
            if now and all(is_key(one) for one in now):
                # One that was there when this process began opens for as long as it runs.
                return list(dict.fromkeys([*now, *settings.FIELD_ENCRYPTION_KEYS]))
    return list(settings.FIELD_ENCRYPTION_KEYS)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """Hold the file against other processes while it is changed. Raises KeyFileBroken."""
    path = Path(settings.FIELD_ENCRYPTION_KEY_FILE)
    try:
        with open(path.with_name(f"{path.name}.lock"), "a", opener=_private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _sweep(path)
            reload()
            yield
    except OSError as error:
        raise KeyFileBroken(
            f"The key cannot be kept in the state folder: {error.strerror}.",
            "Nothing was changed. Let this site's processes write there, or name the keys with FIELD_ENCRYPTION_KEYS.",
        ) from None


def _sweep(path: Path) -> None:
    """Take away what a killed write left: keys are in it. Nobody writes now, as the lock is held."""
    for left in path.parent.iterdir():
        if left.name.startswith(f".{path.name}-"):
            left.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@sensitive_variables()
def _write(entries: Sequence[Entry]) -> None:
    """Replace the file in one step: whoever reads it sees the old or the new one."""
    path = Path(settings.FIELD_ENCRYPTION_KEY_FILE)
    text = _HEAD + "".join(f"{one.word} {one.since.isoformat() if one.since else ''}".strip() + "\n" for one in entries)
    descriptor, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")  # made with mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(aside).replace(path)
    except OSError:
        Path(aside).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # nothing may be sealed with a key that a loss of power would take away
    finally:
        os.close(folder)
    reload()
