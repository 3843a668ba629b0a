"""From what is stored here to what Dataverse stores: codes and choices to numbers of choices, codes to rows of lookups.

Choices are found by the option values coupled with records here, then by equal captions; rows of lookups through
couplings. What has no counterpart is a value that no row has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coupling import local_records
from coupling.contact_accounts import CONTACT, PARENT, accounts_of_companies
from coupling.matching import comparable
from coupling.matching.criteria import BadCriteria
from coupling.matching.read_plan import NO_COUNTERPART
from coupling.models import IntegrationTableMapping, OptionMapping
from coupling.rows import Criterion
from dataverse.types import ColumnInfo
from masterdata import catalog
from masterdata.catalog import LocalField

WHAT_NEXT = "Match on other fields."


@dataclass(frozen=True, slots=True)
class Translation:
    """What the local values of a criterion are in Dataverse.

    values: by the local value, folded; lacks: what is said about a value that has no counterpart, {value} in it.
    """

    values: Mapping[str, int | str]
    lacks: str

    def translate(self, values: Sequence[Any]) -> list[Any]:
        """Return the values as Dataverse has them, blanks as blanks."""
        known = self.values
        return [known.get(_folded(value), f"{NO_COUNTERPART}{value}") if _given(value) else "" for value in values]

    def note(self, value: Any) -> str:
        """Return why a value meets no row: "contact CT01 is not coupled"; "" where it may."""
        return self.lacks.format(value=value) if _given(value) and _folded(value) not in self.values else ""


def translation_of(mapping: IntegrationTableMapping, one: Criterion, column: ColumnInfo) -> Translation | None:
    """Return how a criterion's local values are translated; None for values that are compared as they are.

    Raises BadCriteria where the two cannot be compared.
    """
    field = local_records.get_field(mapping, one.local)
    if why := comparable.why_not(field, column):
        raise _refusal(field, why)
    if column.type in comparable.LOOKUPS:
        return _lookup(mapping, field, column)
    if column.type in comparable.CHOICES:
        return _choice(mapping, field, column)
    return None


def _refusal(field: LocalField, why: str) -> BadCriteria:
    return BadCriteria(f"{field.caption} cannot be matched on: {why}", WHAT_NEXT, field=field.name)


def _lookup(mapping: IntegrationTableMapping, field: LocalField, column: ColumnInfo) -> Translation:
    """Return the rows of a lookup by the codes of the records that are coupled to them."""
    table = catalog.table(field.references)
    if (mapping.table, field.name, column.name) == (CONTACT, "company_no", PARENT):
        companies = {_folded(code): row for code, row in accounts_of_companies(mapping.company).items()}
        return Translation(companies, "company {value} is not coupled")
    related = IntegrationTableMapping.objects.filter(
        company=mapping.company, table=field.references, uid_kind="guid", integration_table__in=list(column.binds)
    ).first()
    if related is None:
        raise _refusal(
            field,
            f"{column.label or column.name} points to rows, and {table.caption_plural} have no mapping with their "
            "table, so none of them is coupled.",
        )
    rows = {_folded(code): row for code, row in local_records.read_coupled_rows(related).items()}
    return Translation(rows, f"{_lower(table.caption)} {{value}} is not coupled")


def _choice(mapping: IntegrationTableMapping, field: LocalField, column: ColumnInfo) -> Translation:
    """Return the numbers of choices by what stands for them here."""
    caption = column.label or column.name
    lacks = f"{{value}} is no choice of {caption}"
    by_caption = {_folded(label): number for number, label in column.choices.items()}
    numbers = {str(number): number for number in column.choices}
    if field.type == "choice":
        found = {_folded(key): number for key, number in choice_values(field, column).items()}
        if not found:
            raise _refusal(field, f"none of its choices is called like one of {caption} in Dataverse.")
        return Translation(found, lacks)
    if field.type != "reference":
        return Translation({**numbers, **by_caption}, lacks)
    table = catalog.table(field.references)
    records = list(table.records(mapping.company).values_list("system_id", table.key, table.title))
    coupled = dict(
        OptionMapping.objects.filter(company=mapping.company, mapping__table=table.name).values_list(
            "local_id", "value"
        )
    )
    found = {
        _folded(code): coupled[local_id] for local_id, code, _ in records if coupled.get(local_id) in column.choices
    }
    for _, code, title in records:
        number = by_caption.get(_folded(code), by_caption.get(_folded(title)))
        if number is not None:
            found.setdefault(_folded(code), number)
    if records and not found:
        raise _refusal(
            field,
            f"none of the {_lower(table.caption_plural)} is coupled to a choice of {caption} in Dataverse, or called "
            "like one.",
        )
    return Translation(found, lacks)


def choice_values(field: LocalField, column: ColumnInfo) -> dict[str, int]:
    """Return the choices of a column by the stored values of a local field's choices that are called like them."""
    by_caption = {_folded(label): number for number, label in column.choices.items()}
    own = {key: by_caption.get(_folded(key), by_caption.get(_folded(label))) for key, label in field.choices}
    return {key: number for key, number in own.items() if key and number is not None}


def _given(value: Any) -> bool:
    return value is not None and bool(str(value).strip())


def _folded(value: Any) -> str:
    return " ".join(str(value or "").casefold().split()) if value != 0 else "0"


def _lower(caption: str) -> str:
    """Return a table's caption inside a sentence; one with an abbreviation or a stroke stays as it is."""
    return caption.lower() if caption.replace(" ", "").isalpha() else caption
