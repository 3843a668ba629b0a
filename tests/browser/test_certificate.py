"""The upgrade to a certificate in Chromium, by the document's path: Connection, Use Certificate Authentication."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from connection_setup.connection import state
from connection_setup.enabling import services as enabling_services
from masterdata.models import Company
from sandbox.testing import Sandbox
from tests.browser.conftest import watch
from tests.connection_setup.provisioning.test_environment import values

PAGE = "/c/cronus-international/dataverse-connection-setup/"


@pytest.fixture
def company(transactional_db: None, sandbox: Sandbox) -> Company:
    made = Company.objects.create(name="CRONUS International", currency_code="USD")
    assert enabling_services.enable(company=made, user=None, values=values(sandbox), secret=sandbox.client_secret).ok
    return made


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_a_connection_is_upgraded_to_a_certificate(
    contexts: Callable[..., Any],
    company: Company,
    sandbox: Sandbox,
    axe: Callable[..., None],
    screenshot: Callable[..., None],
    width: int,
    scheme: str,
) -> None:
    page = contexts(width=width, scheme=scheme).new_page()
    wrong = watch(page)
    page.goto(PAGE)
    page.get_by_role("button", name="Connection", exact=True).click()
    page.get_by_role("link", name="Use Certificate Authentication").click()
    page.get_by_role("heading", name="Use Certificate Authentication").wait_for()
    axe(page)
    screenshot(page, "certificate")
    page.get_by_role("button", name="Make a Certificate").last.click()
    page.get_by_role("heading", name="Register it").wait_for()
    axe(page)
    screenshot(page, "pending certificate")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download Certificate").click()
    pem = Path(download.value.path()).read_text()
    page.get_by_role("button", name="Verify and Switch").last.click()
    page.get_by_text("Nothing was changed.").wait_for()
    axe(page)
    sandbox.control("POST", "applications", {"client_id": sandbox.client_id, "certificates": [pem], "secrets": []})
    page.get_by_role("button", name="Verify and Switch").last.click()
    page.get_by_text("The connection signs in with the certificate now").wait_for()
    axe(page)
    assert state.connection_of(company).authentication_type == "certificate"
    assert not wrong, wrong
