"""Searching Dataverse rows as a person does: by name, number, city, e-mail address, phone or id, as $filter text."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from coupling.models import IntegrationTableMapping
from dataverse import odata
from dataverse.types import ColumnInfo
from masterdata.catalog import LocalTable

SEARCHED_BY = "Search by name, number, city, mail or phone"
"""What fields for such a search are called."""
_PLACES_AND_MAILS = ("city", "e_mail", "e_mail_2")
_PHONES = ("phone_no", "mobile_phone_no")
_TELLING = ("city", "phone_no", "e_mail")
"""Local fields whose columns tell rows of one name apart."""
_TEXTS = ("String", "Memo")
_NO_PHONE = re.compile(r"[^\d\s()+./x\-]", re.I)
_FEWEST_DIGITS, _LAST_DIGITS = 5, 7
"""From how many digits on a text may be a phone number, and how many of its last ones are looked for: what stands
before them is written in many ways."""


@dataclass(frozen=True, slots=True)
class SearchColumns:
    """The columns of a table that rows are searched by.

    texts: those that may contain the text; phones: those that hold phone numbers; telling: what is shown beside a
    row's name, the number first.
    """

    primary: str
    texts: tuple[str, ...]
    phones: tuple[str, ...]
    telling: tuple[str, ...]


def search_columns(
    mapping: IntegrationTableMapping, table: LocalTable, infos: Mapping[str, ColumnInfo], primary: str, name: str
) -> SearchColumns:
    """Return the columns that a mapping's rows are searched by: those that key, name, city, mail and phone fields map.

    primary, name: the columns of the row's id and of its name.
    """
    by_field: dict[str, list[str]] = {}
    for field, column in ((one.field, one.integration_field) for one in mapping.fields.all() if one.field):
        if column in infos and infos[column].type in _TEXTS:
            by_field.setdefault(field, []).append(column)

    def columns(fields: Iterable[str]) -> list[str]:
        return [column for field in fields for column in by_field.get(field, ())]

    own = [name] if name in infos and infos[name].type in _TEXTS else []
    texts = [*own, *columns((table.title, table.key, *_PLACES_AND_MAILS))]
    telling = [column for column in columns((table.key, *_TELLING)) if column != name]
    return SearchColumns(
        primary,
        tuple(dict.fromkeys(texts)),
        tuple(dict.fromkeys(columns(_PHONES))),
        tuple(dict.fromkeys(telling)),
    )


def search_filter(text: str, columns: SearchColumns) -> str:
    """Return the $filter text of the rows that a person means by a text; "" for a blank one, which is every row."""
    text = " ".join(text.split())
    if not text:
        return ""
    try:
        return odata.eq(columns.primary, UUID(text))
    except ValueError:
        pass
    literal = odata.literal_pattern(text)
    parts = [odata.contains(column, literal) for column in columns.texts]
    if digits := phone_digits(text):
        # Whatever stands between the digits: % is any number of characters to Dataverse.
        parts += [odata.contains(column, "%".join(digits)) for column in columns.phones]
    # Where no column can have the text in it no row does: without a filter Dataverse would give every row.
    return odata.any_of(*parts) if parts else odata.eq(columns.primary, UUID(int=0))


def phone_hint(text: str) -> str:
    """Return how a text is looked for as a phone number, or why it is not; "" for what is none."""
    digits = sum(one.isdigit() for one in text)
    if not digits or _NO_PHONE.search(text):
        return ""
    if digits < _FEWEST_DIGITS:
        return f"A phone number is looked for from {_FEWEST_DIGITS} digits on."
    return f"Phone numbers are looked for by their last {_LAST_DIGITS} digits, however they are written."


def phone_digits(text: str) -> str:
    """Return the last digits of what may be a phone number; "" for anything else."""
    digits = re.sub(r"\D", "", text)
    if len(digits) < _FEWEST_DIGITS or _NO_PHONE.search(text):
        return ""
    return digits[-_LAST_DIGITS:]
