"""Alerts in Chromium: receivers added with and without scripts; an alert that a mail and a web server on this machine
receive, its page, and that it is over.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from coupling.gateway import Gateway
from coupling.mappings import column_looks
from coupling.models import IntegrationTableMapping
from dataverse import metadata_cache
from jobs.alerts import work
from jobs.models import AlertReceiver
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.browser.conftest import Looks
from tests.receivers import SECRET, MailServer, WebhookServer, serving, use
from tests.sync.conftest import connect

HOME = "/c/cronus-international/alerts/"


@pytest.fixture
def servers(settings: Any) -> Iterator[tuple[MailServer, WebhookServer]]:
    with serving(MailServer()) as mail, serving(WebhookServer()) as web:
        use(settings, mail)
        yield mail, web


@pytest.fixture
def mapping(connected: Callable[..., Company], sandbox: Sandbox) -> IntegrationTableMapping:
    company = connected("CRONUS International", connect)
    found = IntegrationTableMapping.objects.select_related("company").get(company=company, name="CUSTOMER")
    column_looks.look(found, Gateway(company).table(found).columns)
    return found


def change_city(sandbox: Sandbox, mapping: IntegrationTableMapping, *, gone: bool) -> None:
    """Take a column away in Dataverse, or bring it back; then do what ticks do."""
    sandbox.control("POST", "columns", {"table": "account", "column": "address1_city", "gone": gone})
    metadata_cache.forget()
    column_looks.look(mapping, Gateway(mapping.company).table_again(mapping).columns)
    now = timezone.now()
    work.look(now)
    work.make_messages(now)
    work.send_due(now)


def test_an_alert_arrives_by_mail_and_webhook_and_is_over(
    looks: Callable[..., Looks], mapping: IntegrationTableMapping, sandbox: Sandbox, servers: Any
) -> None:
    mail, web = servers
    found = looks()
    page = found.page
    found.open("alerts, none yet", HOME)
    found.open("a new receiver", f"{HOME}receivers/new/")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_label("Reached By").select_option("Webhook")
    page.get_by_label("Address").fill("http://alerts.example.com/")
    page.get_by_label("Secret of the Webhook").fill(SECRET)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("A webhook is sent over https only.").first.wait_for()
    found.look("a receiver that is refused")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_label("Address").fill(web.url)
    page.get_by_label("Secret of the Webhook").fill(SECRET)
    page.get_by_label("Columns changed").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Send Test").click()
    page.get_by_text("The receiver answered 200: taken").first.wait_for()
    assert web.taken.pop()["test"]
    found.look("a receiver")
    page.goto(f"{HOME}receivers/new/")
    page.get_by_label("Address").fill("ada@example.com")
    page.get_by_role("button", name="Save").click()
    page.get_by_text("is saved").wait_for()

    change_city(sandbox, mapping, gone=True)
    (hook,) = web.taken
    assert [(one["kind"], one["mapping"], one["over"]) for one in hook["alerts"]] == [("drift", "CUSTOMER", None)]
    assert [one["Subject"] for one in mail.mails] == ["Tandem, CRONUS International: Columns changed (CUSTOMER)"]
    found.open("an alert that stands", f"{HOME}?now")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.get_by_role("link", name="Columns changed, CUSTOMER").first.click()
    page.get_by_role("heading", name="CUSTOMER", exact=True).wait_for()

    web.status, web.says = 503, b"Back at 18:00"
    change_city(sandbox, mapping, gone=False)
    assert mail.mails[1]["Subject"].endswith("is over")
    found.open("a receiver that is down", f"{HOME}?down")
    page.get_by_text("Messages do not arrive").wait_for()
    found.end()


def test_without_scripts_on_a_phone_a_receiver_is_added_tested_and_deleted_by_the_keyboard(
    contexts: Callable[..., Any], mapping: IntegrationTableMapping, servers: Any
) -> None:
    mail, _ = servers
    page = contexts(java_script=False, width=390).new_page()
    page.goto(HOME)
    page.get_by_role("link", name="New Receiver").first.press("Enter")
    page.get_by_label("Address").fill("ada@example.com")
    page.get_by_label("Mapping").select_option("CUSTOMER")
    page.get_by_role("button", name="Save").press("Enter")
    page.get_by_role("button", name="Send Test").press("Enter")
    page.get_by_text("The mail server took the mail.").first.wait_for()
    assert mail.mails[0]["Subject"] == "Tandem, CRONUS International: this is a test"
    page.goto(HOME)
    page.get_by_role("link", name="Settings of Alerts").press("Enter")
    page.get_by_label("Messages").select_option("At most once a day")
    page.get_by_role("button", name="Save").press("Enter")
    page.get_by_text("The settings of alerts are saved.").wait_for()
    page.get_by_role("link", name="ada@example.com").press("Enter")
    page.get_by_role("link", name="Delete").press("Enter")
    page.get_by_role("button", name="Delete").press("Enter")
    page.get_by_text("ada@example.com gets no more alerts.").wait_for()
    assert not AlertReceiver.objects.exists()
