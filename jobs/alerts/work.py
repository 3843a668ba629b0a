"""The tick's part: look at what stands, store what follows, make messages, send those that are due.

Nothing is sent inside a transaction. Whoever takes a step claims it by a conditional UPDATE, so that any number of
ticks at once tell each receiver once. Where a sender is killed between sending and noting it, the message is sent again
under the same id, by which its receiver knows it.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Max, QuerySet
from django.utils import timezone

from core.database_outage import is_database_outage
from jobs.alerts import decisions, kinds, letters
from jobs.alerts.decisions import Fact, Receiver, Standing, Turn
from jobs.elections import ALERTS, elect
from jobs.models import Alert, AlertMessage, AlertNotice, AlertReceiver, AlertSettings, Digest

logger = logging.getLogger(__name__)

EVERY = timedelta(seconds=30)
"""How often is looked; sending goes with every tick."""
CLAIM = timedelta(minutes=2)
"""How long a message is somebody's who sends it."""
AT_ONCE = 20
"""Messages that one tick sends at most."""
WHOLE_S = 15.0
"""Seconds after which a tick begins to send no other one."""


def work(now: datetime) -> None:
    """Look where that is due, and send what is due. See registry.on_tick."""
    if elect(ALERTS, now, before=now - EVERY):
        look(now)
        make_messages(now)
    send_due(now)


# -- looking ------------------------------------------------------------------------------------------------------


def look(now: datetime) -> None:
    """Store which alerts began, go on and are over, and note who is to be told."""
    looked_at, facts = _facts(now)
    columns = ("id", "kind", "company_id", "subject", "message", "fix", "url")
    standing = [Standing(*row) for row in Alert.objects.filter(over_at=None).values_list(*columns)]
    store(decisions.decide(standing, facts, looked_at), now)


def _facts(now: datetime) -> tuple[set[str], list[tuple[str, Fact]]]:
    """Return the kinds all of whose sources answered, and what stands."""
    looked_at: set[str] = set()
    facts: list[tuple[str, Fact]] = []
    for name in kinds.all_kinds():
        try:
            facts += [(name, _fitting(fact)) for source in kinds.sources_of(name) for fact in source(now)]
        except Exception as error:
            if is_database_outage(error):
                raise  # no source could answer
            logger.exception("alerts: what stands of the kind %s could not be read", name)
        else:
            looked_at.add(name)
    return looked_at, facts


def _fitting(fact: Fact) -> Fact:
    """Return a fact as it is stored: what is compared with the next look's is what the columns hold."""
    return replace(fact, subject=fact.subject[:240], mapping=fact.mapping[:40], url=fact.url[:400])


def store(turn: Turn, now: datetime) -> None:
    """Store what a look found. Of two who store the same, one does."""
    receivers = [
        Receiver(one.pk, one.company_id, frozenset(map(str, one.kinds)), one.mapping_name)
        for one in (AlertReceiver.objects.only("company_id", "kinds", "mapping_name") if turn.begins else ())
    ]
    for kind, fact in turn.begins:
        _begin(kind, fact, receivers, now)
    for pk, fact in turn.changes:
        Alert.objects.filter(pk=pk, over_at=None).update(message=fact.message, fix=fact.fix, url=fact.url)
    for pk in turn.over:
        _end(pk, now)


def _begin(kind: str, fact: Fact, receivers: Sequence[Receiver], now: datetime) -> None:
    alert = Alert(
        company_id=fact.company, kind=kind, subject=fact.subject, mapping_name=fact.mapping,
        message=fact.message, fix=fact.fix, url=fact.url, began_at=now,
    )  # fmt: skip
    told = [one.id for one in receivers if decisions.wants(one, kind, fact.company, fact.mapping)]
    try:
        with transaction.atomic():
            alert.save(force_insert=True)
            there = set(AlertReceiver.objects.filter(pk__in=told).values_list("pk", flat=True))
            AlertNotice.objects.bulk_create([AlertNotice(alert=alert, receiver_id=pk) for pk in told if pk in there])
    except IntegrityError:
        return  # another tick stored it first, or the company was deleted meanwhile


def _end(pk: int, now: datetime) -> None:
    with transaction.atomic():
        if Alert.objects.filter(pk=pk, over_at=None).update(over_at=now):
            told = AlertNotice.objects.filter(alert_id=pk, over=False).values_list("receiver_id", flat=True)
            AlertNotice.objects.bulk_create([AlertNotice(alert_id=pk, receiver_id=one, over=True) for one in told])


# -- messages -----------------------------------------------------------------------------------------------------


def make_messages(now: datetime) -> None:
    """Make a message to each receiver of what waits for it, where the company's setting lets one go now.

    Not while another one to it has not arrived: what begins is told before that it is over, and what comes up meanwhile
    is in one message.
    """
    waiting = AlertNotice.objects.filter(message=None).exclude(receiver__in=_busy()).order_by()
    receivers = dict(waiting.values_list("receiver_id", "receiver__company_id").distinct())
    if not receivers:
        return
    chosen = dict(AlertSettings.objects.values_list("company_id", "digest"))
    newest = AlertMessage.objects.filter(receiver__in=list(receivers)).order_by().values_list("receiver_id")
    last = dict(newest.annotate(at=Max("created_at")))
    for receiver, company in receivers.items():
        if decisions.is_due(chosen.get(company, Digest.AT_ONCE), last.get(receiver), now):
            _make_message(receiver, now)


def _busy() -> "QuerySet[AlertMessage, Any]":
    """Return the receivers to which a message is on its way."""
    return AlertMessage.objects.filter(state=AlertMessage.State.WAITING).order_by().values("receiver_id")


def _make_message(receiver: int, now: datetime) -> None:
    with transaction.atomic():
        free = AlertReceiver.objects.select_for_update().filter(pk=receiver).first()
        if free is None or free.messages.filter(state=AlertMessage.State.WAITING).exists():
            return
        message = AlertMessage(receiver_id=receiver, created_at=now, next_at=now)
        message.save(force_insert=True)
        if not AlertNotice.objects.filter(receiver_id=receiver, message=None).update(message=message):
            message.delete()  # another tick took them


def send_due(now: datetime) -> None:
    """Send the messages whose time has come, each by whoever claims it, and note what came of it."""
    due = AlertMessage.objects.filter(state=AlertMessage.State.WAITING, next_at__lte=now).order_by("next_at")
    until = time.monotonic() + WHOLE_S
    for message in due.select_related("receiver__company")[:AT_ONCE]:
        if time.monotonic() > until:
            return  # receivers are slow: the rest goes with the next ticks
        taken = AlertMessage.objects.filter(pk=message.pk, state=AlertMessage.State.WAITING, next_at=message.next_at)
        if taken.update(next_at=timezone.now() + CLAIM, attempts=F("attempts") + 1):
            _send(message, message.attempts + 1)


def _send(message: AlertMessage, attempts: int) -> None:
    receiver = message.receiver
    sent = letters.send(receiver, letters.letter_of(message))
    at = timezone.now()
    again = None if sent.ok else decisions.next_try(attempts, at)
    state = AlertMessage.State.SENT if sent.ok else AlertMessage.State.WAITING if again else AlertMessage.State.GIVEN_UP
    mine = AlertMessage.objects.filter(pk=message.pk, attempts=attempts)
    mine.update(state=state, next_at=again or at, answer=sent.answer[:400])
    letters.note(receiver, sent, at)
