"""Who changed both sides of a pair last, and when: what a person reads about a conflict, and what Newer wins goes by.

Of the record here the change log knows it for each field; of the row in Dataverse it is known for the row as a whole,
unless an earlier run saw the same value there already. It costs two requests for all pairs of a chunk that conflict.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from auditlog.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet

from core.moments import read_moment
from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from dataverse.errors import DataverseError
from masterdata.models import ChangedBy
from sync.engine.pairs import Pair, PairReader

_MODIFIED_BY = "modifiedby"
_USERS, _USER_NAME = "systemuser", "fullname"


@dataclass(frozen=True, slots=True)
class Change:
    """When a value was changed, and by whom as far as that is known."""

    at: datetime | None = None
    by: str = ""

    @classmethod
    def stored(cls, values: Mapping[str, Any], side: str) -> "Change":
        """Return what a conflict keeps of a side."""
        return cls(read_moment(values.get(f"{side}_at")), str(values.get(f"{side}_by") or ""))


@dataclass(frozen=True, slots=True)
class LastChange:
    """The last change of a record as a whole and of its fields, and that of the row in Dataverse."""

    here: Change = Change()
    there: Change = Change()
    fields: Mapping[str, Change] = field(default_factory=dict)

    def of_field(self, name: str) -> Change:
        """Return the last change of a local field."""
        return self.fields.get(name, self.here)


def read_last_changes(
    mapping: IntegrationTableMapping, gateway: Gateway, reader: PairReader, pairs: Sequence[Pair], *, named: bool = True
) -> dict[int, LastChange]:
    """Return the last changes of these pairs, by the ids of their couplings. named: with who changed rows there."""
    here = _changes_here(reader, pairs)
    there = _changes_there(mapping, gateway, [pair.coupling.integration_id for pair in pairs], named=named)
    found = {}
    for pair in pairs:
        record, fields = here.get(pair.coupling.local_id, (Change(), {}))
        found[pair.coupling.id] = LastChange(record, there.get(pair.coupling.integration_id, Change()), fields)
    return found


# -- here -------------------------------------------------------------------------------------------------------------

_Here = tuple[Change, dict[str, Change]]


def _changes_here(reader: PairReader, pairs: Sequence[Pair]) -> dict[UUID, _Here]:
    records = reader.company_records.filter(system_id__in=[pair.coupling.local_id for pair in pairs])
    keys: dict[str, UUID] = {}
    found: dict[UUID, _Here] = {}
    for pk, local_id, modified_at, changed_by in records.values_list("pk", "system_id", "modified_at", "changed_by"):
        keys[str(pk)] = local_id
        by = ChangedBy(changed_by).label if changed_by and changed_by != ChangedBy.PERSON else ""
        found[local_id] = Change(modified_at, by), {}
    since = [pair.coupling.synchronized_at for pair in pairs if pair.coupling.synchronized_at is not None]
    for entry in _entries(reader.table.model, keys, min(since) if len(since) == len(pairs) else None):
        local_id = keys[entry.object_pk]
        record, fields = found[local_id]
        by = str(entry.actor) if entry.actor is not None else record.by
        change = Change(entry.timestamp, by)
        fields |= dict.fromkeys(entry.changes or {}, change)
        if by and not record.by:
            found[local_id] = Change(record.at, by), fields
    return found


def _entries(model: type[Any], keys: Iterable[str], since: datetime | None) -> Iterable[LogEntry]:
    """Return what the change log says of these records, the oldest first."""
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(model), object_pk__in=list(keys),
        action=LogEntry.Action.UPDATE,
    )  # fmt: skip
    if since is not None:
        entries = entries.filter(timestamp__gte=since)
    found: QuerySet[LogEntry] = entries.select_related("actor").order_by("timestamp", "id")
    return found


# -- in Dataverse -----------------------------------------------------------------------------------------------------


def _changes_there(
    mapping: IntegrationTableMapping, gateway: Gateway, ids: Sequence[UUID], *, named: bool
) -> dict[UUID, Change]:
    """Return the last changes of rows; without names where the integration may not read them."""
    columns = gateway.table(mapping).columns
    changed_at = mapping.modified_on_column or "modifiedon"
    wanted = [name for name in (changed_at, _MODIFIED_BY) if name in columns]
    if changed_at not in columns:
        return {}
    rows = gateway.read(mapping, wanted, ids)
    people = {row_id: str(row.values.get(_MODIFIED_BY) or "") for row_id, row in rows.items()}
    names = read_names(gateway, {person for person in people.values() if person}) if named else {}
    return {
        row_id: Change(read_moment(row.values.get(changed_at)), names.get(people[row_id], ""))
        for row_id, row in rows.items()
    }


def read_names(gateway: Gateway, people: Iterable[str]) -> dict[str, str]:
    """Return the names of Dataverse users, by their ids; none where they may not be read. One request."""
    ids = [UUID(person) for person in people]
    if not ids:
        return {}
    try:
        rows = gateway.rows_by_id(_USERS, [_USER_NAME], ids)
    except DataverseError:
        return {}  # the values are what matters; who changed them is told where it can be
    return {str(row.id): str(row.values.get(_USER_NAME) or "") for row in rows}
