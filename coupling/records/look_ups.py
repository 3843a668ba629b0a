"""Looking a record up by a part of its code or name, however many there are: what a reference may name."""

from typing import Any, NamedTuple

from django import forms
from django.db.models import Q
from django.utils.html import format_html
from django.utils.safestring import SafeString

from masterdata.catalog import LocalTable
from masterdata.models import Company

MOST_LISTED = 20
"""Records that the list below a field shows at once."""
MOST_OFFERED = 8
"""Records that are offered as buttons."""
MOST_TEXT = 100
LEAST_OF_NAME = 3
"""Letters from which on names are looked through."""


class Found(NamedTuple):
    """A record that was found: its code and its name."""

    key: str
    title: str

    @property
    def label(self) -> str:
        """Both, as people read them."""
        return f"{self.key} {self.title}".strip()


def exists(company: Company, table: LocalTable, key: str) -> bool:
    """Return whether a company has the record of a key."""
    return bool(table.stored(company).filter(**{table.key: table.normal_key(key)}).exists())


def find(company: Company, table: LocalTable, text: str, most: int) -> list[Found]:
    """Return the first records whose code begins with a text, then those whose name contains it.

    The first stretch is read from the index on the code; names are looked through only where that gives too few.
    """
    text = text.replace("\x00", "").strip()[:MOST_TEXT]
    rows, columns = table.stored(company).order_by(table.key), (table.key, table.title)
    if not text:
        return _found(rows.values_list(*columns)[:most])
    key = table.normal_key(text)
    first = _found(
        rows.filter(**{f"{table.key}__startswith": key, f"{table.key}__gte": key}).values_list(*columns)[:most]
    )
    if len(first) == most or len(text) < LEAST_OF_NAME:
        return first
    named = rows.filter(Q(**{f"{table.title}__icontains": text}) | Q(**{f"{table.key}__icontains": text}))
    others = _found(named.values_list(*columns)[: most + len(first)])
    return [*first, *(one for one in others if one not in first)][:most]


def _found(rows: Any) -> list[Found]:
    return [Found(str(key), str(title or "")) for key, title in rows]


class LookUpInput(forms.TextInput):
    """A field for a code, with a list of records below it that follows what is typed; without scripts a plain field.

    url: gives the list's options for a text.
    """

    def __init__(self, url: str, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        self.url = url

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Return the field and its list."""
        own = f"{(attrs or {}).get('id') or f'id_{name}'}-found"
        given = {
            **(attrs or {}), "list": own, "autocomplete": "off", "hx-get": self.url, "hx-target": f"#{own}",
            "hx-trigger": "focus once, input changed delay:200ms", "hx-sync": "this:replace",
        }  # fmt: skip
        field = super().render(name, value, given, renderer)
        return format_html('{}<datalist id="{}"></datalist>', field, own)
