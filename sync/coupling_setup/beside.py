"""Here and in Dataverse: both sides of a coupled record field by field, for the fact box of its card.

The card shows without it, and fetches it afterwards: nothing there waits for Dataverse. Where that does not answer, the
box shows what both sides agreed on at the last synchronization.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from django.http import HttpRequest

from connection_setup.connection.state import connection_for_request
from coupling import live
from coupling.models import Coupling, couplings_of_table
from coupling.rows import field_key
from masterdata.catalog import LocalTable
from masterdata.models import Company
from sync.coupling_setup.comparison import Comparing
from sync.coupling_setup.fields import ComparedField, Result, compare_field
from sync.rules.transfer import unpack
from ui.cells import time_ago
from ui.kit import Action, FactBox
from ui.links import company_url

TITLE = "Here and in Dataverse"


@dataclass(frozen=True, slots=True)
class Beside:
    """What the box shows. note: when it was read, or why it was not; stale: the values are those last agreed on."""

    fields: Sequence[ComparedField]
    note: str
    stale: bool = False
    gone: bool = False

    @property
    def summary(self) -> str:
        """ "11 equal, 1 different."."""
        different = sum(one.result is not Result.EQUAL for one in self.fields)
        equal = len(self.fields) - different
        return f"{equal} equal, {different} different." if self.fields else ""


def record_box(request: HttpRequest, company: Company, table: LocalTable, record: Any) -> FactBox | None:
    """Return the box that fetches the comparison into the card: for ui.registry.record_box. One query."""
    if not connection_for_request(request, company).enabled or _pair_of(company, table, record) is None:
        return None
    context = {"url": beside_url(company, table, record)}
    return FactBox(TITLE, template="sync/coupling_setup/beside_on_card.html", context=context)


def beside_box(company: Company, table: LocalTable, record: Any, *, again: bool = False, asks: bool = True) -> FactBox:
    """Return the box with both sides as they are now.

    again: Dataverse is asked though it did not answer just now; asks: whether the person may have it asked, else the
    box shows what was agreed on last.
    """
    pair = _pair_of(company, table, record)
    if pair is None:
        return FactBox(TITLE, text="The record is not coupled any more.")
    found = read_beside(company, table, record, pair, again=again) if asks else _last_known(table, record, pair, "")
    context = {"beside": found, "again": beside_url(company, table, record, again="1") if asks else ""}
    differs = any(one.result is not Result.EQUAL for one in found.fields) and not found.stale
    action = None
    if differs:
        url = company_url("sync:set-up-coupling", company, table=table.name, system_id=record.system_id)
        action = Action("Field by field", f"{url}?show=different#fields", icon="couple")
    return FactBox(TITLE, template="sync/coupling_setup/beside.html", context=context, action=action)


def read_beside(company: Company, table: LocalTable, record: Any, pair: Coupling, *, again: bool) -> Beside:
    """Return both sides of a pair as they are now; as they were last known, with the reason, where that fails."""
    ids = record.system_id, pair.integration_id
    try:
        found = live.ask(company, lambda gateway: Comparing(pair.mapping, gateway).compare(*ids), again=again)
    except live.NotAnswered as why:
        return _last_known(table, record, pair, str(why))
    if found is None:
        return Beside([], "Dataverse has no such row any more. The next synchronization says what becomes of it.",
                      gone=True)  # fmt: skip
    return Beside(_shown(found.fields), "Read just now.")


def beside_url(company: Company, table: LocalTable, record: Any, **query: str) -> str:
    """Return the address of the comparison, which is a page of its own, too."""
    return company_url("sync:beside", company, query=query, table=table.name, system_id=record.system_id)


def _pair_of(company: Company, table: LocalTable, record: Any) -> Coupling | None:
    pairs = couplings_of_table(company, table.name).filter(local_id=record.system_id, pending=False)
    return pairs.select_related("mapping", "mapping__company", "base").first()


def _last_known(table: LocalTable, record: Any, pair: Coupling, why: str) -> Beside:
    """Return the record beside what both sides agreed on last, by the fields whose values are stored as people read
    them; choices and references are not.
    """
    base = getattr(pair, "base", None)
    known: Mapping[str, Any] = unpack(base.values) if base is not None and base.values else {}
    if not known:
        return Beside([], f"The row cannot be read now. {why}" if why else "Nothing was agreed on yet.", stale=True)
    fields = []
    for mapped in pair.mapping.fields.filter(enabled=True).exclude(field=""):
        named = next((one for one in table.fields if one.name == mapped.field), None)
        key = field_key(mapped.field, mapped.integration_field)
        if named is None or key not in known or named.type not in _READ_AS_STORED:
            continue
        here, there = _text(getattr(record, mapped.field)), _text(known[key])
        fields.append(
            compare_field(named.caption, mapped.integration_field, here, there, equal=_same(here, there, named.type))
        )
    when = time_ago(pair.synchronized_at)
    note = f"What both sides agreed on at the last synchronization, {when}."
    note = f"The row cannot be read now. {why} Below: {note[0].lower()}{note[1:]}" if why else note
    return Beside(_shown(fields), note, stale=True)


_READ_AS_STORED = frozenset({"text", "code", "number", "integer", "boolean", "date"})


def _shown(fields: Sequence[ComparedField]) -> list[ComparedField]:
    """Return the fields in the box: what differs first, without those that are blank on both sides."""
    told = [one for one in fields if one.result is not Result.EQUAL or one.here.whole or one.there.whole]
    return sorted(told, key=lambda one: one.result is Result.EQUAL)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return ("Yes" if value else "No") if isinstance(value, bool) else str(value)


def _same(one: str, other: str, kind: str) -> bool:
    if one.strip() == other.strip():
        return True
    if kind not in ("number", "integer"):
        return False
    try:
        return Decimal(one or "0") == Decimal(other or "0")
    except InvalidOperation:
        return False
