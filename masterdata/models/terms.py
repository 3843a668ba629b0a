"""The small tables that the others refer to by code."""

from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models

from masterdata.models.base import SynchronizedRecord


def one_code_per_company(name: str) -> models.UniqueConstraint:
    """Return the constraint, of that name, that the code identifies a record within its company."""
    return models.UniqueConstraint(
        fields=["company", "code"],
        name=name,
        violation_error_message="The company already has a record with this code.",
    )


class Currency(SynchronizedRecord):
    """A currency other than the local one, which has no record."""

    code = models.CharField("Code", max_length=10)
    description = models.CharField("Description", max_length=60, blank=True)
    symbol = models.CharField("Symbol", max_length=10, blank=True)
    exchange_rate = models.DecimalField(
        "Exchange Rate",
        max_digits=15,
        decimal_places=6,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="How many units of this currency one unit of the local currency buys.",
    )

    class Meta(SynchronizedRecord.Meta):
        verbose_name = "currency"
        verbose_name_plural = "currencies"
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [one_code_per_company("masterdata_one_currency")]

    def __str__(self) -> str:
        return self.code


class PaymentTerms(SynchronizedRecord):
    """When an invoice is due."""

    code = models.CharField("Code", max_length=10)
    description = models.CharField("Description", max_length=100, blank=True)
    due_date_calculation = models.CharField(
        "Due Date Calculation",
        max_length=32,
        blank=True,
        help_text="A period after the document date, such as 30D or 1M.",
    )
    discount_date_calculation = models.CharField("Discount Date Calculation", max_length=32, blank=True)
    discount_percent = models.DecimalField("Discount %", max_digits=7, decimal_places=4, default=0)

    class Meta(SynchronizedRecord.Meta):
        verbose_name = "Payment Terms"
        verbose_name_plural = "Payment Terms"
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [one_code_per_company("masterdata_one_payment_terms")]

    def __str__(self) -> str:
        return self.code


class ShipmentMethod(SynchronizedRecord):
    """On what terms goods are delivered."""

    code = models.CharField("Code", max_length=10)
    description = models.CharField("Description", max_length=100, blank=True)

    class Meta(SynchronizedRecord.Meta):
        verbose_name = "Shipment Method"
        verbose_name_plural = "Shipment Methods"
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [one_code_per_company("masterdata_one_shipment_method")]

    def __str__(self) -> str:
        return self.code


class ShippingAgent(SynchronizedRecord):
    """Who carries the goods."""

    code = models.CharField("Code", max_length=10)
    name = models.CharField("Name", max_length=50, blank=True)
    internet_address = models.CharField("Internet Address", max_length=250, blank=True)
    account_no = models.CharField("Account No.", max_length=30, blank=True)

    class Meta(SynchronizedRecord.Meta):
        verbose_name = "Shipping Agent"
        verbose_name_plural = "Shipping Agents"
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [one_code_per_company("masterdata_one_shipping_agent")]

    def __str__(self) -> str:
        return self.code
