"""Pairs with conflicts as their page shows them: each field with its three values, who and when, and the choice."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from django.core import signing
from django.utils import timezone

from connection_setup.connection.state import connection_of
from connection_setup.models import DataverseConnection
from connection_setup.setup.menus import row_url
from coupling.models import CouplingBase
from masterdata import catalog
from masterdata.models import Company
from sync.conflicts.coupling_rows import CouplingCells
from sync.engine.conflicts_standing import Standing, StandingField, read_conflict
from sync.local_columns import local_column
from sync.rules.resolving import Take
from sync.rules.values import LocalColumn, Side
from ui.cells import time_ago
from ui.kit import Status
from ui.links import company_url

_SALT = "sync.conflicts"
NOTHING, READY = "nothing", "ready"
"""Parts of the list: pairs of which no field is chosen, and those of which every one is."""
SEEN, CHOICE, TYPED = "seen-", "choice-", "typed-"
"""Begin the names of what the page's form sends for a pair, or a field of it."""


@dataclass(frozen=True, slots=True)
class Option:
    """One of the three values of a field."""

    take: str
    label: str
    value: str
    told: str
    newer: bool = False
    checked: bool = False


@dataclass(frozen=True, slots=True)
class FieldLine:
    """A field that conflicts: what it is called in the form, its values, and what a person may type instead."""

    key: str
    caption: str
    options: Sequence[Option]
    kind: str
    """How another value is given: text, date, or select."""
    choices: Sequence[tuple[str, str]] = ()
    max_length: int | None = None
    typed: str = ""
    typing: bool = False
    error: str = ""

    @property
    def taken(self) -> str:
        """What is chosen: a word of Take; "" for nothing yet."""
        checked = next((one.take for one in self.options if one.checked), "")
        return checked or (Take.VALUE.value if self.typing or self.typed.strip() else "")

    @property
    def result(self) -> str:
        """What comes of the choice, in words; "" without one."""
        taken = self.taken
        shown = next((one.value for one in self.options if one.take == taken), self.typed.strip()) or "blank"
        if not taken:
            return "Goes on waiting"
        where = {Take.HERE.value: "goes to Dataverse", Take.THERE.value: "comes here"}.get(taken, "on both sides")
        return f"{shown} {where}"


@dataclass(frozen=True, slots=True)
class PairLine:
    """A pair that conflicts."""

    pk: int
    label: str
    url: str
    mapping: str
    since: str
    seen: str
    fields: Sequence[FieldLine]
    row_url: str
    history_url: str
    known: bool = True
    """Whether choices can be made; else the next run compares it first."""

    @property
    def chosen(self) -> int:
        """How many of its fields have a choice."""
        return sum(bool(one.taken) for one in self.fields)

    @property
    def status(self) -> Status:
        """ "1 of 3 chosen"."""
        count, total = self.chosen, len(self.fields)
        return Status(f"{count} of {total} chosen", "ok" if count == total else "warn" if count else "")

    @property
    def segment(self) -> str:
        """The part of the list it belongs to by what is chosen; "" where some of its fields are."""
        return NOTHING if not self.chosen else READY if self.chosen == len(self.fields) else ""

    @property
    def carried(self) -> list[tuple[str, str]]:
        """What the form sends of the pair while it is not shown: what the person saw and chose."""
        chosen = [(CHOICE + one.key, one.taken) for one in self.fields if one.taken]
        typed = [(TYPED + one.key, one.typed) for one in self.fields if one.typed]
        return [(f"{SEEN}{self.pk}", self.seen), *chosen, *typed]

    def writes(self, side: str) -> bool:
        """Return whether a choice writes a side: here, there."""
        return any(one.taken and one.taken != side for one in self.fields)


@dataclass
class Given:
    """What a person sent that is shown again: the form's values, and what is wrong with fields by key.

    result: whether it is shown what would come of the choices; segment: the part of the pairs that is shown, by what is
    chosen.
    """

    values: Mapping[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    result: bool = False
    segment: str = ""


class PairLines:
    """The lines of the pairs of a page."""

    def __init__(
        self, company: Company, connection: DataverseConnection | None = None, given: Given | None = None
    ) -> None:
        self.company, self.given, self._known = company, given or Given(), connection
        self.cells = CouplingCells(company)

    @cached_property
    def connection(self) -> DataverseConnection:
        """The connection that rows are opened by."""
        return self._known or connection_of(self.company)

    def load(self, rows: Sequence[Any]) -> None:
        """Give each base its line: a listing's `decorate`."""
        self.cells.load(rows)
        for row in rows:
            row.line = self._line(row)

    def _line(self, row: CouplingBase) -> PairLine:
        standing, coupling, mapping = read_conflict(row.pk, row.mapping_id, row.conflict), row.coupling, row.mapping
        url = history = ""
        if self.cells.exists(row):
            parts: dict[str, Any] = {"table": coupling.table, "system_id": coupling.local_id}
            url = company_url("records:card", self.company, **parts)
            history = company_url("sync:record-history", self.company, **parts)
        fields = [self._field(row, one) for one in standing.fields]
        there = row_url(self.connection, mapping.integration_table, mapping.entity_set, coupling.integration_id)
        return PairLine(
            row.pk, self.cells.text(row), url, mapping.name, time_ago(standing.since), sign(standing), fields, there,
            history, standing.known,
        )  # fmt: skip

    def _field(self, row: CouplingBase, one: StandingField) -> FieldLine:
        key = key_of(row.pk, one.name)
        given, newer = self.given.values, one.newer
        chosen = given.get(CHOICE + key, "")
        options = [
            Option("here", "Value here", one.here, when_and_who(one.here_at, one.here_by), newer is Side.LOCAL),
            Option(
                "there", "Value in Dataverse", one.there, told_there(one), newer is Side.INTEGRATION,
            ),
        ]  # fmt: skip
        if one.has_base:
            both = when_and_who(one.base_at, "both sides")
            options.append(Option("base", "Last common value", one.base, both))
        options = [
            Option(o.take, o.label, o.value, o.told, o.newer, checked=o.take == chosen) for o in options
        ]  # fmt: skip
        column = column_of(row, one)
        return FieldLine(
            key, one.caption, options, *_entry(column), given.get(TYPED + key, ""), chosen == Take.VALUE,
            self.given.errors.get(key, ""),
        )  # fmt: skip


def key_of(pk: int, name: str) -> str:
    """Return what a field of a pair is called in the form, whatever other fields of the pair conflict."""
    return f"{pk}-{int(hashlib.sha256(name.encode()).hexdigest()[:12], 16)}"


def column_of(row: CouplingBase, one: StandingField) -> LocalColumn | None:
    """Return the local field of a conflict; None where it is not there any more."""
    try:
        return local_column(catalog.table(row.mapping.table), one.local)
    except LookupError:
        return None


def _entry(column: LocalColumn | None) -> tuple[str, Sequence[tuple[str, str]], int | None]:
    """Return how another value is given: the kind of entry, its choices, and how long it may be."""
    if column is None:
        return "", (), None
    if column.choices:
        return "select", column.choices, None
    if column.type == "boolean":
        return "select", (("Yes", "Yes"), ("No", "No")), None
    return "date" if column.type == "date" else "text", (), column.max_length


def told_there(one: StandingField) -> str:
    """Return when and by whom a value in Dataverse was changed, or its row, where no more is known."""
    told = when_and_who(one.there_at, one.there_by)
    return f"row changed {told}" if one.of_row and told else told


def when_and_who(at: datetime | None, by: str) -> str:
    """Return when and by whom a value was changed: "today 19:02, Ada Lindqvist"."""
    if at is None:
        return by
    local = timezone.localtime(at)
    days = (timezone.localdate() - local.date()).days
    day = {0: "today", 1: "yesterday"}.get(days, f"{local.day} {local:%b %Y}")
    return ", ".join(filter(None, (f"{day} {local:%H:%M}", by)))


# -- what the person saw ----------------------------------------------------------------------------------------------


def sign(standing: Standing) -> str:
    """Return what both sides held when the page was made, to be sent back with the choice."""
    fields = [[one.name, one.here_value, one.there_value, one.here, one.there] for one in standing.fields]
    return signing.dumps([standing.coupling_id, fields], salt=_SALT, compress=True)


def unsign(text: str) -> tuple[int, list[list[Any]]] | None:
    """Return what was signed: the pair, and its fields; None where it was changed."""
    try:
        pk, fields = signing.loads(text, salt=_SALT)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return pk, fields
