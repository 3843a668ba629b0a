"""Record lists and cards in a browser: filters on a column with its look-up, a saved view, both sides on the card."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from masterdata.models import Company, Customer, PaymentTerms

pytestmark = pytest.mark.browser


@pytest.fixture
def company(transactional_db: None) -> Company:
    made = Company.objects.create(name="CRONUS International", currency_code="USD")
    for n in range(60):
        PaymentTerms.objects.create(company=made, code=f"{n}D", description=f"Net {n} days")
        Customer.objects.create(
            company=made, no=f"{10000 + n}", name=f"Alder {n}", city="Rome" if n % 2 else "London",
            payment_terms_code=f"{n % 3}D",
        )  # fmt: skip
    return made


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_a_list_is_filtered_by_a_hidden_column_and_kept_as_a_view(
    contexts: Callable[..., Any], axe: Callable[..., None], company: Company, width: int, scheme: str
) -> None:
    page = contexts(width=width, scheme=scheme).new_page()
    page.goto(f"/c/{company.slug}/records/customer/")
    page.get_by_role("button", name="Filters", exact=True).click()
    page.get_by_label("How Payment Terms Code is compared").select_option("is")
    terms = page.get_by_label("Payment Terms Code", exact=True)
    terms.press_sequentially("2D")
    expect(page.locator("datalist[id$=payment_terms_code] option").first).to_have_attribute("value", "2D")
    axe(page)
    page.get_by_label("Payment Terms Code", exact=True).press("Enter")
    expect(page.get_by_text("20 customers, filtered")).to_be_visible()
    page.get_by_role("link", name="Save as View").click()
    axe(page)
    page.get_by_label("Name").fill("Second")
    page.get_by_role("button", name="Save", exact=True).last.click()
    page.get_by_text("The view Second has been saved.").wait_for()
    page.goto(f"/c/{company.slug}/records/customer/")
    page.get_by_role("button", name="Views", exact=True).click()
    page.get_by_role("link", name="Second", exact=True).click()
    expect(page.get_by_text("20 customers, filtered")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    axe(page)
