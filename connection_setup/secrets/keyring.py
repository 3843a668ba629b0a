"""The keys that encrypt secrets, and where they are stored.

Newest first: those of FIELD_ENCRYPTION_KEYS where it is set, those of the key file in the state folder, and keys
derived from SECRET_KEY and from its earlier values. The first one encrypts; all of them decrypt. Every process reads
the files again whenever they changed, so that a key made by one is known to all before anything sealed with it is.

The key file holds one key or the word `derived` per line, the newest first, with the time it became the first.
`derived` in the first line means that encryption is not enabled. The file is replaced as a whole and only its owner can
read it.
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
GRACE_PERIOD = timedelta(minutes=15)
"""How long an older key stays although nothing uses it: what was sealed a moment ago may not be stored yet."""
_HEAD = "# Keys that seal secrets, the newest first. Keep a copy; the database cannot be read without it.\n"


class Place(StrEnum):
    """Where a key is stored."""

    ENVIRONMENT = "FIELD_ENCRYPTION_KEYS"
    FILE = "State folder"
    SECRET_KEY = "Derived from SECRET_KEY"  # noqa: S105  # nosec B105 - a caption


@dataclass(frozen=True, slots=True)
class Key:
    """One key; only its fingerprint is ever shown."""

    secret: str = field(repr=False)
    place: Place
    since: datetime | None = None
    """When it became the first, where that is known."""

    @property
    def fingerprint(self) -> str:
        """Return the key's fingerprint, from which the key cannot be computed."""
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
    """Return every key, the one that encrypts first. Raises KeyFileBroken."""
    entries = _entries()
    named = [Key(secret, Place.ENVIRONMENT) for secret in _environment_keys()]
    stored: list[Key] = []
    for entry in entries:
        secret = derived(settings.SECRET_KEY) if entry.word == DERIVED else entry.word
        place = Place.SECRET_KEY if entry.word == DERIVED else Place.FILE
        stored.append(Key(secret, place, entry.since))
    derived_keys = [Key(derived(one), Place.SECRET_KEY) for one in (settings.SECRET_KEY, *settings.SECRET_KEYS_BEFORE)]
    found: dict[str, Key] = {}
    for key in (*named, *stored, *derived_keys):
        found.setdefault(key.secret, key)
    return tuple(found.values())


def named_in_environment() -> bool:
    """Whether FIELD_ENCRYPTION_KEYS names the keys."""
    return bool(_environment_keys())


def is_key(text: str) -> bool:
    """Whether the text is a key: 32 bytes in URL-safe base64."""
    try:
        Fernet(text)
    except ValueError:
        return False
    return True


def new_key() -> str:
    """Return a new key."""
    return Fernet.generate_key().decode()


@lru_cache(16)
def derived(secret_key: str) -> str:
    """Return the key that is derived from a SECRET_KEY."""
    made = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"tandem field encryption").derive(secret_key.encode())
    return base64.urlsafe_b64encode(made).decode()


@sensitive_variables()
def promote(word: str) -> None:
    """Make this key (or DERIVED) the one that encrypts; earlier keys stay and decrypt. Raises KeyFileBroken."""
    with _locked_file():
        entries = list(_entries())
        if not entries and word != DERIVED:
            entries = [Entry(DERIVED)]  # what encrypted until now
        _write([Entry(word, timezone.now()), *(one for one in entries if one.word != word)])


def drop(fingerprints: Iterable[str]) -> list[str]:
    """Remove older keys from the file, except those replaced within GRACE_PERIOD; return the fingerprints removed.

    The caller has made sure that nothing is sealed with them. Raises KeyFileBroken.
    """
    wanted = set(fingerprints)
    with _locked_file():
        entries = list(_entries())
        removed: list[str] = []
        remaining: list[Entry] = []
        for position, entry in enumerate(entries):
            secret = derived(settings.SECRET_KEY) if entry.word == DERIVED else entry.word
            fingerprint = Key(secret, Place.FILE).fingerprint
            newer = entries[position - 1].since if position else None
            fresh = newer is not None and timezone.now() - newer < GRACE_PERIOD
            if position == 0 or fingerprint not in wanted or fresh:
                remaining.append(entry)
            elif entry.word != DERIVED:
                removed.append(fingerprint)
        if removed:
            _write(remaining)
    return removed


def reload() -> None:
    """Forget what the files held when they were read last."""
    _cached_texts.clear()


def secrets() -> Iterator[str]:
    """Yield every key and earlier SECRET_KEY, which no error report may hold."""
    with contextlib.suppress(KeyFileBroken):
        yield from (key.secret for key in keys())
    yield from settings.SECRET_KEYS_BEFORE


# -- inside -----------------------------------------------------------------------------------------------------------

_cached_texts: dict[str, tuple[tuple[int, int, int], str]] = {}
"""Path -> (signature of the file when it was read, its text)."""


def _read_text(path: Path) -> str:
    """Return what a file holds, read again when it changed; "" where there is none. Raises OSError."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return ""
    signature = (found.st_mtime_ns, found.st_ino, found.st_size)
    cached = _cached_texts.get(str(path))
    if cached is None or cached[0] != signature:
        cached = _cached_texts[str(path)] = (signature, path.read_text(encoding="utf-8"))
    return cached[1]


def _entries() -> tuple[Entry, ...]:
    try:
        lines = _read_text(Path(settings.FIELD_ENCRYPTION_KEY_FILE)).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not text"
        raise KeyFileBroken(
            f"The key file in the state folder cannot be read: {why}.",
            "Let this site's processes read it: stored secrets can then be opened again.",
        ) from None
    return tuple(_parse(lines))


def _parse(lines: Sequence[str]) -> Iterator[Entry]:
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


def _environment_keys() -> list[str]:
    """Return the keys of FIELD_ENCRYPTION_KEYS; where a file holds them, as it is now."""
    if settings.FIELD_ENCRYPTION_KEYS and settings.FIELD_ENCRYPTION_KEYS_FILE:
        with contextlib.suppress(OSError, UnicodeDecodeError):
            now = _read_text(Path(settings.FIELD_ENCRYPTION_KEYS_FILE)).replace(",", " ").split()
            if now and all(is_key(one) for one in now):
                # A key that was there when this process began decrypts for as long as it runs.
                return list(dict.fromkeys([*now, *settings.FIELD_ENCRYPTION_KEYS]))
    return list(settings.FIELD_ENCRYPTION_KEYS)


@contextlib.contextmanager
def _locked_file() -> Iterator[None]:
    """Lock the file against other processes while it is changed. Raises KeyFileBroken."""
    path = Path(settings.FIELD_ENCRYPTION_KEY_FILE)
    try:
        with open(path.with_name(f"{path.name}.lock"), "a", opener=_private) as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _remove_leftovers(path)
            reload()
            yield
    except OSError as error:
        raise KeyFileBroken(
            f"The key cannot be stored in the state folder: {error.strerror}. Nothing was changed.",
            "Let this site's processes write there, or name the keys with FIELD_ENCRYPTION_KEYS.",
        ) from None


def _remove_leftovers(path: Path) -> None:
    """Delete what a killed write left: keys are in it. Nobody else writes now, as the lock is held."""
    for leftover in path.parent.iterdir():
        if leftover.name.startswith(f".{path.name}-"):
            leftover.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@sensitive_variables()
def _write(entries: Sequence[Entry]) -> None:
    """Replace the file in one step, so that whoever reads it sees the old or the new one."""
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
