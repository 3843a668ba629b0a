"""From rows to what is sent: the letter of a message, and sending it the receiver's way."""

from datetime import datetime

from django.conf import settings
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from core.refusals import Refusal
from dataverse.http_session import before_send
from jobs.alerts import kinds, mail, secrets, texts, webhook
from jobs.alerts.texts import Letter, Told
from jobs.alerts.webhook import Sent
from jobs.models import Alert, AlertMessage, AlertReceiver, Way
from masterdata.models import Company
from ui.links import company_url


def told(alert: Alert, *, over: bool) -> Told:
    """Return an alert as receivers and the command read it; over: whether that it is over is told."""
    return Told(
        alert.pk, alert.kind, kinds.label(alert.kind), alert.mapping_name, timezone.localtime(alert.began_at),
        timezone.localtime(alert.over_at) if over and alert.over_at else None, alert.message, alert.fix,
        f"{settings.SITE_URL.rstrip('/')}{alert.url}",
    )  # fmt: skip


def letter_of(message: AlertMessage) -> Letter:
    """Return what a message tells: each alert once, that it is over where that is told too."""
    over: dict[Alert, bool] = {}
    for one in message.notices.select_related("alert").order_by("alert_id"):
        over[one.alert] = over.get(one.alert, False) or one.over
    return _letter(
        message.receiver.company, str(message.pk), [told(one, over=is_over) for one, is_over in over.items()]
    )


def test_letter(company: Company, letter_id: str) -> Letter:
    """Return a letter by which somebody tries a receiver out."""
    return _letter(company, letter_id, [], test=True)


def _letter(company: Company, letter_id: str, alerts: list[Told], *, test: bool = False) -> Letter:
    page = f"{settings.SITE_URL.rstrip('/')}{company_url('jobs:alerts', company)}"
    return Letter(letter_id, company.name, settings.PRODUCT_NAME, page, alerts, test)


@sensitive_variables()
def send(receiver: AlertReceiver, letter: Letter) -> Sent:
    """Send a letter; outside of a transaction. Whatever goes wrong is in the answer."""
    for hook in before_send:  # what watches over requests to Dataverse: none is sent inside a transaction
        hook("POST", receiver.shown_address)
    if receiver.way == Way.MAIL:
        return mail.send(receiver.address, texts.mail_subject(letter), texts.mail_text(letter), letter.id)
    try:
        secret = secrets.unseal(receiver.secret)
    except Refusal as refusal:
        return Sent(False, refusal.user_message)
    return webhook.send(receiver.address, secret, texts.webhook_body(letter, timezone.now()), letter.id)


def note(receiver: AlertReceiver, sent: Sent, at: datetime) -> None:
    """Note on a receiver what came of a message."""
    answer = sent.answer[:400].replace("\0", " ")
    AlertReceiver.objects.filter(pk=receiver.pk).update(last_at=at, last_ok=sent.ok, last_answer=answer)
