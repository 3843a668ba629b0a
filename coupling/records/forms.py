"""Form of a record, made from the catalog's fields."""

from typing import Any, cast

from django import forms

from core.refusals import NotUsable
from masterdata.catalog import LocalTable
from masterdata.forms import SeenForm
from masterdata.models import Company

GROUPS = (
    ("address", "Address & Contact", (
        "address", "address_2", "post_code", "city", "county", "country_region_code", "phone_no", "mobile_phone_no",
        "fax_no", "pager", "e_mail", "e_mail_2", "home_page", "contact", "primary_contact_no", "company_no",
        "company_name", "language_code",
    )),
    ("trade", "Invoicing & Shipping", (
        "currency_code", "vat_registration_no", "credit_limit", "payment_terms_code", "shipment_method_code",
        "shipping_agent_code", "unit_price", "unit_cost", "inventory", "vendor_no", "vendor_item_no",
    )),
)  # fmt: skip
"""FastTabs of a card by field; whatever is not named here is General."""


def field_groups(table: LocalTable) -> list[tuple[str, str, list[str]]]:
    """Return the FastTabs of a table's card: id, title, field names in the catalog's order; none is empty."""
    placed = {name: tab for tab, _, names in GROUPS for name in names}
    titles = {"general": "General", **{tab: title for tab, title, _ in GROUPS}}
    found: dict[str, list[str]] = {tab: [] for tab in titles}
    for field in table.fields:
        tab = "general" if field.name in {table.key, table.title} else placed.get(field.name, "general")
        found[tab].append(field.name)
    return [(tab, titles[tab], names) for tab, names in found.items() if names]


class RecordForm(SeenForm):
    """A record's fields."""

    def __init__(self, *args: Any, table: LocalTable, company: Company, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table, self.company = table, company
        for name, field in self.fields.items():
            if isinstance(field, forms.CharField) and name == table.key:
                field.required = True

    def clean(self) -> dict[str, Any]:
        """Refuse a number that is taken, and a change that would overwrite another made meanwhile."""
        cleaned = super().clean()
        key = cleaned.get(self.table.key)
        taken = self.table.stored(self.company).filter(**{self.table.key: key}).exclude(pk=self.instance.pk)
        if key and taken.exists():
            self.add_error(self.table.key, f"{key} is taken by another record.")
        try:
            self.table.belongs(self.instance, self.company)
        except NotUsable as error:
            raise forms.ValidationError(error.user_message) from None
        return cleaned

    def store(self) -> Any:
        """Save what a person entered. Returns the record."""
        return self.save()


def record_form(table: LocalTable, company: Company, *, data: Any = None, record: Any = None) -> RecordForm:
    """Return the form of a record, or of a new one."""
    names = [field.name for field in table.fields if field.editable]
    form_class = cast(type[RecordForm], forms.modelform_factory(table.model, form=RecordForm, fields=names))
    return form_class(data, instance=record, table=table, company=company)
