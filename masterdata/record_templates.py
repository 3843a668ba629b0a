"""Verbs of templates for new records: store one, read its values, list those of a table."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from core.refusals import NotUsable
from masterdata import catalog
from masterdata.catalog import LocalField, LocalTable
from masterdata.files.values import BadValue, converter
from masterdata.models import Company, RecordTemplate, normal_code

_LONGEST_CODE = 20


def fields_of(table: LocalTable) -> list[LocalField]:
    """Return the fields that a template may fill: all that a person may, but the key, which each record has its own."""
    return [field for field in table.fields if field.editable and field.name not in (table.key, *table.derives)]


def codes_for(company_id: int, table: str) -> dict[str, str]:
    """Return a company's templates of a table: code -> description."""
    return dict(RecordTemplate.objects.filter(company=company_id, table=table).values_list("code", "description"))


def values_of(template: RecordTemplate) -> dict[str, Any]:
    """Return what new records begin with, by field. Raises NotUsable for a value that its field cannot hold."""
    return _read(catalog.table(template.table), template.values)


def _read(table: LocalTable, given: Mapping[str, str]) -> dict[str, Any]:
    known = {field.name: field for field in fields_of(table)}
    found: dict[str, Any] = {}
    for name, text in given.items():
        if name not in known:
            raise NotUsable(
                f"{table.caption} has no field {name!r} that a template can fill.",
                f"It can fill {', '.join(known)}.", field=name,
            )  # fmt: skip
        try:
            found[name] = converter(table, known[name])(text)
        except BadValue as error:
            raise NotUsable(f"{known[name].caption}: {error.message}", error.fix, field=name) from None
    return found


def _read_first_no(table: LocalTable, given: str) -> str:
    """Return the first number of a series as it is stored. Raises NotUsable for one that nothing can follow."""
    first, key = normal_code(given), table.field(table.key)
    longest = min(_LONGEST_CODE, key.max_length or _LONGEST_CODE)
    if first and (not (first[-1].isascii() and first[-1].isdigit()) or len(first) > longest):
        raise NotUsable(
            f"{first} cannot be the first of a series of numbers: it has to end with a digit, and {key.caption} of "
            f"{table.caption} holds {longest} characters.",
            "Enter one such as SHOP-00001, or leave it blank for the table's own series.",
            field="first_no",
        )
    return first


@transaction.atomic
def save_template(
    *,
    company: Company,
    code: str,
    table: str,
    description: str = "",
    values: Mapping[str, str] | None = None,
    first_no: str = "",
    new: bool = False,
) -> RecordTemplate:
    """Store a template, a new one or in place of the one of that code. Blank values are left out.

    new: there may be none of that code yet. Raises NotUsable, whose `field` is what it is about; LookupError for a
    table that is not there.
    """
    code = normal_code(code)
    if not code or len(code) > _LONGEST_CODE:
        raise NotUsable("A template needs a code of at most 20 characters.", "Enter one.", field="code")
    known = RecordTemplate.objects.filter(company=company, code=code).first()
    if known is not None and new:
        raise NotUsable("There is a template of that code already.", "Choose another code.", field="code")
    found = known or RecordTemplate(company=company, code=code, table=table)
    if found.table != table:
        raise NotUsable(
            f"{code} is a template of another table.", "Choose another code, or delete that template.", field="code"
        )
    kept = {name: text.strip() for name, text in (values or {}).items() if text.strip()}
    _read(catalog.table(table), kept)
    found.description, found.values = description.strip()[:100], kept
    found.first_no = _read_first_no(catalog.table(table), first_no)
    found.save()
    return found
