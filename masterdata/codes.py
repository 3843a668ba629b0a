"""Codes stored before they were trimmed and put in capitals: settled when the database is brought up to date.

Where that would give two records the same code, both stay as they are until a person renames or merges one.
"""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from core import bulk
from masterdata import catalog
from masterdata.catalog import LocalTable
from masterdata.models import Company, normal_code

MAX_LISTED = 20
"""Clashes of one table that are listed one by one."""
TITLE = "Records whose codes differ by case or blanks alone"
FIX = "Rename one of each, or move what belongs to it to the other. Until then they count as different records."

_Clashes = dict[tuple[str, int], set[str]]
"""(table, company) -> the codes, as stored, of records that cannot be settled."""


def settle() -> list[str]:
    """Put stored codes into their normal form; return a sentence for each that would then be there twice.

    When a record was changed is not touched: nothing is sent to Dataverse for it.
    """
    tables = [table for table in catalog.tables() if table.code_fields and table.columns is None]
    clashes: _Clashes = {}
    sentences = [sentence for table in tables for sentence in _settle_keys(table, clashes)]
    for table in tables:
        for name in sorted(table.code_fields - {table.key}):
            _settle_references(table, name, clashes)
    return sentences


def _settle_keys(table: LocalTable, clashes: _Clashes) -> Iterator[str]:
    if table.key not in table.code_fields:
        return
    records = table.model._default_manager.order_by()
    odd: dict[tuple[int, str], list[tuple[int, str]]] = defaultdict(list)
    for pk, company_id, key in records.values_list("pk", "company_id", table.key).iterator(chunk_size=5000):
        if key != normal_code(key):
            odd[company_id, normal_code(key)].append((pk, key))
    renamed: list[tuple[int, str]] = []
    described: list[str] = []
    for (company_id, code), found in sorted(odd.items()):
        others = records.filter(company_id=company_id, **{table.key: code})
        if len(found) == 1 and not others.exists():
            renamed.append((found[0][0], code))
            continue
        clashes.setdefault((table.name, company_id), set()).update(key for _, key in found)
        described.append(
            _sentence(table, company_id, [pk for pk, _ in found] + list(others.values_list("pk", flat=True)))
        )
    for start in range(0, len(renamed), bulk.MAX_ROWS):
        bulk.update(table.model, "id", (table.key,), renamed[start : start + bulk.MAX_ROWS])
    yield from described[:MAX_LISTED]
    if (more := len(described) - MAX_LISTED) > 0:
        yield f"{table.caption_plural}: {more:,} more."


def _sentence(table: LocalTable, company_id: int, pks: list[int]) -> str:
    rows = table.model._default_manager.filter(pk__in=pks).order_by("pk").values_list(table.key, table.title)
    names = " and ".join(f"{key} {title}".strip() for key, title in rows)
    return f"{table.caption_plural} of {Company.objects.get(pk=company_id)}: {names}."


def _settle_references(table: LocalTable, name: str, clashes: _Clashes) -> None:
    """Put the codes in a reference into their normal form, but for those of records that keep theirs."""
    records: Any = table.model._default_manager.order_by()
    for company_id, code in records.values_list("company_id", name).distinct():
        wanted = normal_code(code)
        if code == wanted or code in clashes.get((table.references[name], company_id), ()):
            continue
        records.filter(company_id=company_id, **{name: code}).update(**{name: wanted})
