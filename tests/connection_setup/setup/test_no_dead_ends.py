"""The setup page in the hands of somebody who leaves fields out, goes back, and has two windows open."""

from typing import Any

import pytest
from django.test import Client

from connection_setup.connection import settings as connection_settings
from connection_setup.connection import state
from connection_setup.enabling import questions
from connection_setup.enabling import run as enabling
from connection_setup.models import DataverseConnection
from connection_setup.provisioning import consent
from connection_setup.setup import local_currency
from core.refusals import Refusal
from masterdata.models import Company, Currency
from sandbox.testing import Sandbox
from tests.connection_setup.conftest import fields
from tests.connection_setup.provisioning.test_environment import values
from tests.connection_setup.setup.test_page import PAGE, text_of


@pytest.fixture
def ready(company: Company, sandbox: Sandbox) -> DataverseConnection:
    """Save the settings of the stand-in, whose base currency is USD, for a company of another currency."""
    return connection_settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )


def test_enabled_on_an_empty_page_asks_nothing_before_the_fields_are_there(admin: Client, company: Company) -> None:
    for url in (f"{PAGE}enable/", f"{PAGE}toggle/"):
        page = text_of(admin.post(url, {"enabled": "on"}, follow=True).content.decode())
        assert "Environment URL, Tenant ID, Client ID and Client Secret are not filled in." in page
        assert "I accept" not in page
    kept = state.connection_of(company)
    assert (kept.consented_at, kept.enabled) == (None, False)


def test_the_environment_url_can_be_cleared_and_its_secret_goes_with_it(admin: Client, company: Company) -> None:
    admin.post(f"{PAGE}save/", fields())
    page = text_of(
        admin.post(f"{PAGE}save/", fields(environment_url="", client_secret=""), follow=True).content.decode()
    )
    assert "no Client Secret is kept" in page
    kept = DataverseConnection.objects.get(company=company)
    assert (kept.environment_url, bytes(kept.client_secret)) == ("", b""), "it is sent to no other place"
    admin.post(f"{PAGE}save/", fields(environment_url="https://fabrikam.crm4.dynamics.com", client_secret=""))
    kept.refresh_from_db()
    assert kept.environment_url == "https://fabrikam.crm4.dynamics.com"


def test_a_page_from_before_the_connection_was_enabled_says_so(admin: Client, connection: DataverseConnection) -> None:
    DataverseConnection.objects.update(enabled=True)
    for address in ("save", "toggle", "enable", "test"):
        page = text_of(admin.post(f"{PAGE}{address}/", fields(tenant_id="")).content.decode())
        assert "Disable the connection?" not in page
    shown = text_of(admin.get(PAGE).content.decode())
    assert "enabled meanwhile, in another window or by somebody else" in shown
    assert DataverseConnection.objects.get().enabled


def test_of_two_windows_that_take_a_step_the_one_that_did_it_counts(ready: DataverseConnection) -> None:
    consent.give(company=ready.company, user=None)
    run = enabling.begin(company=ready.company, user=None, page_url="/", done_url="/")
    other = enabling.current_run(ready.company)
    assert other is not None
    first = enabling.take_next_step(run, user=None)
    assert first is not None
    lost = enabling.StepReport(first.name, first.caption, "failed", "The row was changed meanwhile.")
    assert enabling._settle_race(run, lost, {}).ended, "what the first did is no failure of the second"
    enabling.store_report(run, lost)
    assert enabling._settle_race(run, first, {}).ended
    assert enabling.failed_step(run) is None


def test_the_encryption_question_is_asked_once_for_the_whole_site(ready: DataverseConnection, admin_user: Any) -> None:
    DataverseConnection.objects.update(enabled=True)
    found = questions.pending(state.connection_of(ready.company), admin_user)
    assert found is not None
    assert found.name == "encryption"
    questions.answer(company=ready.company, name="encryption", yes=False, user=admin_user)
    questions.forget_test_answers(company=ready.company)
    other = Company.objects.create(name="Birch Foods", currency_code="EUR")
    DataverseConnection.objects.create(company=other, enabled=True, environment_url="https://127.0.0.1:9")
    for company in (ready.company, other):
        again = questions.pending(state.connection_of(company), admin_user)
        assert again is None or again.name != "encryption"


def test_the_check_that_finds_the_local_currency_missing_offers_to_make_it(
    admin: Client, ready: DataverseConnection, sandbox: Sandbox
) -> None:
    company = ready.company
    company.currency_code = "SEK"
    company.save()
    with pytest.raises(Refusal, match="none for USD"):
        local_currency.create(connection=ready, user=None)
    Currency.objects.create(company=company, code="USD", exchange_rate="0.1")
    page = text_of(admin.post(f"{PAGE}test/", follow=True).content.decode())
    assert "Create Currency SEK in Dataverse" in page
    done = text_of(admin.post(f"{PAGE}create-currency/", follow=True).content.decode())
    assert "The currency SEK is in Dataverse now" in done
    assert "Create Currency SEK in Dataverse" not in done
    (row,) = [one for one in sandbox.rows("transactioncurrencies") if one["isocurrencycode"] == "SEK"]
    assert row["exchangerate"] == 10
    assert "Dataverse has the currency SEK" in local_currency.create(connection=ready, user=None)


def test_with_person_nobody_coupled_is_a_warning(admin: Client, connection: DataverseConnection) -> None:
    DataverseConnection.objects.update(enabled=True, ownership_model="person")
    page = text_of(admin.get(PAGE).content.decode())
    assert "No user is coupled with a salesperson." in page
    assert "Couple Salespeople to Users" in page
    DataverseConnection.objects.update(ownership_model="team")
    assert "No user is coupled with a salesperson." not in text_of(admin.get(PAGE).content.decode())
