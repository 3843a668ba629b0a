"""The verbs of alerts: who gets them, how often, and trying a receiver out."""

import uuid
from collections.abc import Sequence
from typing import Any

from auditlog.context import set_actor
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from core.refusals import Refusal
from jobs.alerts import addresses, kinds, letters, secrets
from jobs.alerts.webhook import Sent
from jobs.models import Alert, AlertReceiver, AlertSettings, Digest, Way
from masterdata.models import Company

MOST = 50
"""Receivers of a company."""


def open_alerts(company: Any) -> list[Alert]:
    """Return what stands now in a company, the newest first."""
    return list(Alert.objects.filter(company=company, over_at=None).order_by("-began_at", "-pk"))


def digest_of(company: Any) -> str:
    """Return how often a company's receivers get a message at most."""
    found = AlertSettings.objects.filter(company=company).values_list("digest", flat=True).first()
    return found or Digest.AT_ONCE.value


@sensitive_variables("secret")
def save_receiver(
    *,
    company: Company,
    way: str,
    address: str,
    secret: str = "",
    only: Sequence[str] = (),
    mapping_name: str = "",
    receiver: AlertReceiver | None = None,
    user: Any = None,
) -> AlertReceiver:
    """Add a receiver, or change one: a blank address, and a blank secret, then stay as they are.

    only: the kinds it gets, none for all; mapping_name: the mapping whose alerts it gets, "" for the whole company.
    Raises Refusal, with the field it is about.
    """
    one = receiver or AlertReceiver(company=company)
    stays = receiver is not None and receiver.way == way
    unknown = [name for name in only if name not in kinds.all_kinds()]
    if unknown:
        raise Refusal("configuration", f"There is no kind of alert {unknown[0]!r}.", "Choose others.", field="kinds")
    if mapping_name and mapping_name not in kinds.names_in(company) and mapping_name != one.mapping_name:
        raise Refusal(
            "configuration", f"{company} has no mapping {mapping_name!r}.", "Choose another.", field="mapping"
        )
    sealed = _sealed(way, secret, bytes(one.secret) if stays else b"")
    entered = _address(way, address) if address.strip() or not stays else one.address
    if (way, entered) != (one.way, one.address) or secret:
        one.version += receiver is not None
    one.way, one.address, one.secret = way, entered, sealed
    one.shown_address = addresses.shown(entered) if way == Way.WEBHOOK else entered
    one.kinds, one.mapping_name = sorted(set(only)), mapping_name
    with set_actor(user), transaction.atomic():
        Company.objects.select_for_update().filter(pk=company.pk).first()
        if receiver is None and AlertReceiver.objects.filter(company=company).count() >= MOST:
            raise Refusal("configuration", f"{company} has {MOST} receivers already.", "Delete one first.")
        one.save()
    return one


def _address(way: str, typed: str) -> str:
    """Return an address as it is stored. Raises Refusal."""
    if way == Way.WEBHOOK:
        return addresses.check_url(typed, loopback_allowed=settings.SANDBOX_ALLOWED)
    try:
        validate_email(typed.strip())
    except ValidationError:
        raise Refusal(
            "configuration", f"{typed.strip()[:80]!r} is no e-mail address.", "Enter one like ada@example.com.",
            field="address",
        ) from None  # fmt: skip
    return typed.strip()


@sensitive_variables("secret")
def _sealed(way: str, secret: str, before: bytes) -> bytes:
    """Return the sealed secret of a receiver. Raises Refusal."""
    if way not in Way.values:
        raise Refusal("configuration", "Nobody is reached that way.", "Choose Mail or Webhook.", field="way")
    if way == Way.MAIL:
        return b""
    if not secret and before:
        return before
    if not secrets.SHORTEST <= len(secret) <= secrets.LONGEST:
        raise Refusal(
            "configuration",
            f"A secret has {secrets.SHORTEST} to {secrets.LONGEST} characters; with a shorter one others could sign.",
            "Enter a long random one, and give the same to the receiver.", field="secret",
        )  # fmt: skip
    return secrets.seal(secret)


def delete_receiver(*, receiver: AlertReceiver, user: Any = None) -> None:
    """Delete a receiver with what waits for it."""
    with set_actor(user), transaction.atomic():
        receiver.delete()


def set_digest(*, company: Company, digest: str, user: Any = None) -> None:
    """Choose how often a company's receivers get a message at most. Raises Refusal for what is no choice."""
    if digest not in Digest.values:
        raise Refusal("configuration", "That is no choice of how often messages go.", "Choose another.", field="digest")
    with set_actor(user), transaction.atomic():
        found, _ = AlertSettings.objects.select_for_update().get_or_create(company=company)
        found.digest = digest
        found.save()


def send_test(*, receiver: AlertReceiver) -> Sent:
    """Send a message by which somebody sees whether alerts arrive, and note what came of it."""
    sent = letters.send(receiver, letters.test_letter(receiver.company, str(uuid.uuid4())))
    letters.note(receiver, sent, timezone.now())
    return sent
