"""The filters on a table's columns, made from the catalog's fields."""

from masterdata.catalog import LocalField, LocalTable
from masterdata.models import Company
from ui.column_filters import ColumnFilter, Kind
from ui.links import company_url

_KINDS: dict[str, Kind] = {
    "text": "text", "code": "code", "reference": "code", "choice": "choice", "number": "number", "integer": "integer",
    "boolean": "boolean", "date": "date", "datetime": "moment",
}  # fmt: skip
_DECIMALS = 6
"""Decimals of a number whose column does not say how many it has."""


def column_filters(table: LocalTable, company: Company) -> list[ColumnFilter]:
    """Return the filters on all fields of a table, and on when a record was changed last."""
    found = [_filter(table, company, field) for field in table.fields if field.type in _KINDS]
    return [*found, ColumnFilter("modified_at", "Last Modified", "moment")]


def _filter(table: LocalTable, company: Company, field: LocalField) -> ColumnFilter:
    kind = _KINDS[field.type]
    decimals = 0 if field.type == "integer" else _DECIMALS if field.decimals is None else field.decimals
    url = ""
    if field.references:
        url = company_url("records:look-up", company, table=field.references, query={"of": f"{field.name}.text"})
    column = table.model._meta.get_field(field.name)
    return ColumnFilter(
        field.name,
        field.caption,
        kind,
        choices=[(value, label) for value, label in field.choices if value],
        null=bool(column.null),
        decimals=decimals,
        normal=table.normal_key if field.name in table.code_fields else str.strip,
        url=url,
    )
