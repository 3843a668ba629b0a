"""Data Encryption Management: enable, change the key, rotate, disable; which key encrypts which secrets.

While encryption is not enabled, secrets are encrypted with a key derived from SECRET_KEY. A new key is in the key file
before anything is encrypted with it, and the previous one stays until nothing uses it, so every process can decrypt
every secret at any moment.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from connection_setup.connection.state import audit_as
from connection_setup.models import (
    AdministratorSignIn,
    AuthenticationType,
    DataEncryption,
    DataverseConnection,
    WebHook,
)
from connection_setup.secrets import credentials, keyring, sealing
from connection_setup.secrets.keyring import Key, KeyFileBroken, Place
from connection_setup.secrets.sealing import CannotDecrypt
from core.refusals import NotUsable, Refusal
from jobs.models import AlertReceiver

QUESTION = "Data encryption is not enabled. Enable it?"
MAX_FILE_BYTES = 10_000
"""A key file is no larger than this."""
_SEALED: Sequence[tuple[Any, Sequence[str]]] = (
    (DataverseConnection, credentials.SEALED_COLUMNS),
    (AdministratorSignIn, ("sealed",)),
    (AlertReceiver, ("secret",)),
    (WebHook, ("key",)),
)
"""Every column of the database that holds something encrypted."""
_CAPTIONS = {
    **{credentials.SECRET_COLUMNS[kind]: credentials.LABELS[kind] for kind in AuthenticationType},
    "private_key": "Certificate's private key",
    "next_private_key": "Private key of the pending certificate",
    "sealed": "Administrator's sign-in",
    "secret": "Secret of a webhook",  # nosec B105
    "key": "Key of the web hook in Dataverse",
}


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """One encrypted secret: whose it is, what it is, and the key that decrypts it; None where no key does."""

    company: str
    caption: str
    key: Key | None


@dataclass(frozen=True, slots=True)
class EncryptionState:
    """The keys and the secrets, and what people decided last."""

    keys: tuple[Key, ...]
    secrets: tuple[StoredSecret, ...]
    record: DataEncryption
    problem: str = ""
    """Why the keys cannot be read; "" where they can."""

    @property
    def managed_outside(self) -> bool:
        """Whether FIELD_ENCRYPTION_KEYS names the keys."""
        return bool(self.keys) and self.keys[0].place is Place.ENVIRONMENT

    @property
    def enabled(self) -> bool:
        """Whether secrets are encrypted with a key other than the one derived from SECRET_KEY."""
        return bool(self.keys) and self.keys[0].place is not Place.SECRET_KEY

    @property
    def unreadable(self) -> list[StoredSecret]:
        """The secrets that none of the keys decrypts."""
        return [secret for secret in self.secrets if secret.key is None]

    @property
    def outdated(self) -> list[StoredSecret]:
        """The secrets that are not encrypted with the newest key."""
        return [secret for secret in self.secrets if secret.key is not None and secret.key != self.keys[0]]

    def count_secrets(self, key: Key) -> int:
        """Return how many secrets are encrypted with a key."""
        return sum(secret.key == key for secret in self.secrets)


@dataclass(frozen=True, slots=True)
class ResealResult:
    """The numbers of secrets that were encrypted again and that no key decrypts; the keys removed from the file."""

    resealed: int
    unreadable: int
    dropped: list[str] = field(default_factory=list)
    """Fingerprints."""


def read_state() -> EncryptionState:
    """Return the keys and the secrets as they are now; a key file that cannot be read is reported in `problem`."""
    record = DataEncryption.objects.first() or DataEncryption()
    try:
        keys = keyring.keys()
    except KeyFileBroken as broken:
        return EncryptionState((), (), record, broken.user_message)
    return EncryptionState(keys, tuple(_stored_secrets()), record)


def is_enabled() -> bool:
    """Return whether secrets are encrypted with a key other than the one derived from SECRET_KEY; without a query."""
    try:
        return keyring.keys()[0].place is not Place.SECRET_KEY
    except KeyFileBroken:
        return True


def pending_question() -> str:
    """Return what to ask an administrator who tests or enables a connection; "" when there is nothing to ask."""
    return "" if is_enabled() else QUESTION


def blocked_reason(*, enable: bool) -> Refusal | None:
    """Return why encryption cannot be enabled (enable) or changed and disabled (not enable); None when it can."""
    if keyring.named_in_environment():
        return NotUsable("The keys are named by FIELD_ENCRYPTION_KEYS.", "Change them there.")
    if enable and is_enabled():
        return NotUsable("Encryption is enabled already.", "Choose Change Encryption Key to use another key.")
    if not enable and not is_enabled():
        return NotUsable("Encryption is not enabled.", "Choose Enable Encryption first.")
    return None


@sensitive_variables()
def enable(*, user: Any, key: str = "") -> ResealResult:
    """Encrypt every secret with this key, else with a new one, whose copy is then offered. Raises Refusal."""
    return _use_key(user, key, enable=True)


@sensitive_variables()
def change_key(*, user: Any, key: str = "") -> ResealResult:
    """Encrypt every secret with another key; the previous one stays until nothing uses it. Raises Refusal.

    An earlier key may be given again, so that what it encrypted can be decrypted again.
    """
    return _use_key(user, key, enable=False)


def disable(*, user: Any) -> ResealResult:
    """Encrypt every secret with the key derived from SECRET_KEY; the others stay until nothing uses them.

    Raises Refusal.
    """
    with _locked_record(user) as record:
        if refusal := blocked_reason(enable=False):
            raise refusal
        keyring.promote(keyring.DERIVED)
        result = _reseal(strict=False)
        _save_decision(record, result, offer="")
    return result


def rotate(*, user: Any) -> ResealResult:
    """Encrypt every secret with the newest key, and remove older keys that nothing uses any more.

    Raises CannotDecrypt, with nothing changed, when a secret cannot be decrypted.
    """
    with _locked_record(user) as record:
        newest = _newest_key()
        # A key in the file whose change was never committed has not been offered to anybody yet.
        not_offered_yet = newest.place is Place.FILE and newest.fingerprint != record.fingerprint
        result = _reseal(strict=True)
        _save_decision(record, result, offer=newest.fingerprint if not_offered_yet else record.offer)
    used = {secret.key.fingerprint for secret in _stored_secrets() if secret.key is not None}
    try:
        older = {key.fingerprint for key in keyring.keys()[1:]} - used
        dropped = keyring.drop(older) if older else []
    except KeyFileBroken as broken:
        raise CannotDecrypt(broken.message, broken.fix) from None  # as for a secret that no key decrypts
    return ResealResult(result.resealed, result.unreadable, dropped)


def take_key_copy(*, user: Any) -> Key:
    """Return the key in use, for safekeeping: given out once, after it was made. Raises Refusal."""
    with _locked_record(user) as record:
        key = _newest_key()
        if not record.offer or record.offer != key.fingerprint:
            raise Refusal(
                "configuration",
                "A key can be downloaded once, after it was made, and it was.",
                "Whoever runs the server finds it in the file field-encryption-key of the state folder. To make "
                "another one, choose Change Encryption Key.",
            )
        record.offer = ""
        record.save()
    return key


@sensitive_variables()
def parse_key(text: str) -> str:
    """Return the key in the text of a file, or in a pasted one. Raises Refusal."""
    words = [line.split()[0] for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found = next((word for word in words if keyring.is_key(word)), "")
    if not found:
        raise Refusal(
            "configuration",
            "It does not contain an encryption key.",
            "A key is 44 letters, digits, - and _ that end with =. Choose the file that was downloaded when the key "
            "was made, or paste the key.",
            field="key",
        )
    return found


# -- inside -----------------------------------------------------------------------------------------------------------


@sensitive_variables()
def _use_key(user: Any, key: str, *, enable: bool) -> ResealResult:
    """Encrypt every secret with this key, else with a new one; enable: encryption is off. Raises Refusal."""
    with _locked_record(user) as record:
        if refusal := blocked_reason(enable=enable):
            raise refusal
        given = parse_key(key) if key.strip() else ""
        if given and given == _newest_key().secret:
            raise Refusal(
                "configuration",
                "This key is in use already.",
                "Leave the field empty to have one made.",
                field="key",
            )
        keyring.promote(given or keyring.new_key())
        result = _reseal(strict=False)
        _save_decision(record, result, offer="" if given else _newest_key().fingerprint)
    return result


@contextmanager
def _locked_record(user: Any) -> Iterator[DataEncryption]:
    """Yield the row, locked until all is done, so that two people's changes come one after the other."""
    with audit_as(user), transaction.atomic():
        DataEncryption.objects.get_or_create(pk=1)
        yield DataEncryption.objects.select_for_update().get(pk=1)


def _save_decision(record: DataEncryption, result: ResealResult, *, offer: str) -> None:
    """Save which key is in use now; offer: the fingerprint of the key whose copy may be taken, or ""."""
    newest = _newest_key()
    record.enabled, record.fingerprint = newest.place is not Place.SECRET_KEY, newest.fingerprint
    record.offer, record.rotated, record.changed_at = offer, result.resealed, timezone.now()
    record.save()


def _newest_key() -> Key:
    """Return the key in use. Raises KeyFileBroken."""
    return keyring.keys()[0]


def _reseal(*, strict: bool) -> ResealResult:
    """Encrypt every secret with the newest key, each row locked while its secrets change.

    Those that no key decrypts stay as they are; with `strict` they raise CannotDecrypt instead.
    """
    changed = unreadable = 0
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
                    unreadable += 1
            if renewed:
                model.objects.filter(pk=row.pk).update(**renewed)
                changed += len(renewed)
    return ResealResult(changed, unreadable)


def _stored_secrets() -> Iterator[StoredSecret]:
    for model, columns in _SEALED:
        for row in model.objects.select_related("company").order_by("company__name", "pk"):
            for name in columns:
                if value := getattr(row, name):
                    yield StoredSecret(row.company.name, _CAPTIONS[name], sealing.sealing_key(value))
