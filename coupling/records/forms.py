"""Form of a record, made from the catalog's fields."""

from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.core import signing
from django.core.exceptions import NON_FIELD_ERRORS

from core.refusals import NotUsable
from coupling.records import entry_rules as rules
from coupling.records import look_ups
from masterdata import catalog
from masterdata.catalog import LocalField, LocalTable
from masterdata.forms import STALE, SeenForm
from masterdata.models import ChangedBy, Company
from ui.links import company_url

_SALT = "coupling.records.forms"

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
    """A record's fields: references are looked up, mail addresses and phone numbers checked, where they changed."""

    shown = forms.CharField(widget=forms.HiddenInput, required=False)
    """The values as the person saw them, signed: what another wrote meanwhile is told by them."""

    def __init__(self, *args: Any, table: LocalTable, company: Company, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table, self.company = table, company
        self.found: dict[str, list[look_ups.Found]] = {}
        """What may be meant by a reference that names no record, by field."""
        for name, field in self.fields.items():
            if not isinstance(field, forms.CharField):
                continue
            if name == table.key:
                field.required = True
            own = next((one for one in table.fields if one.name == name), None)
            if own is not None and own.references:
                url = company_url("records:look-up", company, table=own.references, query={"of": name})
                field.widget = look_ups.LookUpInput(url, attrs=field.widget.attrs)
            elif own is not None and (mode := rules.input_mode(own)):
                field.widget.attrs["inputmode"] = mode
        if self.changes:
            self.fields["shown"].initial = signing.dumps(self.plain_initial(), salt=_SALT, compress=True)

    @property
    def names(self) -> list[str]:
        """The record's fields in the form."""
        return [name for name in self.fields if name not in ("seen", "shown")]

    def plain_initial(self) -> dict[str, str]:
        """Return the record's values as texts that can be compared, by field."""
        return {name: rules.plain(self.initial.get(name)) for name in self.names}

    def clean(self) -> dict[str, Any]:
        """Refuse a number that is taken, and a change that would overwrite another made meanwhile."""
        cleaned = super().clean()
        key = cleaned.get(self.table.key)
        taken = self.table.stored(self.company).filter(**{self.table.key: key}).exclude(pk=self.instance.pk)
        if key and taken.exists():
            self.add_error(self.table.key, f"{key} is taken by another record.")
        for field in self.table.fields:
            value = cleaned.get(field.name)
            if isinstance(value, str) and value and rules.plain(self.initial.get(field.name)) != value:
                self._check(field, value)
        try:
            self.table.belongs(self.instance, self.company)
        except NotUsable as error:
            raise forms.ValidationError(error.user_message) from None
        return cleaned

    def _check(self, field: LocalField, value: str) -> None:
        """Check a text that was changed: what is there already may be as another system left it."""
        if problem := rules.problem_of(field, value):
            self.add_error(field.name, problem)
        if not field.references:
            return
        target = catalog.table(field.references)
        if look_ups.exists(self.company, target, value):
            return
        self.found[field.name] = look_ups.find(self.company, target, value, look_ups.MOST_OFFERED)
        self.add_error(field.name, rules.unknown_reference(self.company, target, value, self.found[field.name]))

    def look_up(self, name: str) -> None:
        """Offer what a reference may name, for what is typed so far, and say nothing of the other fields."""
        field = self.table.field(name)
        typed = str(self.data.get(name, "")).strip()
        found = look_ups.find(self.company, catalog.table(field.references), typed, look_ups.MOST_OFFERED)
        self.forget_errors()
        self.found = {name: found}
        self.add_error(name, rules.offered(catalog.table(field.references), typed, found))

    def forget_errors(self) -> None:
        """Say nothing of what is wrong: the person is not done yet."""
        self.errors.clear()
        self.found = {}

    def meanwhile(self, record: Any) -> "Meanwhile | None":
        """Return what another wrote since the person opened the form; None where that is not known, or did not happen.

        record: as it is stored now.
        """
        if not self.has_error(NON_FIELD_ERRORS, STALE):
            return None
        try:
            was: dict[str, str] = signing.loads(str(self.data.get("shown", "")), salt=_SALT)
        except signing.BadSignature:
            return None
        fresh = record_form(self.table, self.company, record=record)
        return Meanwhile.of(self, fresh, was, ChangedBy(record.changed_by))

    def store(self) -> Any:
        """Save what a person entered. Returns the record."""
        return self.save()


@dataclass(frozen=True, slots=True)
class Change:
    """A field that another wrote meanwhile: as the person opened it, as it is now, and what they entered themselves."""

    name: str
    caption: str
    was: str
    now: str
    yours: str

    @property
    def on_both(self) -> bool:
        """Whether the person changed it, too, into something else."""
        return self.yours not in (self.was, self.now)


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """What another wrote since a form was opened, and the form brought up to date: what the person did not touch has
    the new values, the rest is as they typed it.
    """

    changes: list[Change]
    data: dict[str, Any]
    who: ChangedBy

    @classmethod
    def of(cls, form: RecordForm, fresh: RecordForm, was: dict[str, str], who: ChangedBy) -> "Meanwhile":
        """Compare what was sent with the record as it is now. was: the values as the person saw them."""
        now = fresh.plain_initial()
        changes, data = [], dict(form.data.items())
        for name in form.names:
            typed = form.cleaned_data.get(name, form.data.get(name))
            yours = rules.plain(typed)
            if was.get(name, now[name]) == now[name]:
                continue
            changes.append(Change(name, form.table.field(name).caption, was.get(name, ""), now[name], yours))
            if not changes[-1].on_both:
                data.pop(name, None)
                data |= _sent_value(fresh[name])
        for name in ("seen", "shown"):
            data[name] = fresh.fields[name].initial
        return cls(changes, data, who)


def _sent_value(bound: forms.BoundField) -> dict[str, Any]:
    """Return a field's value as its form sends it; nothing for a box that is not ticked."""
    value = bound.value()
    if isinstance(bound.field.widget, forms.CheckboxInput):
        return {bound.name: "on"} if value else {}
    return {bound.name: bound.field.widget.format_value(value) or ""}


def record_form(table: LocalTable, company: Company, *, data: Any = None, record: Any = None) -> RecordForm:
    """Return the form of a record, or of a new one."""
    names = [field.name for field in table.fields if field.editable]
    form_class = cast(type[RecordForm], forms.modelform_factory(table.model, form=RecordForm, fields=names))
    return form_class(data, instance=record, table=table, company=company)
