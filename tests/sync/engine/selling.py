"""The company of the tests of Dynamics 365 Sales."""

from datetime import date
from decimal import Decimal

from connection_setup.dynamics365 import services as dynamics
from masterdata.models import (
    Company,
    Contact,
    Currency,
    Customer,
    CustomerPriceGroup,
    Item,
    Opportunity,
    Resource,
    SalesPrice,
    UnitOfMeasure,
    Vendor,
)
from sandbox.testing import Sandbox
from tests.sync.conftest import connect


def sell(company: Company, remote: Sandbox) -> None:
    """Connect a company that sells an item and a resource at prices of two groups, and enable Sales."""
    connect(company, remote)
    UnitOfMeasure.objects.create(company=company, code="PCS")
    UnitOfMeasure.objects.create(company=company, code="HOUR")
    Vendor.objects.create(company=company, no="40000", name="Wheels Ltd.")
    Item.objects.create(
        company=company, no="1000", description="Bicycle", base_unit_of_measure="PCS", unit_price=Decimal("900"),
        vendor_no="40000",
    )  # fmt: skip
    Resource.objects.create(
        company=company, no="R10", name="Assembly", base_unit_of_measure="HOUR", unit_price=Decimal("54"),
        unit_cost=Decimal("30"), capacity=Decimal("40"),
    )  # fmt: skip
    Currency.objects.create(company=company, code="EUR", description="Euro", exchange_rate=Decimal("0.9"))
    for code, currency, price in (("RETAIL", "", "880"), ("EUROPE", "EUR", "800")):
        CustomerPriceGroup.objects.create(company=company, code=code)
        SalesPrice.objects.create(
            company=company, no=f"P-{code}", sales_code=code, item_no="1000", currency_code=currency,
            unit_price=Decimal(price),
        )  # fmt: skip
    Customer.objects.create(company=company, no="10000", name="Adatum")
    Contact.objects.create(
        company=company, no="CT1", name="Adatum", type="Company", company_no="CT1", customer_no="10000"
    )
    Contact.objects.create(company=company, no="CT2", type="Person", surname="Lee", company_no="CT1")
    Opportunity.objects.create(
        company=company, no="OP1", description="Ten bicycles", contact_no="CT2", contact_company_no="CT1",
        estimated_value=Decimal("9000"), estimated_closing_date=date(2031, 5, 4), status="In Progress",
    )  # fmt: skip
    report = dynamics.enable(company=company, user=None)
    assert report.ok, report.document()
