"""Looks at the columns that a mapping uses in Dataverse: what is kept of them, what changed, and what a person accepts.

`look` compares a table's metadata, which the caller has read, with what is kept, and keeps what it saw; `read` tells
what the last look found, by what the mapping uses now, without asking Dataverse. So a change goes from the pages as
soon as nothing uses the column any more, and by itself when the column is as it was.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import msgspec
from auditlog.models import LogEntry
from django.db import transaction
from django.utils import timezone

from core.refusals import NotUsable, Refusal
from core.vocabulary import Direction
from coupling import filters
from coupling.mappings.coupled_tables import coupled_tables
from coupling.mappings.drift import (
    Change,
    Columns,
    ColumnState,
    Stops,
    UsedField,
    Uses,
    accepted,
    drift,
    emptied,
    follow,
    snapshot,
    state_in_words,
)
from coupling.mappings.field_checks import Pair
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping, KnownColumns
from coupling.rows import Criterion, field_key
from dataverse.types import ColumnInfo
from jobs.audit import record_audit_entry
from jobs.models import Reason
from masterdata import catalog

KEPT_FOR = timedelta(hours=1)
"""After this long a look is noted although it saw nothing new."""


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed about a mapping's columns since they were first seen or accepted.

    since: by a change's key, when it was found; emptied: by column, when it was found to be made anew without its
    values; then: what the columns were; healed: columns whose changes this look found to be over.
    """

    mapping: IntegrationTableMapping
    changes: tuple[Change, ...] = ()
    since: Mapping[str, datetime] = field(default_factory=dict)
    emptied: Mapping[str, datetime] = field(default_factory=dict)
    then: Columns = field(default_factory=dict)
    looked_at: datetime | None = None
    healed: tuple[str, ...] = ()

    @property
    def stopped(self) -> frozenset[str]:
        """The names ("field:column") of the fields that are not synchronized."""
        return frozenset(name for change in self.changes for name in change.stopped)

    @property
    def stops(self) -> Stops:
        """The most that any change stops."""
        order = list(Stops)
        return max((change.stops for change in self.changes), key=order.index, default=Stops.NOTHING)

    @property
    def no_new_rows(self) -> Change | None:
        """The change because of which no row is created in Dataverse; None where rows are."""
        return next((change for change in self.changes if change.no_new_rows), None)

    @property
    def mark(self) -> list[Any]:
        """What of it decides how pairs are compared; [] where nothing does. Where it changes, all are compared."""
        emptied_at = {name: at.isoformat() for name, at in sorted(self.emptied.items())}
        return [sorted(self.stopped), emptied_at] if self.stopped or emptied_at else []

    @property
    def text(self) -> str:
        """What a job's log says about it, "" for nothing."""
        said = [change.message for change in self.changes]
        if said:
            said.append(f"The card of {self.mapping.name} says what to do.")
        if self.healed:
            said.append(f"As they were again in Dataverse: {', '.join(self.healed)}.")
        return " ".join(said)

    def require_usable(self) -> None:
        """Raise Refusal where a change stops the mapping."""
        for change in self.changes:
            if change.stops is Stops.MAPPING:
                gone = change.now == ""
                reason = Reason.UNKNOWN_COLUMN if gone else Reason.CONFIGURATION
                raise Refusal(reason, f"{self.mapping.name} is stopped. {change.message}", change.fix)


def require_criteria(drift: Drift, given: Iterable[Criterion]) -> None:
    """Raise Refusal where a change stops the mapping, or a field that records are matched by: without it others would
    be found alike.
    """
    drift.require_usable()
    matched = {field_key(one.local, one.integration) for one in given}
    for change in drift.changes:
        if change.stopped & matched:
            raise Refusal(Reason.UNKNOWN_COLUMN, change.message, "Take the field out of the criteria. " + change.fix)


# -- what a mapping uses ------------------------------------------------------------------------------------------


def uses_of(mapping: IntegrationTableMapping) -> Uses:
    """Return what a mapping uses columns for, by its settings, filter and enabled fields."""
    direction = Direction(mapping.direction)
    creates = direction != Direction.FROM
    roles = dict.fromkeys(_filter_columns(mapping), "for its Integration Table Filter")
    if mapping.uid_kind == "option":
        return Uses(direction, roles={mapping.uid_column: "since its records are coupled with the choices in it"})
    if mapping.company_column and not mapping.multi_company:
        roles[mapping.company_column] = "to tell the company's own rows from those of others"
    if mapping.name_column:
        roles[mapping.name_column] = "as what people know a row by"
    if mapping.modified_on_column:
        roles[mapping.modified_on_column] = "to know when a row was changed"
    if mapping.uid_column:
        roles[mapping.uid_column] = "to know rows by"
    fields = [one for one in mapping.fields.all() if one.enabled and one.integration_field]
    partners = _Partners(mapping.company_id)
    used = [found for one in fields if (found := _used_field(one, direction, mapping, partners)) is not None]
    return Uses(
        direction, tuple(used), roles, mapping.insert_values if creates else {},
        frozenset({"ownerid", filters.COMPANY_COLUMN}), creates,
    )  # fmt: skip


def _filter_columns(mapping: IntegrationTableMapping) -> list[str]:
    try:
        return filters.field_names(filters.parse(mapping.integration_filter))
    except filters.BadFilter:
        return []  # the run says so


def _used_field(
    one: IntegrationFieldMapping, mapping_direction: Direction, mapping: IntegrationTableMapping, partners: "_Partners"
) -> UsedField | None:
    direction = Direction(one.direction) if one.field else Direction.TO
    if direction == Direction.BIDIRECTIONAL:
        direction = mapping_direction
    elif mapping_direction not in (Direction.BIDIRECTIONAL, direction):
        return None
    local = None
    try:
        local = catalog.table(mapping.table).field(one.field) if one.field else None
    except LookupError:
        known = False
    else:
        known = True
    tables = partners.of(local.references) if local is not None and local.references else frozenset[str]()
    pair = Pair(
        local, None, direction, one.constant, tuple(one.rules), Direction(one.transformation_direction),
        one.clear_on_failed, one.not_null,
    )  # fmt: skip
    caption = local.caption if local is not None else one.field or f"constant {one.constant}"
    return UsedField(field_key(one.field, one.integration_field), caption, one.integration_field, pair, tables, known)


class _Partners:
    """The Dataverse tables that local tables are coupled with, asked for once and only where a look-up needs them."""

    def __init__(self, company_id: Any) -> None:
        self._company_id = company_id

    @cached_property
    def _tables(self) -> dict[str, set[str]]:
        return coupled_tables(self._company_id)

    def of(self, table: str) -> frozenset[str]:
        return frozenset(self._tables.get(table, ()))


# -- looking ------------------------------------------------------------------------------------------------------


def look(mapping: IntegrationTableMapping, columns: Mapping[str, ColumnInfo]) -> Drift:
    """Compare a table's columns with what is kept of them; keep what was seen. columns: as just read from Dataverse.

    Call it outside of a checkpoint. At the first look everything is as it should be.
    """
    uses, at = uses_of(mapping), timezone.now()
    seen = snapshot(columns, uses)
    known = KnownColumns.objects.filter(mapping=mapping).first()
    looked = _looked(mapping, known, seen, uses, at)
    if known is not None and known.looked_at is not None and at - known.looked_at < KEPT_FOR and looked.same(known):
        return looked.drift
    with transaction.atomic():
        KnownColumns.objects.bulk_create([KnownColumns(mapping=mapping)], ignore_conflicts=True)
        rows = KnownColumns.objects.filter(mapping=mapping)
        known = rows.select_for_update().first()
        looked = _looked(mapping, known, seen, uses, at)
        rows.update(**looked.values, looked_at=at)
    return looked.drift


def forget(company: Any) -> None:
    """Forget what is kept of the columns of a company's mappings: the next look is the first one."""
    KnownColumns.objects.filter(mapping__company=company).delete()


def preview(mapping: IntegrationTableMapping, columns: Mapping[str, ColumnInfo]) -> Drift:
    """Return what `look` would find, and keep nothing."""
    uses = uses_of(mapping)
    known = KnownColumns.objects.filter(mapping=mapping).first()
    return _looked(mapping, known, snapshot(columns, uses), uses, timezone.now()).drift


@dataclass(frozen=True, slots=True)
class _Looked:
    drift: Drift
    values: Mapping[str, Any]
    """What is kept of it, by the names of models.KnownColumns."""

    def same(self, known: KnownColumns) -> bool:
        return all(getattr(known, name) == value for name, value in self.values.items())


def _looked(
    mapping: IntegrationTableMapping, known: KnownColumns | None, seen: Columns, uses: Uses, at: datetime
) -> _Looked:
    first = known is None or known.looked_at is None
    before = seen if known is None or first else _states(known.then)
    last = seen if known is None or first else _states(known.now)
    then = before if first else follow(before, seen, uses)
    anew = emptied(before, last, seen, uses)
    stored_empty = _times(known.emptied) if known is not None else {}
    empty = {name: when for name, when in stored_empty.items() if name in uses.columns}
    empty |= dict.fromkeys(anew, at)
    changes = tuple(drift(then, seen, uses))
    stored = _times(known.since) if known is not None else {}
    since = {change.key: stored.get(change.key, at) for change in changes}
    healed = {key.partition(":")[2] for key in stored if key not in since}
    drifted = Drift(mapping, changes, since, empty, then, at, tuple(sorted(healed & seen.keys() & uses.columns)))
    values = {
        "then": _stored(then), "now": _stored(seen), "since": _texts(since),
        "emptied": _texts(empty),
    }  # fmt: skip
    return _Looked(drifted, values)


def _stored(states: Columns) -> dict[str, Any]:
    """Return states as the database gives them back: its JSON knows lists where Python has tuples."""
    return dict(msgspec.json.decode(msgspec.json.encode(states)))


def _states(stored: Any) -> dict[str, ColumnState]:
    return msgspec.convert(stored, dict[str, ColumnState])


def _times(stored: Mapping[str, str]) -> dict[str, datetime]:
    return {name: datetime.fromisoformat(at) for name, at in stored.items()}


def _texts(times: Mapping[str, datetime]) -> dict[str, str]:
    return {name: at.isoformat() for name, at in times.items()}


# -- what is known without asking ---------------------------------------------------------------------------------


def read(mapping: IntegrationTableMapping) -> Drift:
    """Return what the last look at a mapping's columns found, by what the mapping uses now; asks no Dataverse."""
    return _known(mapping, KnownColumns.objects.filter(mapping=mapping).first())


def loaded(mapping: IntegrationTableMapping) -> Drift:
    """Return what `read` does, for a mapping that was read with its known columns (select_related)."""
    try:
        return _known(mapping, mapping.known_columns)
    except KnownColumns.DoesNotExist:
        return Drift(mapping)


def read_all(company: Any) -> dict[int, Drift]:
    """Return by id of the mapping what the last looks found of those mappings of a company whose columns changed."""
    rows = KnownColumns.objects.filter(mapping__company=company).exclude(since={})
    found = {row.mapping_id: _known(row.mapping, row) for row in rows.select_related("mapping__company")}
    return {pk: one for pk, one in found.items() if one.changes}


def _known(mapping: IntegrationTableMapping, known: KnownColumns | None) -> Drift:
    if known is None or known.looked_at is None:
        return Drift(mapping)
    then, since = _states(known.then), _times(known.since)
    changes: Sequence[Change] = drift(then, _states(known.now), uses_of(mapping)) if since else ()
    times = {change.key: since.get(change.key, known.looked_at) for change in changes}
    return Drift(mapping, tuple(changes), times, _times(known.emptied), then, known.looked_at)


@transaction.atomic
def accept(*, mapping: IntegrationTableMapping, shown: Collection[str]) -> list[Change]:
    """Take the columns as they are now, where nothing but creation stops because of it. Return what was accepted.

    shown: the tokens of the changes that a person has seen; no others are accepted. Raises NotUsable where nothing can
    be accepted, with what to do instead.
    """
    known = KnownColumns.objects.select_for_update().filter(mapping=mapping).first()
    found = _known(mapping, known).changes
    acceptable = [change for change in found if change.acceptable]
    taken = [change for change in acceptable if change.token in shown]
    if acceptable and not taken:
        raise NotUsable(
            f"The changes of {mapping.name} were found since you looked, so nothing was accepted.",
            "Look at them, then accept them.",
        )
    if known is None or not taken:
        why = found[0].fix if found else "manage.py mapping drift looks at them now."
        raise NotUsable(
            f"No column of {mapping.name} changed in a way that can be accepted."
            if found
            else f"No column of {mapping.name} changed since it was last looked at.",
            why,
        )
    before, now = _states(known.then), _states(known.now)
    after = accepted(before, now, taken)
    known.then = _stored(after)
    keys = {change.key for change in taken}
    known.since = {key: at for key, at in known.since.items() if key not in keys}
    known.save(update_fields=["then", "since"])
    names = dict.fromkeys(change.column for change in taken)
    told = {name: (state_in_words(before.get(name)), state_in_words(after.get(name))) for name in names}
    record_audit_entry(known, LogEntry.Action.UPDATE, told, of=(mapping.company, mapping.name))
    return taken
