"""manage.py alerts list|test: the documents it prints, and refusals."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from jobs.models import Alert
from masterdata.models import Company
from tests.jobs.alerts.conftest import Facts, mail_receiver, webhook_receiver
from tests.receivers import SECRET, WebhookServer

pytestmark = pytest.mark.django_db


def run(action: str, *more: str) -> tuple[int, Any]:
    out, code = StringIO(), 0
    try:
        call_command("alerts", action, "--company", "CRONUS", *more, stdout=out)
    except SystemExit as stop:
        code = int(stop.code or 0)
    return code, json.loads(out.getvalue()) if "--json" in more else out.getvalue()


def test_it_lists_what_stands_what_is_over_and_who_is_told(
    company: Company, facts: Facts, webhook_server: WebhookServer
) -> None:
    assert run("list", "--json") == (0, {"alerts": [], "receivers": [], "messages": "at_once"})
    assert "Nobody is told" in run("list")[1]
    for over_at in (timezone.now(), None):
        Alert.objects.create(
            company=company, kind="leak", subject="it", mapping_name="CUSTOMER", message="It leaks.", fix="Close it.",
            url=f"/c/{company.slug}/jobs/", over_at=over_at,
        )  # fmt: skip
    webhook_receiver(company, webhook_server, only=["leak"])
    code, found = run("list", "--json")
    standing, over = found["alerts"]
    assert code == 0 and set(standing) == {"kind", "mapping", "since", "message", "fix", "link", "over"}
    assert (standing["kind"], standing["mapping"], standing["over"]) == ("leak", "CUSTOMER", None) and over["over"]
    assert standing["link"].endswith(f"/c/{company.slug}/jobs/") and standing["link"].startswith("http")
    (receiver,) = found["receivers"]
    assert (receiver["way"], receiver["kinds"], receiver["mapping"], receiver["last"]) == (
        "webhook", ["leak"], None, None,
    )  # fmt: skip
    assert SECRET not in json.dumps(found) and "tandem-8c1f" not in json.dumps(found)
    text = run("list")[1]
    assert "Leak CUSTOMER, since" in text and "over since" in text and "gets Leak of the whole company" in text


def test_a_test_says_for_each_receiver_whether_it_arrived(
    company: Company, facts: Facts, webhook_server: WebhookServer
) -> None:
    code, refused = run("test", "--json")
    assert (code, refused["error"]["reason"]) == (1, "no_receivers") and refused["error"]["fix"]
    webhook_receiver(company, webhook_server)
    code, found = run("test", "--json")
    assert (code, [one["ok"] for one in found["tested"]]) == (0, [True]) and webhook_server.taken[0]["test"]
    mail_receiver(company)
    code, found = run("test", "--json")
    assert (code, [one["ok"] for one in found["tested"]]) == (1, [True, False])
    assert "EMAIL_URL" in found["tested"][1]["answer"]
