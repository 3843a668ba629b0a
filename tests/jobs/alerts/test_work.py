"""The tick's part, with a real mail server and a real receiver of webhooks: once, digests, retries, two at once."""

import json
import re
import socket
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from auditlog.models import LogEntry
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from core.refusals import Refusal
from jobs.alerts import job_facts, kinds, services, watch, webhook, work
from jobs.models import Alert, AlertMessage, AlertNotice, AlertReceiver, Job, Reason, State, Tick, Type
from jobs.running import sweep
from masterdata.models import Company
from tests.jobs.alerts.conftest import Facts, fact, mail_receiver, webhook_receiver
from tests.receivers import SECRET, MailServer, WebhookServer

pytestmark = pytest.mark.django_db


def turn(later: timedelta = timedelta(0)) -> None:
    """Do what a tick does, at once."""
    now = timezone.now() + later
    work.look(now)
    work.make_messages(now)
    work.send_due(now)


def texts(server: MailServer) -> list[str]:
    return [str(mail.get_content()) for mail in server.mails]


def test_an_alert_is_told_once_until_it_is_over_and_then_once_that_it_is(
    company: Company, facts: Facts, mail_server: MailServer, webhook_server: WebhookServer
) -> None:
    mail_receiver(company)
    webhook_receiver(company, webhook_server)
    turn()
    assert not mail_server.mails and not webhook_server.taken
    facts.append(fact(company, mapping="CUSTOMER"))
    for _ in range(3):
        turn()
    (mail,) = mail_server.mails
    assert (mail["To"], mail["From"]) == ("ada@example.com", "tandem@example.com")
    assert mail["Subject"] == "Tandem, CRONUS: Leak (CUSTOMER)"
    (said,) = texts(mail_server)
    assert "The pipe leaks." in said and "Close it." in said and f"/c/{company.slug}/jobs/" in said
    (hook,) = webhook_server.taken
    (told,) = hook["alerts"]
    assert (hook["company"], hook["test"], told["kind"], told["mapping"]) == ("CRONUS", False, "leak", "CUSTOMER")
    assert told["over"] is None and told["link"].startswith("http") and told["message"] == "The pipe leaks."

    facts[0] = fact(company, message="The pipe leaks more.", mapping="CUSTOMER")
    turn()
    assert Alert.objects.get().message == "The pipe leaks more." and len(mail_server.mails) == 1
    facts.clear()
    for _ in range(3):
        turn()
    assert [mail["Subject"] for mail in mail_server.mails[1:]] == ["Tandem, CRONUS: Leak (CUSTOMER) is over"]
    assert [one["over"] is not None for hook in webhook_server.taken for one in hook["alerts"]] == [False, True]
    facts.append(fact(company))
    turn()
    assert len(mail_server.mails) == 3 and not webhook_server.badly_signed


def test_many_at_once_come_as_one_message_and_the_digest_holds_the_next_ones(
    company: Company, facts: Facts, mail_server: MailServer
) -> None:
    mail_receiver(company)
    services.set_digest(company=company, digest="hourly")
    facts.extend(fact(company, f"pipe {number}", f"Pipe {number} leaks.") for number in range(3))
    turn()
    assert [mail["Subject"] for mail in mail_server.mails] == ["Tandem, CRONUS: 3 alerts"]
    facts[:] = [fact(company, "pipe 3", "Pipe 3 leaks.")]
    turn()
    facts.clear()
    turn(timedelta(minutes=30))
    assert len(mail_server.mails) == 1
    turn(timedelta(minutes=61))
    assert mail_server.mails[1]["Subject"] == "Tandem, CRONUS: 4 are over"  # what began and ended meanwhile, once
    assert texts(mail_server)[1].count("Pipe 3 leaks.") == 1
    turn(timedelta(minutes=200))
    assert len(mail_server.mails) == 2


def test_each_gets_what_it_asked_for(company: Company, facts: Facts, webhook_server: WebhookServer) -> None:
    other = Company.objects.create(name="Northwind", currency_code="USD")
    webhook_receiver(company, webhook_server, mapping_name="CUSTOMER", only=["leak"])
    facts.extend([fact(company), fact(other, mapping="CUSTOMER"), fact(company, "tap", "It drips.", "CUSTOMER")])
    turn()
    assert [one["message"] for hook in webhook_server.taken for one in hook["alerts"]] == ["It drips."]
    assert Alert.objects.count() == 3


def test_a_receiver_that_is_down_is_tried_again_and_what_it_answers_is_told(
    company: Company, facts: Facts, webhook_server: WebhookServer
) -> None:
    receiver = webhook_receiver(company, webhook_server)
    webhook_server.status, webhook_server.says = 503, b"<b>busy</b>\x00\n"
    facts.append(fact(company))
    turn()
    turn()
    assert len(webhook_server.deliveries) == 1, "it is not tried before its pause is over"
    receiver.refresh_from_db()
    assert (receiver.last_ok, receiver.last_answer) == (False, "The receiver answered 503: <b>busy</b>")
    facts[:] = [fact(company, "tap")]  # it is over before anybody heard of it, and something else began
    turn(timedelta(seconds=30))
    webhook_server.status = 204
    turn(timedelta(minutes=2))
    receiver.refresh_from_db()
    assert receiver.last_ok and len(webhook_server.taken) == 1
    assert len(set(webhook_server.deliveries)) == 1, "every try has the same id"
    turn(timedelta(minutes=2))
    first, then = [[one["over"] is None for one in hook["alerts"]] for hook in webhook_server.taken]
    assert (first, then) == ([True], [False, True]), "what begins is told before that it is over"


def test_a_receiver_that_stays_down_is_given_up_after_a_day(company: Company, facts: Facts) -> None:
    services.save_receiver(company=company, way="webhook", address="http://127.0.0.1:1/", secret=SECRET)
    facts.append(fact(company))
    for days in range(30):
        turn(timedelta(days=days))
    message = AlertMessage.objects.get()
    assert (message.state, message.attempts) == ("given_up", 27)
    assert AlertReceiver.objects.get().last_answer == "The receiver refused the connection."


def test_redirects_are_not_followed(company: Company, facts: Facts, webhook_server: WebhookServer) -> None:
    receiver = webhook_receiver(company, webhook_server)
    webhook_server.status, webhook_server.location = 307, webhook_server.url
    sent = services.send_test(receiver=receiver)
    assert not sent.ok and "not followed" in sent.answer and len(webhook_server.deliveries) == 1


def test_a_name_that_leads_to_a_private_address_is_not_connected_to(
    company: Company, facts: Facts, webhook_server: WebhookServer, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = webhook_receiver(company, webhook_server)
    AlertReceiver.objects.update(address="https://alerts.example/")
    receiver.refresh_from_db()
    public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", 443))
    private = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.5", 443))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [public, private])
    assert "10.0.0.5 is an address of a private network" in services.send_test(receiver=receiver).answer
    monkeypatch.undo()
    settings.SANDBOX_ALLOWED = False
    AlertReceiver.objects.update(address=webhook_server.url)
    receiver.refresh_from_db()
    sent = services.send_test(receiver=receiver)
    assert "this machine itself" in sent.answer and not webhook_server.deliveries


def test_a_mail_server_that_refuses_is_told(company: Company, facts: Facts, mail_server: MailServer) -> None:
    receiver = mail_receiver(company)
    mail_server.refuses = "550 nobody"
    assert services.send_test(receiver=receiver).answer == "The mail server does not take mail for this address."
    mail_server.refuses = ""
    assert services.send_test(receiver=receiver).ok and "This is a test." in texts(mail_server)[0]


def test_without_a_mail_server_that_is_what_is_told(company: Company, facts: Facts) -> None:
    assert "EMAIL_URL" in services.send_test(receiver=mail_receiver(company)).answer


def test_words_from_elsewhere_make_no_header_and_no_line_of_their_own(
    company: Company, facts: Facts, mail_server: MailServer, webhook_server: WebhookServer
) -> None:
    mail_receiver(company)
    webhook_receiver(company, webhook_server)
    Company.objects.filter(pk=company.pk).update(name="CRONUS\r\nBcc: eve@example.com")
    facts.append(fact(company, "x", 'It\r\n.\r\nQUIT\r\n"}<script>', "A\nB"))
    turn()
    (mail,) = mail_server.mails
    assert mail["Bcc"] is None and "Bcc: eve@example.com" in mail["Subject"]
    assert '\nIt . QUIT "}<script>\n' in texts(mail_server)[0].replace("\r\n", "\n")
    assert webhook_server.taken[0]["alerts"][0]["message"] == 'It\r\n.\r\nQUIT\r\n"}<script>'


def test_what_cannot_be_read_is_neither_begun_nor_over(
    company: Company, facts: Facts, caplog: pytest.LogCaptureFixture
) -> None:
    facts.append(fact(company))
    turn()
    facts.fails = RuntimeError("It cannot be read.")
    turn()
    assert Alert.objects.get().over_at is None
    assert "what stands of the kind leak could not be read" in caplog.text


def test_an_outage_of_the_database_ends_the_look_without_a_traceback_for_each_kind(
    company: Company, facts: Facts, caplog: pytest.LogCaptureFixture
) -> None:
    facts.append(fact(company))
    turn()
    facts.fails = OperationalError("cut off")
    facts.fails.__cause__ = psycopg.errors.AdminShutdown("terminating connection")
    with pytest.raises(OperationalError):
        turn()
    assert Alert.objects.get().over_at is None
    assert not caplog.records


@pytest.mark.django_db(transaction=True)
def test_two_workers_that_tick_at_once_tell_it_once(
    company: Company, facts: Facts, mail_server: MailServer, webhook_server: WebhookServer
) -> None:
    mail_receiver(company)
    webhook_receiver(company, webhook_server)
    for round_ in range(3):
        facts[:] = [fact(company, f"pipe {round_}")]
        started = threading.Barrier(4)

        def tick(started: threading.Barrier = started) -> None:
            started.wait()
            try:
                turn()
            finally:
                connection.close()

        threads = [threading.Thread(target=tick) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        turn()
    told = [(one["id"], one["over"] is None) for hook in webhook_server.taken for one in hook["alerts"]]
    assert len(told) == len(set(told)) == 5  # three began, two are over
    assert len(mail_server.mails) == len({mail["Message-ID"] for mail in mail_server.mails})
    assert sum(text.count("since") for text in texts(mail_server)) == 5
    assert AlertNotice.objects.filter(message=None).count() == 0


def test_a_sender_that_was_killed_leaves_its_message_to_the_next_one_under_the_same_id(
    company: Company, facts: Facts, webhook_server: WebhookServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    webhook_receiver(company, webhook_server)
    facts.append(fact(company))

    def killed(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(work, "_send", killed)
        with pytest.raises(SystemExit):
            turn()
    turn()
    assert not webhook_server.taken, "the message is still claimed"
    turn(timedelta(minutes=3))
    assert [hook["id"] for hook in webhook_server.taken] == [str(AlertMessage.objects.get().pk)]


def test_nothing_is_sent_inside_a_transaction_and_the_tick_does_it_last(
    company: Company, facts: Facts, webhook_server: WebhookServer
) -> None:
    webhook_receiver(company, webhook_server)
    facts.append(fact(company))
    assert sweep.registry.last_ticks[-1] == work.work
    work.work(timezone.now())
    work.work(timezone.now())
    assert len(webhook_server.taken) == 1
    with transaction.atomic(), pytest.raises(AssertionError, match="inside a database transaction"):
        services.send_test(receiver=AlertReceiver.objects.get())


# -- what this room knows -----------------------------------------------------------------------------------------


def failed(company: Company, type_: Type = Type.SYNCHRONIZATION, mapping: str = "CUSTOMER", **more: Any) -> Job:
    values = {
        "failure_reason": Reason.INTERNAL, "failure_message": "It broke.", "failure_fix": "Look.",
        "state": State.FAILED, "ended_at": timezone.now(),
    }  # fmt: skip
    return Job.objects.create(company=company, type=type_, mapping_name=mapping, **{**values, **more})


def jobs_told(company: Company) -> list[str]:
    return [one.subject for one in job_facts.failed_jobs(timezone.now()) if one.company == company.pk]


def test_a_failed_job_is_told_until_a_later_one_succeeds(company: Company, facts: Facts) -> None:
    failed(company)
    newest = failed(company)
    (found,) = job_facts.failed_jobs(timezone.now())
    assert (found.message, found.fix) == (
        f"CUSTOMER, synchronization, job {newest.pk}, failed. It broke.", "Look.",
    )  # fmt: skip
    assert found.url.endswith(f"/jobs/{newest.pk}/")
    failed(company, state=State.CANCELLED)
    failed(company, Type.COUPLING, state=State.FINISHED)
    assert jobs_told(company) == ["job:synchronization:CUSTOMER"]
    failed(company, state=State.FINISHED)
    assert jobs_told(company) == []


def test_expected_pauses_and_what_others_tell_of_are_no_failures(company: Company, facts: Facts) -> None:
    failed(company, state=State.POSTPONED, failure_reason=Reason.THROTTLED)
    failed(company, state=State.POSTPONED, failure_reason=Reason.SIGN_IN)
    failed(company, failure_reason=Reason.WRONG_ENVIRONMENT)
    failed(company, failure_reason=Reason.NOT_ENABLED)
    failed(company, Type.PREVIEW)
    failed(company, mapping="GONE")
    failed(company, Type.IMPORT, "", ended_at=timezone.now() - timedelta(days=8))
    assert jobs_told(company) == []
    failed(company, Type.IMPORT, "")
    assert jobs_told(company) == ["job:import:"]


def test_worker_and_beat_that_are_not_seen_are_told_of_by_the_web_server(
    company: Company, mail_server: MailServer
) -> None:
    mail_receiver(company, only=["not_seen"])
    now = timezone.now()
    Tick.objects.update_or_create(pk=1, defaults={"last_at": now})
    assert not watch.look_once()
    Tick.objects.filter(pk=1).update(last_at=now - timedelta(minutes=16))
    assert watch.look_once()
    Tick.objects.filter(pk=2).delete()
    assert watch.look_once()
    assert [mail["Subject"] for mail in mail_server.mails] == ["Tandem, CRONUS: Worker not seen"]
    assert sweep.tick()
    Tick.objects.filter(pk=2).delete()
    work.work(timezone.now())
    assert mail_server.mails[1]["Subject"] == "Tandem, CRONUS: Worker not seen is over"


# -- receivers ----------------------------------------------------------------------------------------------------


def test_secrets_are_sealed_and_in_no_log(company: Company, facts: Facts, webhook_server: WebhookServer) -> None:
    receiver = webhook_receiver(company, webhook_server)
    assert SECRET.encode() not in bytes(receiver.secret)
    services.save_receiver(company=company, receiver=receiver, way="webhook", address="", secret="")
    receiver.refresh_from_db()
    assert receiver.address == webhook_server.url and services.send_test(receiver=receiver).ok
    services.save_receiver(company=company, receiver=receiver, way="webhook", address="", secret="x" * 20)
    assert services.send_test(receiver=receiver).ok and webhook_server.badly_signed == 1
    services.delete_receiver(receiver=receiver)
    entries = LogEntry.objects.filter(content_type__model="alertreceiver")
    assert [entry.get_action_display() for entry in entries.order_by("pk")] == ["create", "update", "delete"]
    for entry in entries:
        assert entry.additional_data["company_id"] == company.pk
        for hidden in (SECRET, "x" * 20, "tandem-8c1f"):
            assert hidden not in str(entry.changes) and hidden not in entry.object_repr


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"way": "pigeon", "address": "a@example.com"}, "Nobody is reached that way"),
        ({"way": "mail", "address": "a@example.com\nBcc: b@example.com"}, "no e-mail address"),
        ({"way": "mail", "address": ""}, "no e-mail address"),
        ({"way": "webhook", "address": "https://10.0.0.1/", "secret": SECRET}, "private network"),
        ({"way": "webhook", "address": "https://a.example/", "secret": "short"}, "16 to 200 characters"),
        ({"way": "webhook", "address": "https://a.example/"}, "16 to 200 characters"),
        ({"way": "mail", "address": "a@example.com", "only": ["nothing"]}, "no kind of alert 'nothing'"),
        ({"way": "mail", "address": "a@example.com", "mapping_name": "NONE"}, "no mapping 'NONE'"),
    ],
)
def test_bad_receivers_are_refused_in_a_sentence(company: Company, facts: Facts, given: Any, says: str) -> None:
    with pytest.raises(Refusal, match=says) as refused:
        services.save_receiver(company=company, **given)
    assert refused.value.fix and not AlertReceiver.objects.exists()


def test_every_kind_is_named_with_its_source() -> None:
    found = kinds.all_kinds()
    assert set(found) >= {"failure", "not_seen", "expiring", "environment", "conflicts", "drift"}
    page = (Path(settings.BASE_DIR) / "docs" / "alerts.md").read_text(encoding="utf-8")
    assert all(f"{kind.label} (`{name}`)" in page for name, kind in found.items())
    assert all(kind.label and kind.hint.endswith(".") and kinds.sources_of(name) for name, kind in found.items())


def test_the_receiver_that_the_help_page_describes_knows_what_is_from_here(
    company: Company, facts: Facts, webhook_server: WebhookServer
) -> None:
    page = (Path(settings.BASE_DIR) / "docs" / "alerts.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(import hashlib\n.*?)```", page, re.DOTALL)
    its: dict[str, Any] = {}
    exec(compile(example, "alerts.md", "exec"), its)
    webhook_receiver(company, webhook_server)
    facts.append(fact(company))
    turn()
    ((headers, body),) = webhook_server.requests
    assert its["is_from_tandem"](SECRET, headers, body)
    assert not its["is_from_tandem"](SECRET + "x", headers, body)
    assert not its["is_from_tandem"](SECRET, headers, body.replace(b"pipe", b"tap"))
    earlier = {**headers, "Tandem-Timestamp": str(int(headers["Tandem-Timestamp"]) - 1_000)}
    earlier["Tandem-Signature"] = webhook.signature(SECRET, earlier["Tandem-Timestamp"], body)
    assert not its["is_from_tandem"](SECRET, earlier, body), "an old one that is sent again"
    (described,) = re.findall(r"```json\n(.*?)```", page, re.DOTALL)
    said, sent = json.loads(described), json.loads(body)
    assert said.keys() == sent.keys() and said["alerts"][0].keys() == sent["alerts"][0].keys()
