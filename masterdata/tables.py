"""The tables of the local business system, as the catalog knows them."""

from functools import partial

from masterdata import catalog, models

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
        references={"company_no": "contact", "salesperson_code": "salesperson", "currency_code": "currency"},
        default_columns=("no", "name", "company_name", "job_title", "phone_no", "e_mail"),
    )
    register(
        models.Item,
        key="no",
        title="description",
        references={"base_unit_of_measure": "unit_of_measure", "vendor_no": "vendor"},
        default_columns=("no", "description", "type", "base_unit_of_measure", "inventory", "unit_cost", "unit_price"),
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
