"""The rooms beside Dataverse Connection Setup in Chromium: every state of theirs, both widths, light and dark."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.utils import timezone

from connection_setup.connection import settings as connection_settings
from connection_setup.connection import state
from connection_setup.enabling import services as enabling_services
from connection_setup.encryption import services as encryption
from connection_setup.models import DataverseConnection
from connection_setup.secrets.sealing import seal
from core.roles import Role
from masterdata.models import Company
from tests.browser.conftest import SCHEMES, WIDTHS, Site, watch
from tests.connection_setup.provisioning.test_environment import values

ENCRYPTION = "/c/cronus-international/data-encryption-management/"


class Look:
    """Looks at a page at every width, light and dark."""

    def __init__(self, page: Any, axe: Callable[..., None], screenshot: Callable[..., None]) -> None:
        self.page, self.axe, self.screenshot = page, axe, screenshot

    def __call__(self, name: str) -> None:
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            for scheme in SCHEMES:
                self.page.emulate_media(color_scheme=scheme)
                self.screenshot(self.page, name)
                self.axe(self.page)
            assert not self.page.evaluate("document.documentElement.scrollWidth > innerWidth"), (name, width)
        self.page.set_viewport_size({"width": 1440, "height": 900})


@pytest.fixture
def look(page: Any, axe: Callable[..., None], screenshot: Callable[..., None]) -> Look:
    return Look(page, axe, screenshot)


@pytest.fixture
def companies(transactional_db: None) -> list[Company]:
    """Two companies, each with secrets stored."""
    made = [Company.objects.create(name=name, currency_code="EUR") for name in ("CRONUS International", "Northwind")]
    for number, company in enumerate(made):
        DataverseConnection.objects.create(
            company=company, environment_url=f"https://contoso{number}.crm4.dynamics.com", tenant_id="contoso.com",
            client_id="4a6c0d1e-0f0b-4c7e-9b52-1d2f6f0a9b11", client_secret=seal("Qx8~only-a-test-secret"),
            user_password=seal("another secret") if number else b"",
        )  # fmt: skip
    return made


def test_encryption_is_enabled_its_key_kept_changed_and_disabled(
    page: Any, look: Look, companies: list[Company], tmp_path: Any
) -> None:
    page.goto("/c/cronus-international/dataverse-connection-setup/")
    page.get_by_role("button", name="Encryption", exact=True).click()
    page.get_by_role("link", name="Encryption Management").click()
    page.get_by_role("heading", name="Data Encryption Management").wait_for()
    look("encryption not enabled")
    page.get_by_role("link", name="Enable Encryption").first.click()
    page.get_by_role("heading", name="Enable Encryption").wait_for()
    look("enable encryption")
    page.get_by_role("button", name="Enable Encryption").last.click()
    page.get_by_text("Encryption is enabled. 3 secrets were encrypted").wait_for()
    look("encryption enabled")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download Encryption Key").click()
    kept = tmp_path / download.value.suggested_filename
    download.value.save_as(kept)
    page.get_by_role("link", name="Change Encryption Key").click()
    page.get_by_label("Encryption Key").fill("no key")
    page.get_by_role("button", name="Change Encryption Key").last.click()
    page.get_by_text("It does not contain an encryption key.").first.wait_for()
    look("change encryption key, refused")
    page.get_by_label("Encryption Key").fill(Fernet.generate_key().decode())
    page.get_by_role("button", name="Change Encryption Key").last.click()
    page.get_by_text("The encryption key is changed. 3 secrets were encrypted").wait_for()
    page.get_by_text("Unused: Rotate removes it").first.wait_for()
    look("encryption changed")
    page.get_by_role("link", name="Disable Encryption").click()
    page.get_by_role("dialog").get_by_role("button", name="Disable Encryption").click()
    page.get_by_text("Encryption is disabled. 3 secrets were encrypted").wait_for()
    page.get_by_role("link", name="Enable Encryption").first.click()
    page.get_by_label("Key File").set_input_files(kept)  # the copy that was kept
    page.get_by_role("button", name="Enable Encryption").last.click()
    page.get_by_text("Encryption is enabled.").wait_for()
    assert not encryption.read_state().unreadable


def test_keys_of_the_environment_and_lost_secrets(
    page: Any, look: Look, companies: list[Company], settings: Any
) -> None:
    encryption.enable(user=None)
    settings.FIELD_ENCRYPTION_KEY_FILE.unlink()
    page.goto(ENCRYPTION)
    page.get_by_text("The encryption key is missing.").wait_for()
    look("encryption key missing")
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    page.goto(ENCRYPTION)
    page.get_by_text("Change the keys of FIELD_ENCRYPTION_KEYS").first.wait_for()
    look("encryption managed outside")


def test_encryption_works_without_scripts(contexts: Callable[..., Any], companies: list[Company]) -> None:
    page = contexts(role=Role.ADMINISTRATOR, java_script=False).new_page()
    wrong = watch(page)
    page.goto(ENCRYPTION)
    page.get_by_role("link", name="Enable Encryption").first.click()
    page.get_by_role("button", name="Enable Encryption").last.click()
    page.get_by_text("Keep a copy of the new key.").wait_for()
    page.get_by_role("link", name="Disable Encryption").click()
    page.get_by_role("button", name="Disable Encryption").click()
    page.get_by_text("Encryption is disabled.").wait_for()
    assert not wrong


def test_dynamics_365_is_enabled_by_its_switch_and_disabled(
    page: Any, look: Look, transactional_db: None, sandbox: Any
) -> None:
    company = Company.objects.create(name="CRONUS International", currency_code="USD")
    page.goto("/c/cronus-international/dynamics-365-connection-setup/")
    page.get_by_text("The connection to Dataverse is not enabled.").wait_for()
    look("dynamics 365 without dataverse")
    assert enabling_services.enable(company=company, user=None, values=values(sandbox), secret=sandbox.client_secret).ok
    page.goto("/c/cronus-international/dataverse-connection-setup/")
    page.get_by_role("button", name="Integration", exact=True).click()
    page.get_by_role("link", name="Dynamics 365 Connection Setup").click()
    page.get_by_label("Enabled").click(no_wait_after=True)  # it tests the environment, which takes a while
    page.get_by_text("Dynamics 365 is enabled.").wait_for(timeout=30_000)
    page.get_by_text(re.compile(r"^\s*(\d+) of \1\s*$")).wait_for()  # each of its schedules is active
    look("dynamics 365 enabled")
    page.get_by_role("button", name="Mapping", exact=True).click()
    page.get_by_role("link", name="Use Default Synchronization Setup").click()
    page.get_by_role("dialog").get_by_role("button", name="Use Default Synchronization Setup").click()
    page.get_by_text("are reset to their defaults").wait_for()
    page.get_by_label("Enabled").click(no_wait_after=True)
    page.get_by_role("button", name="Disable").last.click()
    page.get_by_text("Its schedules are on hold").wait_for()
    page.keyboard.press("Alt+q")
    page.keyboard.type("Microsoft Dynamics 365")
    page.locator("#tellme-found").get_by_role("link", name="Dynamics 365 Connection Setup").first.wait_for()


def test_the_connections_of_all_companies(page: Any, look: Look, companies: list[Company]) -> None:
    today = timezone.localdate()
    DataverseConnection.objects.filter(company=companies[0]).update(
        enabled=True, organization_name="Contoso", client_secret_expires_on=today + timedelta(days=9),
        checked_at=timezone.now(), checks=[{"name": "A", "state": "ok", "message": "x", "fix": ""}],
    )  # fmt: skip
    DataverseConnection.objects.filter(company=companies[1]).update(
        enabled=True, authentication_type="certificate", certificate_expires_at=timezone.now() + timedelta(days=200)
    )
    for name in ("Adventure Works", "Fabrikam Manufacturing and Distribution of Everything Worldwide"):
        Company.objects.create(name=name, currency_code="EUR")
    page.goto("/c/cronus-international/dataverse-connection-setup/")
    page.get_by_role("button", name="Integration", exact=True).click()
    page.get_by_role("link", name="Dataverse Connections of All Companies").click()
    page.get_by_role("heading", name="Dataverse Connections of All Companies").wait_for()
    look("companies")
    page.get_by_role("link", name="Use Certificate Authentication").click()
    page.get_by_text("Repeat in Each Company").wait_for()
    look("certificate in each company")


def test_registering_an_application_step_by_step(
    page: Any, look: Look, transactional_db: None, sandbox: Any, settings: Any, site: Site
) -> None:
    settings.SITE_URL = site.origin
    company = Company.objects.create(name="CRONUS International", currency_code="USD")
    page.goto("/c/cronus-international/dataverse-connection-setup/")
    page.get_by_role("button", name="Connection", exact=True).click()
    page.get_by_role("link", name="Register an Application").click()
    page.get_by_role("heading", name="Register an Application").wait_for()
    look("registration, nothing set up")
    connection = state.connection_of(company)
    connection_settings.save_settings(
        connection=connection, values=values(sandbox), secret=sandbox.client_secret, user=None
    )
    page.get_by_role("button", name="Check Registration").click()
    page.get_by_text("7 of 8 steps are done").wait_for()
    look("registration, checked")
    page.get_by_role("heading", name="3. API permissions").click()
    page.get_by_text("Financials.ReadWrite.All").wait_for()
    look("registration, a step opened")
