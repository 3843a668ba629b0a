"""Prices that groups of customers pay, and what may be sold to whom."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from masterdata.models.base import SynchronizedRecord
from masterdata.models.parties import one_number_per_company
from masterdata.models.terms import one_code_per_company
from masterdata.models.units import source_key


class CustomerPriceGroup(SynchronizedRecord):
    """Customers who pay the same prices."""

    code = models.CharField("Code", max_length=10)
    description = models.CharField("Description", max_length=100, blank=True)

    class Meta(SynchronizedRecord.Meta):
        verbose_name = "Customer Price Group"
        verbose_name_plural = "Customer Price Groups"
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [one_code_per_company("masterdata_one_customer_price_group")]

    def __str__(self) -> str:
        return self.code


class SalesType(models.TextChoices):
    """Whom a price is for; the code beside it says which one."""

    CUSTOMER = "Customer", "Customer"
    CUSTOMER_PRICE_GROUP = "Customer Price Group", "Customer Price Group"
    ALL_CUSTOMERS = "All Customers", "All Customers"
    CAMPAIGN = "Campaign", "Campaign"


class Price(SynchronizedRecord):
    """What something costs, from a quantity and a day on; whose and of what say the tables of prices themselves."""

    trailing: ClassVar = ("minimum_quantity", "currency_code", "unit_price", "starting_date", "ending_date")

    minimum_quantity = models.DecimalField("Minimum Quantity", max_digits=15, decimal_places=5, default=0)
    currency_code = models.CharField(
        "Currency Code", max_length=10, blank=True, help_text="Blank stands for the company's local currency."
    )
    unit_price = models.DecimalField("Unit Price", max_digits=15, decimal_places=5, default=0)
    starting_date = models.DateField("Starting Date", null=True, blank=True)
    ending_date = models.DateField("Ending Date", null=True, blank=True)

    class Meta(SynchronizedRecord.Meta):
        abstract = True


class SalesPrice(Price):
    """What an item costs somebody, from a quantity and a day on."""

    no = models.CharField("No.", max_length=20)
    sales_type = models.CharField(
        "Sales Type", max_length=20, choices=SalesType, default=SalesType.CUSTOMER_PRICE_GROUP
    )
    sales_code = models.CharField("Sales Code", max_length=20, blank=True)
    item_no = models.CharField("Item No.", max_length=20)
    unit_of_measure_code = models.CharField(
        "Unit of Measure Code", max_length=10, blank=True, help_text="Blank stands for the item's base unit."
    )

    class Meta(Price.Meta):
        abstract = False
        verbose_name = "Sales Price"
        verbose_name_plural = "Sales Prices"
        ordering: ClassVar = ["no"]
        constraints: ClassVar = [one_number_per_company("masterdata_one_sales_price")]
        indexes: ClassVar = [
            *SynchronizedRecord.Meta.indexes,
            models.Index(fields=["company", "sales_code", "id"], name="masterdata_sales_price_code"),
        ]

    def __str__(self) -> str:
        return f"{self.no} {self.item_no}".strip()


class PriceType(models.TextChoices):
    """Whether somebody sells or buys at these prices."""

    SALE = "Sale", "Sale"
    PURCHASE = "Purchase", "Purchase"


class AmountType(models.TextChoices):
    """What a price list says: prices, discounts, or both."""

    ANY = "Price & Discount", "Price & Discount"
    PRICE = "Price", "Price"
    DISCOUNT = "Discount", "Discount"


class PriceStatus(models.TextChoices):
    """Whether a price list counts."""

    DRAFT = "Draft", "Draft"
    ACTIVE = "Active", "Active"
    INACTIVE = "Inactive", "Inactive"


class AssetType(models.TextChoices):
    """What a line of a price list prices."""

    ITEM = "Item", "Item"
    RESOURCE = "Resource", "Resource"
    ITEM_DISCOUNT_GROUP = "Item Discount Group", "Item Discount Group"
    SERVICE_COST = "Service Cost", "Service Cost"
    GL_ACCOUNT = "G/L Account", "G/L Account"


class PriceListHeader(SynchronizedRecord):
    """A price list, in one currency, while it counts."""

    code = models.CharField("Code", max_length=20)
    description = models.CharField("Description", max_length=250, blank=True)
    price_type = models.CharField("Price Type", max_length=10, choices=PriceType, default=PriceType.SALE)
    amount_type = models.CharField("Amount Type", max_length=20, choices=AmountType, default=AmountType.PRICE)
    currency_code = models.CharField(
        "Currency Code", max_length=10, blank=True, help_text="Blank stands for the company's local currency."
    )
    starting_date = models.DateField("Starting Date", null=True, blank=True)
    ending_date = models.DateField("Ending Date", null=True, blank=True)
    status = models.CharField("Status", max_length=10, choices=PriceStatus, default=PriceStatus.DRAFT)
    allow_updating_defaults = models.BooleanField("Allow Updating Defaults", default=False)
    inactive = models.BooleanField("Inactive", default=True, editable=False)

    derives: ClassVar = ("inactive",)
    derived_from: ClassVar = ("status",)

    class Meta(SynchronizedRecord.Meta):
        verbose_name = "Price List"
        verbose_name_plural = "Price Lists"
        ordering: ClassVar = ["code"]
        constraints: ClassVar = [one_code_per_company("masterdata_one_price_list")]

    def __str__(self) -> str:
        return self.code

    @classmethod
    def derived(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return whether the list does not count: it does while its status is Active."""
        return {"inactive": values.get("status") != PriceStatus.ACTIVE}


class PriceListLine(Price):
    """What something costs by a price list; `asset_key` says what it is of in one word."""

    no = models.CharField("No.", max_length=20)
    price_list_code = models.CharField("Price List Code", max_length=20, blank=True)
    price_type = models.CharField("Price Type", max_length=10, choices=PriceType, default=PriceType.SALE)
    amount_type = models.CharField("Amount Type", max_length=20, choices=AmountType, default=AmountType.PRICE)
    asset_type = models.CharField("Asset Type", max_length=20, choices=AssetType, default=AssetType.ITEM)
    asset_no = models.CharField("Asset No.", max_length=20)
    asset_key = models.CharField("Asset", max_length=41, editable=False)
    unit_of_measure_code = models.CharField(
        "Unit of Measure Code", max_length=10, blank=True, help_text="Blank stands for the base unit."
    )

    derives: ClassVar = ("asset_key",)
    derived_from: ClassVar = ("asset_type", "asset_no")

    class Meta(Price.Meta):
        abstract = False
        verbose_name = "Price List Line"
        verbose_name_plural = "Price List Lines"
        ordering: ClassVar = ["no"]
        constraints: ClassVar = [one_number_per_company("masterdata_one_price_list_line")]
        indexes: ClassVar = [
            *SynchronizedRecord.Meta.indexes,
            models.Index(fields=["company", "price_list_code", "id"], name="masterdata_price_line_list"),
        ]

    def __str__(self) -> str:
        return f"{self.no} {self.asset_no}".strip()

    @classmethod
    def derived(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the line prices, such as ITEM 1000."""
        return {"asset_key": source_key(str(values.get("asset_type") or "").upper(), values.get("asset_no"))}


class OpportunityStatus(models.TextChoices):
    """How far a sale has come."""

    NOT_STARTED = "Not Started", "Not Started"
    IN_PROGRESS = "In Progress", "In Progress"
    WON = "Won", "Won"
    LOST = "Lost", "Lost"


class Opportunity(SynchronizedRecord):
    """Something that may be sold to somebody."""

    no = models.CharField("No.", max_length=20)
    description = models.CharField("Description", max_length=100, blank=True)
    status = models.CharField("Status", max_length=20, choices=OpportunityStatus, default=OpportunityStatus.NOT_STARTED)
    contact_no = models.CharField("Contact No.", max_length=20, blank=True)
    contact_company_no = models.CharField(
        "Contact Company No.", max_length=20, blank=True, help_text="The contact that is the person's business."
    )
    salesperson_code = models.CharField("Salesperson Code", max_length=20, blank=True)
    estimated_value = models.DecimalField("Estimated Value (LCY)", max_digits=15, decimal_places=2, default=0)
    estimated_closing_date = models.DateField("Estimated Closing Date", null=True, blank=True)
    probability_percent = models.PositiveSmallIntegerField(
        "Probability %", default=0, validators=[MinValueValidator(0), MaxValueValidator(100)]
    )
    calcd_current_value = models.DecimalField("Calcd. Current Value (LCY)", max_digits=15, decimal_places=2, default=0)
    date_closed = models.DateField("Date Closed", null=True, blank=True)

    class Meta(SynchronizedRecord.Meta):
        verbose_name = "opportunity"
        verbose_name_plural = "opportunities"
        ordering: ClassVar = ["no"]
        constraints: ClassVar = [one_number_per_company("masterdata_one_opportunity")]

    def __str__(self) -> str:
        return f"{self.no} {self.description}".strip()
