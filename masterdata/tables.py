"""The tables of the local business system, as the catalog knows them."""

from functools import partial
from typing import Any

from django.db import connections

from masterdata import catalog, models, unit_groups

register = partial(catalog.register, upper_case_codes=True)

_TRADE = {
    "currency_code": "currency",
    "payment_terms_code": "payment_terms",
    "shipment_method_code": "shipment_method",
    "shipping_agent_code": "shipping_agent",
    "primary_contact_no": "contact",
}


def register_all() -> None:
    """Register them, in the order menus and command help show them."""
    register(
        models.Customer,
        key="no",
        title="name",
        references={**_TRADE, "salesperson_code": "salesperson"},
        default_columns=("no", "name", "city", "country_region_code", "phone_no", "e_mail", "salesperson_code"),
    )
    register(
        models.Vendor,
        key="no",
        title="name",
        references={**_TRADE, "purchaser_code": "salesperson"},
        default_columns=("no", "name", "city", "country_region_code", "phone_no", "e_mail", "purchaser_code"),
    )
    register(
        models.Contact,
        key="no",
        title="name",
        references={
            "company_no": "contact",
            "customer_no": "customer",
            "vendor_no": "vendor",
            "salesperson_code": "salesperson",
            "currency_code": "currency",
        },
        default_columns=("no", "name", "company_name", "job_title", "phone_no", "e_mail"),
    )
    register(
        models.Item,
        key="no",
        title="description",
        references={
            "base_unit_of_measure": "unit_of_measure",
            "base_unit_key": "item_unit_of_measure",
            "vendor_no": "vendor",
        },
        default_columns=("no", "description", "type", "base_unit_of_measure", "inventory", "unit_cost", "unit_price"),
    )
    register(
        models.Resource,
        key="no",
        title="name",
        references={
            "base_unit_of_measure": "unit_of_measure",
            "base_unit_key": "resource_unit_of_measure",
            "vendor_no": "vendor",
        },
        default_columns=("no", "name", "type", "base_unit_of_measure", "unit_cost", "unit_price"),
    )
    register(
        models.CustomerPriceGroup,
        key="code",
        title="description",
        name="customer_price_group",
    )
    register(
        models.SalesPrice,
        key="no",
        title="item_no",
        name="sales_price",
        references={
            "sales_code": "customer_price_group",
            "item_no": "item",
            "unit_of_measure_code": "unit_of_measure",
            "currency_code": "currency",
        },
        default_columns=("no", "sales_type", "sales_code", "item_no", "currency_code", "unit_price"),
    )
    register(
        models.PriceListHeader,
        key="code",
        title="description",
        name="price_list_header",
        references={"currency_code": "currency"},
        default_columns=("code", "description", "status", "currency_code", "starting_date", "ending_date"),
    )
    register(
        models.PriceListLine,
        key="no",
        title="asset_no",
        name="price_list_line",
        references={
            "price_list_code": "price_list_header",
            "unit_of_measure_code": "unit_of_measure",
            "currency_code": "currency",
        },
        default_columns=("no", "price_list_code", "asset_type", "asset_no", "currency_code", "unit_price"),
    )
    register(
        models.Opportunity,
        key="no",
        title="description",
        references={"contact_no": "contact", "contact_company_no": "contact", "salesperson_code": "salesperson"},
        default_columns=("no", "description", "status", "contact_no", "salesperson_code", "estimated_value"),
    )
    register(
        models.Salesperson,
        key="code",
        title="name",
        default_columns=("code", "name", "job_title", "e_mail", "phone_no"),
    )
    register(
        models.Currency,
        key="code",
        title="description",
        default_columns=("code", "description", "symbol", "exchange_rate"),
    )
    register(
        models.PaymentTerms,
        key="code",
        title="description",
        name="payment_terms",
        default_columns=("code", "description", "due_date_calculation", "discount_percent"),
    )
    register(models.ShipmentMethod, key="code", title="description", name="shipment_method")
    register(
        models.ShippingAgent,
        key="code",
        title="name",
        name="shipping_agent",
        default_columns=("code", "name", "internet_address"),
    )
    register(
        models.UnitOfMeasure,
        key="code",
        title="description",
        name="unit_of_measure",
        default_columns=("code", "description", "international_standard_code"),
    )
    register(
        models.UnitGroup,
        key="code",
        title="source_no",
        name="unit_group",
        references={"base_unit_of_measure": "unit_of_measure"},
        default_columns=("code", "source_type", "source_no", "base_unit_of_measure"),
        prepare=unit_groups.add_missing,
    )
    for model, name, source, field in (
        (models.ItemUnitOfMeasure, "item_unit_of_measure", "item", "item_no"),
        (models.ResourceUnitOfMeasure, "resource_unit_of_measure", "resource", "resource_no"),
    ):
        register(
            model,
            key="key",
            title="code",
            name=name,
            references={field: source, "code": "unit_of_measure", "unit_group_code": "unit_group"},
            default_columns=("key", field, "code", "qty_per_unit_of_measure"),
            prepare=unit_groups.add_missing,
        )


def give_ids(using: str, **_: Any) -> None:
    """Give ids to what tables without a column for them hold already, where these tables are there.

    A receiver of post_migrate.
    """
    there = set(connections[using].introspection.table_names())
    for table in catalog.tables():
        if table.columns is not None and table.model._meta.db_table in there:
            table.give_ids()
