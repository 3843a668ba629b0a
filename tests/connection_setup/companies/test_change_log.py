"""Change Log: who changed what, enabled, disabled and consented, without a secret."""

import re

from django.test import Client

from connection_setup.connection import settings, state
from connection_setup.models import DataverseConnection
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.connection_setup.conftest import SECRET, fields, signed_in
from tests.connection_setup.provisioning.test_environment import services_currency, values
from tests.connection_setup.setup.test_page import PAGE, text_of
from tests.ui.pages import check


def log(client: Client, address: str = f"{PAGE}change-log/", **query: str) -> str:
    return re.sub(r"\s+", " ", text_of(client.get(address, query).content.decode()))


def test_changes_show_who_before_and_after_and_of_a_secret_only_that_it_changed(
    admin: Client, company: Company
) -> None:
    assert "Nothing was changed yet" in log(admin)
    admin.post(f"{PAGE}save/", fields())
    admin.post(f"{PAGE}save/", fields(client_secret="another~" + SECRET, tenant_id="contoso.com"))
    answer = admin.get(f"{PAGE}change-log/")
    assert check(answer).h1 == "Change Log"
    page = log(admin)
    assert "Tenant ID: 6a1f0a52-9a5e-4a55-8a9e-0f1c5d3f7b10 → contoso.com" in page
    assert "Credential: hidden, changed" in page
    assert "Authentication Type: blank → OAuth 2.0, client secret" in page
    assert "administrator" in page
    assert SECRET not in answer.content.decode()
    stored = bytes(DataverseConnection.objects.get().client_secret).decode()
    assert stored not in answer.content.decode()


def test_consent_enabling_and_disabling_are_logged_and_can_be_filtered(
    admin: Client, company: Company, sandbox: Sandbox
) -> None:
    company.currency_code = services_currency(sandbox)
    company.save()
    settings.save_settings(
        connection=state.connection_of(company), values=values(sandbox), secret=sandbox.client_secret, user=None
    )
    admin.post(f"{PAGE}enable/")
    admin.post(f"{PAGE}enabling/", {"consent": "on"})
    admin.post(f"{PAGE}questions/default-setup/", {"answer": "no"})
    admin.post(f"{PAGE}disable/")
    page = log(admin)
    for words in ("Consented", "Consented By: blank → administrator", "Enabled: No → Yes", "Enabled: Yes → No",
                  "Answered", "The command line"):  # fmt: skip
        assert words in page, words
    only = log(admin, group="enabled")
    assert "Enabled: No → Yes" in only
    assert "Consented By" not in only
    assert "Consented By" in log(admin, group="consent")
    assert "Environment URL: blank" in log(admin, group="settings")
    assert "1,5" not in log(admin, group="nonsense")
    assert "Change Log" in text_of(admin.get(PAGE).content.decode())


def test_the_log_is_per_company_and_its_connection_for_administrators(admin: Client, company: Company) -> None:
    admin.post(f"{PAGE}save/", fields())
    Company.objects.create(name="Other", currency_code="EUR")
    other = admin.get("/c/other/dataverse-connection-setup/change-log/").content.decode()
    assert "contoso" not in other
    viewer = signed_in("Viewer")
    assert viewer.get(f"{PAGE}change-log/").status_code == 200
    assert "contoso" not in log(viewer)
    assert "contoso" not in log(viewer, group="settings", of="connection")
