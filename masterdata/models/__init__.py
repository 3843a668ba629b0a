"""The local business system: companies and the records that are synchronized."""

from masterdata.models.articles import Item, UnitOfMeasure
from masterdata.models.base import ChangedBy, Company, SynchronizedRecord, normal_code
from masterdata.models.parties import Contact, Customer, Salesperson, Vendor
from masterdata.models.terms import Currency, PaymentTerms, ShipmentMethod, ShippingAgent

__all__ = [
    "ChangedBy",
    "Company",
    "Contact",
    "Currency",
    "Customer",
    "Item",
    "PaymentTerms",
    "Salesperson",
    "ShipmentMethod",
    "ShippingAgent",
    "SynchronizedRecord",
    "UnitOfMeasure",
    "Vendor",
    "normal_code",
]
