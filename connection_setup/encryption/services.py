"""Data Encryption Management: enable, change the key, rotate, disable, and what seals how many secrets.

Without encryption secrets are sealed all the same, with a key that follows from SECRET_KEY. A new key is in the file
before anything is sealed with it, and the one before stays until nothing uses it, so that no secret is unreadable at
any moment, whichever process reads it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from connection_setup.connection.state import audit_as
from connection_setup.models import AdministratorSignIn, AuthenticationType, DataEncryption, DataverseConnection
from connection_setup.secrets import credentials, keyring, sealing
from connection_setup.secrets.keyring import Key, KeyFileBroken, Place
from connection_setup.secrets.sealing import CannotDecrypt
from core.refusals import Refusal

QUESTION = "Data encryption is not enabled. Enable it?"
OUTSIDE = "FIELD_ENCRYPTION_KEYS names the keys, so they are changed there."
LARGEST_FILE = 10_000
_SEALED: Sequence[tuple[Any, Sequence[str]]] = (
    (DataverseConnection, credentials.SEALED_COLUMNS),
    (AdministratorSignIn, ("sealed",)),
)
"""Every column of the database that holds something sealed."""
_CAPTIONS = {
    **{credentials.SECRET_COLUMNS[kind]: credentials.LABELS[kind] for kind in AuthenticationType},
    "private_key": "Certificate's private key",
    "next_private_key": "Private key of the certificate that waits",
    "sealed": "Administrator's sign-in",
}


@dataclass(frozen=True, slots=True)
class Stored:
    """One sealed secret: whose it is, what it is, and the key it is sealed with; None where that is not here."""

    company: str
    caption: str
    key: Key | None


@dataclass(frozen=True, slots=True)
class State:
    """How secrets are sealed now."""

    ring: tuple[Key, ...]
    secrets: tuple[Stored, ...]
    decided: DataEncryption
    problem: str = ""
    """Why the keys cannot be read, as a sentence."""

    @property
    def outside(self) -> bool:
        """Whether FIELD_ENCRYPTION_KEYS names the keys."""
        return bool(self.ring) and self.ring[0].place is Place.ENVIRONMENT

    @property
    def enabled(self) -> bool:
        """Whether a key of its own seals."""
        return bool(self.ring) and self.ring[0].place is not Place.SECRET_KEY

    @property
    def lost(self) -> list[Stored]:
        """The secrets that none of the keys opens."""
        return [one for one in self.secrets if one.key is None]

    @property
    def older(self) -> list[Stored]:
        """The secrets that are not sealed with the newest key."""
        return [one for one in self.secrets if one.key is not None and one.key != self.ring[0]]

    def count(self, key: Key) -> int:
        """How many secrets are sealed with a key."""
        return sum(one.key == key for one in self.secrets)


@dataclass(frozen=True, slots=True)
class Sealing:
    """What a change did: secrets sealed anew, those that no key opens, and keys taken out of the file."""

    resealed: int
    lost: int
    dropped: list[str] = field(default_factory=list)


def state() -> State:
    """How secrets are sealed now. Raises nothing."""
    decided = DataEncryption.objects.first() or DataEncryption()
    try:
        ring = keyring.keys()
    except KeyFileBroken as broken:
        return State((), (), decided, str(broken))
    return State(ring, tuple(_stored()), decided)


def enabled() -> bool:
    """Whether secrets are sealed with a key of the site's own. Cheap."""
    try:
        return keyring.keys()[0].place is not Place.SECRET_KEY
    except KeyFileBroken:
        return True


def question(_connection: DataverseConnection | None = None) -> str:
    """What to ask an administrator who tests or enables a connection; "" when there is nothing to ask."""
    return "" if enabled() else QUESTION


def why_not(*, enable: bool) -> str:
    """Why encryption cannot be enabled (or, where it is, changed and disabled); "" when it can."""
    if keyring.named_in_environment():
        return OUTSIDE
    if enable and enabled():
        return "Encryption is enabled already. Choose Change Encryption Key for another key."
    if not enable and not enabled():
        return "Encryption is not enabled. Choose Enable Encryption first."
    return ""


@sensitive_variables()
def enable(*, user: Any, key: str = "") -> Sealing:
    """Seal everything with a key of its own: this one, else a new one whose copy is then offered. Raises Refusal."""
    return _put(user, key, enable=True)


@sensitive_variables()
def change_key(*, user: Any, key: str = "") -> Sealing:
    """Seal everything with another key; the one before stays until nothing uses it. Raises Refusal.

    A key that was here before may be given again, so that what it sealed opens again.
    """
    return _put(user, key, enable=False)


def disable(*, user: Any) -> Sealing:
    """Seal everything with the key that follows from SECRET_KEY; the others stay until nothing uses them.

    Raises Refusal.
    """
    with _changing(user) as decided:
        if why := why_not(enable=False):
            raise Refusal("configuration", why)
        _in_front(keyring.DERIVED)
        done = _reseal(strict=False)
        _decide(decided, done, offer="")
    return done


def rotate(*, user: Any) -> Sealing:
    """Seal every secret with the newest key, and take out older ones that nothing uses any more.

    Raises SealBroken, with nothing changed, when a secret cannot be opened.
    """
    with _changing(user) as decided:
        newest = _newest()
        # A key that came into the file, and whose commit never happened, was not offered to anybody yet.
        unheard = newest.place is Place.FILE and newest.fingerprint != decided.fingerprint
        done = _reseal(strict=True)
        _decide(decided, done, offer=newest.fingerprint if unheard else decided.offer)
    used = {one.key.fingerprint for one in _stored() if one.key is not None}
    try:
        older = {key.fingerprint for key in keyring.keys()[1:]} - used
        dropped = keyring.drop(older) if older else []
    except KeyFileBroken as broken:
        raise CannotDecrypt(broken.message, broken.fix) from None
    return Sealing(done.resealed, done.lost, dropped)


def take_copy(*, user: Any) -> Key:
    """The key that seals, for safe keeping: given out once after it was made. Raises Refusal."""
    with _changing(user) as decided:
        try:
            key = keyring.keys()[0]
        except KeyFileBroken as broken:
            raise Refusal.because(broken) from None
        if not decided.offer or decided.offer != key.fingerprint:
            raise Refusal(
                "configuration",
                "A key is offered once, after it was made, and that was done.",
                "Whoever runs the server finds it in the file field-encryption-key of the state "
                "folder; Change Encryption Key makes another one.",
            )
        decided.offer = ""
        decided.save()
    return key


@sensitive_variables()
def key_in(text: str) -> str:
    """The key in a pasted text or a file's. Raises Refusal."""
    words = [line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found = next((word for word in words if keyring.is_key(word)), "")
    if not found:
        raise Refusal(
            "configuration",
            "There is no encryption key in it.",
            "A key is 44 letters, digits, - and _ that end with =, such as the file that was "
            "downloaded when the key was made.",
            field="key",
        )
    return found


# -- inside -----------------------------------------------------------------------------------------------------------


@sensitive_variables()
def _put(user: Any, key: str, *, enable: bool) -> Sealing:
    with _changing(user) as decided:
        if why := why_not(enable=enable):
            raise Refusal("configuration", why)
        given = key_in(key) if key.strip() else ""
        if given and given == _newest().secret:
            raise Refusal(
                "configuration",
                "This key is in use already.",
                "Leave the field empty to have one made.",
                field="key",
            )
        _in_front(given or keyring.new_key())
        done = _reseal(strict=False)
        _decide(decided, done, offer="" if given else _newest().fingerprint)
    return done


@contextmanager
def _changing(user: Any) -> Iterator[DataEncryption]:
    """The row, held until all is done: two people's changes come one after the other."""
    with audit_as(user), transaction.atomic():
        DataEncryption.objects.get_or_create(pk=1)
        yield DataEncryption.objects.select_for_update().get(pk=1)


def _decide(decided: DataEncryption, done: Sealing, *, offer: str) -> None:
    newest = _newest()
    decided.enabled, decided.fingerprint = newest.place is not Place.SECRET_KEY, newest.fingerprint
    decided.offer, decided.rotated, decided.changed_at = offer, done.resealed, timezone.now()
    decided.save()


def _newest() -> Key:
    try:
        return keyring.keys()[0]
    except KeyFileBroken as broken:
        raise Refusal.because(broken) from None


@sensitive_variables()
def _in_front(word: str) -> None:
    try:
        keyring.promote(word)
    except KeyFileBroken as broken:
        raise Refusal.because(broken) from None


def _reseal(*, strict: bool) -> Sealing:
    """Seal every secret with the newest key, each row held while its secrets change.

    Those that no key opens stay as they are; with `strict` they raise SealBroken instead.
    """
    changed = lost = 0
    for model, columns in _SEALED:
        for row in model.objects.select_for_update().only("pk", *columns):
            renewed: dict[str, bytes] = {}
            for name in columns:
                if not (value := getattr(row, name)):
                    continue
                try:
                    renewed[name] = sealing.reseal(value)
                except CannotDecrypt:
                    if strict:
                        raise
                    lost += 1
            if renewed:
                model.objects.filter(pk=row.pk).update(**renewed)
                changed += len(renewed)
    return Sealing(changed, lost)


def _stored() -> Iterator[Stored]:
    for model, columns in _SEALED:
        for row in model.objects.select_related("company").order_by("company__name", "pk"):
            for name in columns:
                if value := getattr(row, name):
                    yield Stored(row.company.name, _CAPTIONS[name], sealing.sealing_key(value))
