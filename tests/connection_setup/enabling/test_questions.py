"""Questions after enabling and after a test that went well: each is asked once, and remembered."""

import re
from datetime import timedelta
from typing import Any

import pytest
from auditlog.models import LogEntry
from django.test import Client
from django.utils import timezone

from connection_setup import hooks
from connection_setup.connection import settings, state
from connection_setup.enabling import questions
from connection_setup.enabling import services as enabling_services
from connection_setup.encryption import services as encryption
from connection_setup.models import DataverseConnection
from coupling.models import IntegrationTableMapping
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.connection_setup.conftest import signed_in
from tests.connection_setup.provisioning.test_environment import services_currency, values
from tests.connection_setup.setup.test_page import PAGE, text_of

DEFAULT = "Use the default synchronization setup?"


@pytest.fixture(autouse=True)
def encrypted(db: None) -> None:
    """Enable data encryption, so that nothing is asked about it."""
    encryption.enable(user=None)


@pytest.fixture
def connected(company: Company, sandbox: Sandbox) -> DataverseConnection:
    company.currency_code = services_currency(sandbox)
    company.save()
    return settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )


@pytest.fixture
def enabled(admin: Client, connected: DataverseConnection) -> DataverseConnection:
    """Enable the connection through the page."""
    admin.post(f"{PAGE}enable/")
    admin.post(f"{PAGE}enabling/", {"consent": "on"})
    return state.connection_of(connected.company)


def page(client: Client) -> str:
    return text_of(client.get(PAGE).content.decode())


def answer(client: Client, name: str, given: str) -> str:
    return text_of(client.post(f"{PAGE}questions/{name}/", {"answer": given}, follow=True).content.decode())


def test_enabling_through_the_page_asks_about_the_default_setup_and_yes_makes_it_with_schedules(
    admin: Client, enabled: DataverseConnection
) -> None:
    assert not IntegrationTableMapping.objects.exists()
    assert DEFAULT in page(admin)
    told = answer(admin, "default-setup", "yes")
    assert "default mappings are made, with their schedules" in told
    assert DEFAULT not in told
    mappings = IntegrationTableMapping.objects.filter(company=enabled.company)
    assert mappings.get(name="CUSTOMER").scheduled
    assert mappings.get(name="CUSTOMER").next_run_at is not None
    assert not mappings.get(name="SALESPEOPLE").scheduled, "with Team nothing asks for salespeople"
    queue = text_of(admin.get("/c/cronus-international/jobs/queue/").content.decode())
    assert re.search(r"CUSTOMER Customers and account Ready .* 30 min", queue), queue


def test_the_answer_no_is_stored_and_the_setup_can_be_made_later(admin: Client, enabled: DataverseConnection) -> None:
    told = answer(admin, "default-setup", "no")
    assert "Nothing was set up." in told
    assert DEFAULT not in told
    kept = state.connection_of(enabled.company)
    assert kept.answers["default-setup"]["answer"] == "no"
    assert kept.answers["default-setup"]["by"] == "administrator"
    assert any("answers" in one.changes_dict for one in LogEntry.objects.all())
    admin.post(f"{PAGE}disable/")
    admin.post(f"{PAGE}enable/")
    assert state.connection_of(enabled.company).enabled
    assert DEFAULT not in page(admin)
    assert not IntegrationTableMapping.objects.exists()
    mappings = text_of(admin.get("/c/cronus-international/mappings/").content.decode())
    assert "Synchronization is not set up for this company." in mappings
    asked = admin.get("/c/cronus-international/mappings/reset/")
    assert "The default mappings are made, with their schedules: SALESPEOPLE" in text_of(asked.content.decode())
    admin.post("/c/cronus-international/mappings/reset/")
    assert IntegrationTableMapping.objects.filter(company=enabled.company, scheduled=True).exists()


def test_a_successful_test_asks_again_what_still_applies(admin: Client, enabled: DataverseConnection) -> None:
    answer(admin, "default-setup", "no")
    assert DEFAULT not in page(admin)
    admin.post(f"{PAGE}test/")
    assert DEFAULT in page(admin)
    answer(admin, "default-setup", "yes")
    admin.post(f"{PAGE}test/")
    assert DEFAULT not in page(admin)


def test_a_successful_test_asks_before_the_connection_is_enabled_too(
    admin: Client, connected: DataverseConnection
) -> None:
    assert DEFAULT not in page(admin)
    admin.post(f"{PAGE}test/")
    assert DEFAULT in page(admin)
    assert "default mappings are made" in answer(admin, "default-setup", "yes")
    assert IntegrationTableMapping.objects.filter(company=connected.company, scheduled=True).exists()
    queue = text_of(admin.get("/c/cronus-international/jobs/queue/").content.decode())
    assert "On Hold" in queue, "nothing runs before the connection is enabled"


def test_an_answer_given_twice_does_nothing_twice(admin: Client, enabled: DataverseConnection) -> None:
    answer(admin, "default-setup", "yes")
    IntegrationTableMapping.objects.filter(name="CUSTOMER").update(create_new=True, scheduled=False)
    answer(admin, "default-setup", "yes")
    mine = IntegrationTableMapping.objects.get(name="CUSTOMER")
    assert (mine.create_new, mine.scheduled) == (True, False)
    assert admin.post(f"{PAGE}questions/unknown/", {"answer": "yes"}).status_code == 404


def test_where_mappings_exist_nobody_is_asked_and_they_stay(admin: Client, connected: DataverseConnection) -> None:
    enabling_services.enable(company=connected.company, user=None)
    IntegrationTableMapping.objects.filter(name="CUSTOMER").update(create_new=True)
    assert DEFAULT not in page(admin)
    enabling_services.disable(company=connected.company, user=None)
    admin.post(f"{PAGE}enable/")
    assert state.connection_of(connected.company).enabled
    assert DEFAULT not in page(admin)
    assert IntegrationTableMapping.objects.get(name="CUSTOMER").create_new


def test_a_question_of_another_room_is_asked_after_a_good_test_before_the_others(
    admin: Client, connected: DataverseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hooks, "_questions", list(hooks.questions()))
    hooks.add_question(
        hooks.Question(
            "something", "Do something?", "It would be good.", applies=lambda _: True,
            yes_url=lambda company: f"/c/{company.slug}/", no="You may do it later.", order=10,
        )
    )  # fmt: skip
    assert "Do something?" not in page(admin), "nothing was tested yet"
    admin.post(f"{PAGE}test/")
    assert "Do something?" in page(admin)
    assert "Do something?" not in page(signed_in("Viewer"))
    assert questions.pending(state.connection_of(connected.company)) is not None
    sent = admin.post(f"{PAGE}questions/something/", {"answer": "yes"})
    assert sent.headers["Location"] == "/c/cronus-international/"
    assert "Do something?" not in page(admin)


def test_a_test_that_failed_asks_nothing(
    admin: Client, connection: DataverseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = hooks.Question("something", "Do something?", "It would be good.", applies=lambda _: True)
    monkeypatch.setattr(hooks, "_questions", [asked])
    admin.post(f"{PAGE}test/")
    assert "Do something?" not in page(admin)


def test_the_command_asks_nothing_and_applies_the_default(connected: DataverseConnection, admin: Client) -> None:
    enabling_services.enable(company=connected.company, user=None)
    mappings: Any = IntegrationTableMapping.objects.filter(company=connected.company)
    resting = {"SALESPEOPLE"}  # with Team nothing needs it
    assert set(mappings.filter(scheduled=False).values_list("name", flat=True)) == resting
    soon = mappings.filter(next_run_at__gt=timezone.now() + timedelta(minutes=29), on_hold_since=None)
    assert soon.count() == mappings.count() - len(resting) > 5
