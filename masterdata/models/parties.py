"""People and businesses that the company deals with.

A reference holds the code or number of another record as text, blank for none, as the business system keeps it; a
code may arrive before the record it names.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from masterdata.models.base import SynchronizedRecord
from masterdata.models.terms import one_code_per_company


def one_number_per_company(name: str) -> models.UniqueConstraint:
    """Return the constraint, of that name, that the number identifies a record within its company."""
    return models.UniqueConstraint(
        fields=["company", "no"],
        name=name,
        violation_error_message="The company already has a record with this number.",
    )


class CustomerBlocked(models.TextChoices):
    """Which transactions with the customer are barred."""

    __empty__ = " "

    SHIP = "Ship", "Ship"
    INVOICE = "Invoice", "Invoice"
    ALL = "All", "All"


class VendorBlocked(models.TextChoices):
    """Which transactions with the vendor are barred."""

    __empty__ = " "

    PAYMENT = "Payment", "Payment"
    ALL = "All", "All"


class ContactType(models.TextChoices):
    """Whether the contact is a business or somebody working there."""

    COMPANY = "Company", "Company"
    PERSON = "Person", "Person"


class Salesperson(SynchronizedRecord):
    """A member of staff who sells or purchases."""

    code = models.CharField("Code", max_length=20)
    name = models.CharField("Name", max_length=50, blank=True)
    job_title = models.CharField("Job Title", max_length=30, blank=True)
    e_mail = models.CharField("E-Mail", max_length=80, blank=True)
    e_mail_2 = models.CharField("E-Mail 2", max_length=80, blank=True)
    phone_no = models.CharField("Phone No.", max_length=30, blank=True)
    commission_percent = models.DecimalField("Commission %", max_digits=7, decimal_places=2, default=0)
    blocked = models.BooleanField("Blocked", default=False)

    class Meta(SynchronizedRecord.Meta):
        verbose_name = "Salesperson/Purchaser"
        verbose_name_plural = "Salespeople/Purchasers"
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [one_code_per_company("masterdata_one_salesperson")]

    def __str__(self) -> str:
        return f"{self.code} {self.name}".strip()


class Party(SynchronizedRecord):
    """What customers, vendors and contacts have in common: who they are and how to reach them."""

    no = models.CharField("No.", max_length=20)
    name = models.CharField("Name", max_length=100, blank=True)
    name_2 = models.CharField("Name 2", max_length=50, blank=True)
    search_name = models.CharField("Search Name", max_length=100, blank=True)
    address = models.CharField("Address", max_length=100, blank=True)
    address_2 = models.CharField("Address 2", max_length=50, blank=True)
    post_code = models.CharField("Post Code", max_length=20, blank=True)
    city = models.CharField("City", max_length=30, blank=True)
    county = models.CharField("County", max_length=30, blank=True)
    # Dataverse keeps a country as free text, so a whole name must find room beside codes.
    country_region_code = models.CharField("Country/Region Code", max_length=80, blank=True)
    phone_no = models.CharField("Phone No.", max_length=30, blank=True)
    mobile_phone_no = models.CharField("Mobile Phone No.", max_length=30, blank=True)
    fax_no = models.CharField("Fax No.", max_length=30, blank=True)
    e_mail = models.CharField("E-Mail", max_length=80, blank=True)
    home_page = models.CharField("Home Page", max_length=255, blank=True)
    currency_code = models.CharField(
        "Currency Code", max_length=10, blank=True, help_text="Blank stands for the company's local currency."
    )
    language_code = models.CharField("Language Code", max_length=10, blank=True)
    vat_registration_no = models.CharField("VAT Registration No.", max_length=20, blank=True)

    class Meta(SynchronizedRecord.Meta):
        abstract = True

    def __str__(self) -> str:
        return f"{self.no} {self.name}".strip()


class TradingPartner(Party):
    """What customers and vendors have in common: the terms of trade."""

    contact = models.CharField("Contact", max_length=100, blank=True)
    primary_contact_no = models.CharField("Primary Contact No.", max_length=20, blank=True)
    payment_terms_code = models.CharField("Payment Terms Code", max_length=10, blank=True)
    shipment_method_code = models.CharField("Shipment Method Code", max_length=10, blank=True)
    shipping_agent_code = models.CharField("Shipping Agent Code", max_length=10, blank=True)

    class Meta(Party.Meta):
        abstract = True


class Customer(TradingPartner):
    """Somebody the company sells to."""

    salesperson_code = models.CharField("Salesperson Code", max_length=20, blank=True)
    credit_limit = models.DecimalField("Credit Limit (LCY)", max_digits=15, decimal_places=2, default=0)
    blocked = models.CharField("Blocked", max_length=10, choices=CustomerBlocked, default="", blank=True)

    class Meta(TradingPartner.Meta):
        abstract = False
        verbose_name = "customer"
        verbose_name_plural = "customers"
        ordering: ClassVar = ["no"]
        constraints: ClassVar = [one_number_per_company("masterdata_one_customer")]
        indexes: ClassVar = [
            *SynchronizedRecord.Meta.indexes,
            models.Index(fields=["company", "name", "id"], name="masterdata_customer_name"),
        ]


class Vendor(TradingPartner):
    """Somebody the company buys from."""

    purchaser_code = models.CharField("Purchaser Code", max_length=20, blank=True)
    blocked = models.CharField("Blocked", max_length=10, choices=VendorBlocked, default="", blank=True)

    class Meta(TradingPartner.Meta):
        abstract = False
        verbose_name = "vendor"
        verbose_name_plural = "vendors"
        ordering: ClassVar = ["no"]
        constraints: ClassVar = [one_number_per_company("masterdata_one_vendor")]
        indexes: ClassVar = [
            *SynchronizedRecord.Meta.indexes,
            models.Index(fields=["company", "name", "id"], name="masterdata_vendor_name"),
        ]


class Contact(Party):
    """A business, or a person who works at one."""

    type = models.CharField("Type", max_length=10, choices=ContactType, default=ContactType.PERSON)
    company_no = models.CharField(
        "Company No.", max_length=20, blank=True, help_text="The number of the contact that is the person's business."
    )
    company_name = models.CharField("Company Name", max_length=100, blank=True)
    customer_no = models.CharField(
        "Customer No.", max_length=20, blank=True, help_text="The customer that this business is; blank for persons."
    )
    vendor_no = models.CharField(
        "Vendor No.", max_length=20, blank=True, help_text="The vendor that this business is; blank for persons."
    )
    salutation_code = models.CharField("Salutation Code", max_length=10, blank=True)
    first_name = models.CharField("First Name", max_length=30, blank=True)
    middle_name = models.CharField("Middle Name", max_length=30, blank=True)
    surname = models.CharField("Surname", max_length=30, blank=True)
    job_title = models.CharField("Job Title", max_length=30, blank=True)
    pager = models.CharField("Pager", max_length=30, blank=True)
    salesperson_code = models.CharField("Salesperson Code", max_length=20, blank=True)

    class Meta(Party.Meta):
        abstract = False
        verbose_name = "contact"
        verbose_name_plural = "contacts"
        ordering: ClassVar = ["no"]
        constraints: ClassVar = [one_number_per_company("masterdata_one_contact")]
        indexes: ClassVar = [
            *SynchronizedRecord.Meta.indexes,
            models.Index(fields=["company", "name", "id"], name="masterdata_contact_name"),
            # Which contact a customer or vendor is; few contacts are one.
            models.Index(fields=["company", "customer_no"], condition=~Q(customer_no=""), name="contact_customer"),
            models.Index(fields=["company", "vendor_no"], condition=~Q(vendor_no=""), name="contact_vendor"),
        ]

    derives: ClassVar = ("name",)
    derived_from: ClassVar = ("type", "name", "first_name", "middle_name", "surname")

    @classmethod
    def derived(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return a person's name made of its parts, where there are any."""
        parts = [str(values[name]) for name in ("first_name", "middle_name", "surname") if values.get(name)]
        if not parts or values.get("type", ContactType.PERSON) != ContactType.PERSON:
            return {}
        return {"name": " ".join(parts)}
