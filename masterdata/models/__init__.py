"""The local business system: companies and the records that are synchronized."""

from masterdata.models.articles import Item, Resource, UnitOfMeasure
from masterdata.models.base import ChangedBy, Company, SynchronizedRecord, normal_code
from masterdata.models.identities import RecordIdentity
from masterdata.models.parties import Contact, Customer, Salesperson, Vendor
from masterdata.models.record_templates import RecordTemplate
from masterdata.models.sales import CustomerPriceGroup, Opportunity, PriceListHeader, PriceListLine, SalesPrice
from masterdata.models.terms import Currency, PaymentTerms, ShipmentMethod, ShippingAgent
from masterdata.models.units import ItemUnitOfMeasure, ResourceUnitOfMeasure, UnitGroup

__all__ = [
    "ChangedBy",
    "Company",
    "Contact",
    "Currency",
    "Customer",
    "CustomerPriceGroup",
    "Item",
    "ItemUnitOfMeasure",
    "Opportunity",
    "PaymentTerms",
    "PriceListHeader",
    "PriceListLine",
    "RecordIdentity",
    "RecordTemplate",
    "Resource",
    "ResourceUnitOfMeasure",
    "SalesPrice",
    "Salesperson",
    "ShipmentMethod",
    "ShippingAgent",
    "SynchronizedRecord",
    "UnitGroup",
    "UnitOfMeasure",
    "Vendor",
    "normal_code",
]
