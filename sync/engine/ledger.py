"""Saving a chunk: couplings, bases, local records and outcomes, in bulk, in one fenced transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from core import bulk
from core.ids import new_id
from coupling import claims
from coupling.contact_accounts import PARTNERS
from coupling.couplings.coupled_records import keep_outcomes, kept_of_ended
from coupling.models import Coupling, CouplingBase, Method, UndoneRecord
from jobs.models import Outcome
from jobs.running.context import OutcomeRow
from masterdata.catalog import LocalTable
from masterdata.models import ChangedBy
from masterdata.record_writing import insert_records, update_records
from sync import number_series
from sync.engine.chunk import ChunkChanges, CouplingState, LocalUpdate, NewLocalRecord
from sync.engine.contact_companies import pass_on_to_companies, wake_persons
from sync.engine.field_specs import Fields, default_of
from sync.engine.history import History, describer
from sync.engine.pair_states import save_states
from sync.engine.pairs import Pair, PairReader
from sync.engine.recorder import Recorder
from sync.engine.row_editors import RowEditors, editor_of
from sync.engine.undone import UndoneLedger
from sync.engine.write_problems import deletion_problems, problem_of
from sync.engine.written_fields import new_record, written
from sync.models import DuePair, Waits
from sync.rules.transfer import pack
from sync.rules.values import Problem, Side

_NewRecord = tuple[NewLocalRecord, UUID, str]
"""A record to insert, with the id and the key it gets."""


def _deletions(outcomes: Sequence[OutcomeRow]) -> int:
    return sum(one.outcome == Outcome.DELETED for one in outcomes)


class Ledger:
    """Saves what became of chunks, for one job and mapping."""

    def __init__(self, recorder: Recorder, fields: Fields, reader: PairReader) -> None:
        self.recorder, self.fields, self.reader = recorder, fields, reader
        self.mapping, self.job_id = recorder.mapping, recorder.job_id
        self.undone = UndoneLedger(self.mapping, self.job_id)
        self.history = History(self.mapping, describer(self.mapping, fields))
        self.editors: RowEditors | None = None
        """Who changed the rows that values come from; None where values come from elsewhere."""
        self.changed_by = ChangedBy.SYNCHRONIZATION
        """Whose changes of records here these are."""
        self.organization_id: UUID | None = None
        """The organization that new couplings belong to; the worker sets it once it is verified."""

    def learn_editors(self, changes: ChunkChanges) -> None:
        """Ask Dataverse who changed the rows that `save` writes here from. Call it outside a transaction."""
        if self.editors is not None:
            self.editors.learn(changes)

    def save(self, changes: ChunkChanges) -> list[OutcomeRow]:
        """Write everything and return the outcomes to record with rows. Call it inside a checkpoint.

        A local record that somebody changed since it was read is not written: its pair becomes due, so that the run
        compares it again.
        """
        deleted = self._delete_local(changes)
        written = [*self._write_local(changes), *self._insert_local(changes), *deleted]
        self.history.count_deleted(there=_deletions(changes.outcomes), here=_deletions(deleted))
        outcomes = [*changes.outcomes, *written]
        if changes.uncoupled:
            outcomes = kept_of_ended(outcomes)
        save_states(self.mapping, changes, job_id=self.job_id, now=self.recorder.now)
        self.end_couplings(changes.uncoupled + changes.dropped)
        self._save_due(changes)
        self.undone.save(changes.undone, [*outcomes, *(outcome for _, outcome in changes.unchanged)])
        return outcomes

    def save_put_back(self, changes: ChunkChanges) -> list[OutcomeRow]:
        """Write values put back, in a checkpoint. What is known of the pairs stays: the next run finds an edit."""
        outcomes = [*changes.outcomes, *self._write_local(changes)]
        changes.no_longer_due.clear()
        self._save_due(changes)
        self.history.save(changes.written)
        return outcomes

    @staticmethod
    def end_couplings(ids: Sequence[int]) -> None:
        """Delete couplings and what is known of their pairs, in a checkpoint."""
        if ids:
            keep_outcomes(ids)
            bulk.delete(Coupling, "id", ids)  # before their bases, so that nobody saves new ones meanwhile
            bulk.delete(CouplingBase, "coupling_id", ids)
            bulk.delete(DuePair, "coupling_id", ids)
            bulk.delete(UndoneRecord, "coupling_id", ids)

    def _save_due(self, changes: ChunkChanges) -> None:
        bulk.delete(DuePair, "coupling_id", changes.deletions)
        forget_due(coupling_id for coupling_id in changes.no_longer_due if coupling_id not in changes.due)
        due = {coupling_id: (0, waits) for coupling_id, waits in changes.waiting.items()}
        due |= {coupling_id: (tries, "") for coupling_id, tries in changes.due.items()}
        if due:
            forget_due(due)
            bulk.insert(
                DuePair, ("coupling_id", "mapping_id", "tries", "waits"),
                [(coupling_id, self.mapping.pk, tries, waits) for coupling_id, (tries, waits) in due.items()],
                ignore_conflicts=True,
            )  # fmt: skip

    # -- local records ----------------------------------------------------------------------------------------------

    def _write_local(self, changes: ChunkChanges) -> list[OutcomeRow]:
        """Write the fields of local records; return the outcomes of their pairs."""
        if not changes.local_updates:
            return []
        table, names = self.reader.table, self.fields.stored_names
        derived = _derived(table, names)
        current = self._current_values(changes.local_updates)
        now = timezone.now()
        writable: list[LocalUpdate] = []
        rows: list[tuple[Any, ...]] = []
        fixed: list[OutcomeRow] = []
        for update in changes.local_updates:
            record_id = update.pair.coupling.local_id
            row = current.get(record_id)
            assert update.pair.local is not None
            if row is None or row["modified_at"] != update.pair.local.modified_at:
                changes.due.setdefault(update.pair.coupling.id, 0)  # somebody changed or deleted it meanwhile
                continue
            values = {**row, **update.fields}
            values |= table.derived(values)
            if table.fixed_field in update.fields and values[table.fixed_field] != row[table.fixed_field]:
                fixed.append(self._end_local_update(changes, update, self._fixed_problem(row), now))
                continue
            rows.append((record_id, *(values[name] for name in (*names, *derived))))
            writable.append(update)
        problems = self._update_records((*names, *derived), rows, now)
        if self.mapping.table in PARTNERS:
            done = [one for one, problem in zip(writable, problems, strict=True) if problem is None]
            pass_on_to_companies(self.mapping, [one.pair.coupling.local_id for one in done], now)
        return fixed + [
            self._end_local_update(changes, update, problem, now)
            for update, problem in zip(writable, problems, strict=True)
        ]

    def _fixed_problem(self, row: Mapping[str, Any]) -> Problem:
        """Return the problem of a record whose primary key would change."""
        field = self.reader.table.field(self.reader.table.fixed_field)
        return Problem(
            "value_invalid",
            f"{field.caption} is the primary key of the table here, which never changes: it stays {row[field.name]}.",
            f"Enter {row[field.name]} in Dataverse again.",
        )

    def _current_values(self, updates: Sequence[LocalUpdate]) -> dict[UUID, dict[str, Any]]:
        """Return what the records hold now, locked where the database can."""
        query = self.reader.company_records.filter(system_id__in=[one.pair.coupling.local_id for one in updates])
        if connection.vendor == "postgresql":
            query = query.select_for_update()
        read = dict.fromkeys((*self.reader.table.derived_from, *self.fields.stored_names))
        return {row["system_id"]: row for row in query.values("system_id", "modified_at", *read)}

    def _end_local_update(
        self, changes: ChunkChanges, update: LocalUpdate, problem: Problem | None, now: datetime
    ) -> OutcomeRow:
        if problem is None:
            coupling = update.pair.coupling
            by = self.editors.name(editor_of(update.pair.remote)) if self.editors is not None else ""
            changes.written += written(coupling.local_id, coupling.integration_id, self.job_id, update.changes, by)
            self.recorder.record_success(
                changes, coupling, version=update.version, local_modified_at=now, base=update.base,
                deferred=update.deferred,
            )  # fmt: skip
            return update.outcome
        self.recorder.fail(
            changes, update.pair, Side.LOCAL, problem.reason, problem.user_message, update.outcome.detail
        )
        return changes.outcomes.pop()

    def _update_records(self, names: Sequence[str], rows: list[tuple[Any, ...]], now: datetime) -> list[Problem | None]:
        """Update records; where a value is taken already, one by one. Return the problem of each that cannot be."""
        write = partial(
            update_records, self.reader.table, names, now=now, changed_by=self.changed_by
        )  # fmt: skip
        try:
            with transaction.atomic():
                write(rows)
        except IntegrityError:
            return [problem_of(partial(write, [row])) for row in rows]
        return [None] * len(rows)

    def _delete_local(self, changes: ChunkChanges) -> list[OutcomeRow]:
        """Delete local records and uncouple their pairs; return the outcomes.

        A record that somebody changed since it was read is kept: its pair becomes due.
        """
        if not changes.local_deletes:
            return []
        records = self.reader.company_records
        ids = [pair.coupling.local_id for pair, _ in changes.local_deletes]
        current = dict(records.filter(system_id__in=ids).values_list("system_id", "modified_at"))
        unchanged: list[tuple[Pair, OutcomeRow]] = []
        for pair, outcome in changes.local_deletes:
            assert pair.local is not None
            if current.get(pair.local.id, pair.local.modified_at) == pair.local.modified_at:
                unchanged.append((pair, outcome))
            else:
                changes.due.setdefault(pair.coupling.id, 0)
        problems = deletion_problems(records, [pair.coupling.local_id for pair, _ in unchanged])
        return [
            self._end_local_delete(changes, pair, outcome, problem)
            for (pair, outcome), problem in zip(unchanged, problems, strict=True)
        ]

    def _end_local_delete(self, changes: ChunkChanges, pair: Pair, outcome: OutcomeRow, problem: str) -> OutcomeRow:
        if problem:  # the reason stays that of the deletion, so that it is offered for restoring and deleting again
            self.recorder.fail(changes, pair, Side.INTEGRATION, outcome.reason, problem)
            return changes.outcomes.pop()
        changes.uncoupled.append(pair.coupling.id)
        changes.answered.append(pair.coupling.id)
        return outcome

    def _insert_local(self, changes: ChunkChanges) -> list[OutcomeRow]:
        """Insert local records for Dataverse rows; return the outcomes."""
        if not changes.local_inserts:
            return []
        inserts, outcomes = self._claim_rows(changes.local_inserts)
        insertable: list[_NewRecord] = []
        keys, used = self._new_keys(inserts)
        lacking = self._lacking_problem()
        for new, key in zip(inserts, keys, strict=True):
            problem = lacking or self._key_problem(key, used)
            if problem:
                outcomes.append(self._not_inserted(changes, new, problem))
                continue
            used.add(key.upper())
            insertable.append((new, new_id(), key))
        try:
            with transaction.atomic():
                self._insert_records(changes, insertable)
        except IntegrityError:
            tried = [(one, problem_of(partial(self._insert_records, changes, [one]))) for one in insertable]
            insertable = [one for one, problem in tried if problem is None]
            outcomes += [self._not_inserted(changes, one[0], problem) for one, problem in tried if problem is not None]
        title = self.reader.table.title
        outcomes += [
            OutcomeRow(
                Outcome.INSERTED, local_id=local_id, local_key=key, local_name=str(new.fields.get(title) or ""),
                integration_id=new.integration_id, integration_name=new.name, detail={"side": "local"},
            )
            for new, local_id, key in insertable
        ]  # fmt: skip
        return outcomes

    def _claim_rows(self, inserts: Sequence[NewLocalRecord]) -> tuple[list[NewLocalRecord], list[OutcomeRow]]:
        """Return the records whose rows are this company's now, and the outcomes of rows that another one has."""
        row_ids = [new.integration_id for new in inserts if new.coupling is None]
        if self.organization_id is None or not row_ids:
            return list(inserts), []
        holders = claims.claim(self.mapping, self.organization_id, row_ids)
        return [new for new in inserts if new.integration_id not in holders], [
            self.recorder.held_row(new.integration_id, new.name, holders[new.integration_id])
            for new in inserts
            if new.integration_id in holders
        ]

    def _new_keys(self, inserts: Sequence[NewLocalRecord]) -> tuple[list[str], set[str]]:
        """Return a key for each new record, from its fields or from the number series, and those that are taken."""
        table, company = self.reader.table, self.mapping.company
        if table.key not in self.fields.written_names:
            return number_series.next_free_keys(company, table, len(inserts), first=self.fields.first_key), set()
        keys = [str(new.fields.get(table.key) or "") for new in inserts]
        return keys, number_series.taken_keys(company, table, keys)

    def _not_inserted(self, changes: ChunkChanges, new: NewLocalRecord, problem: Problem) -> OutcomeRow:
        if new.coupling is not None:
            restored = Pair(new.coupling)
            self.recorder.fail(changes, restored, Side.LOCAL, problem.reason, problem.user_message)
            return changes.outcomes.pop()
        return self.recorder.fail_row(
            changes, new.integration_id, new.name, problem.reason, problem.user_message
        )  # fmt: skip

    def _lacking_problem(self) -> Problem | None:
        """Return the problem of all new records where the table needs a value that the mapping does not give."""
        table = self.reader.table
        if not (lacking := table.unfilled((table.key, *self.fields.written_names, *self.fields.template))):
            return None
        return Problem(
            "value_invalid",
            f"A new record would have no {lacking[0]}, which the table of {table.caption_plural} needs.",
            "Map a column to it, have a developer give the field a default, or create the record here and couple it.",
        )

    def _key_problem(self, key: str, used: set[str]) -> Problem | None:
        caption = self.reader.table.field(self.reader.table.key).caption
        if not key:
            return Problem(
                "value_invalid", f"The new record would have no {caption}.", "Fill in the mapped column in Dataverse."
            )
        if (room := number_series.room_for(self.reader.table, key)) is not None:
            return Problem(
                "value_too_long",
                f"The next number of the series is {key}, and {caption} holds {room} characters.",
                "Begin another series: give the mapping a template for new records with a shorter first number.",
            )
        if key.upper() in used:
            return Problem(
                "duplicate",
                f"There is already a record with the {caption} {key} here.",
                "Couple the two, or change the value in Dataverse.",
            )
        return None

    def _insert_records(self, changes: ChunkChanges, records: Sequence[_NewRecord]) -> None:
        """Insert records and their couplings; a record that takes a deleted one's place goes on with its coupling."""
        if not records:
            return
        now = timezone.now()
        self._insert_rows(records, now)
        new = [(one, local_id) for one, local_id, _ in records if one.coupling is None]
        bases = {local_id: {**one.base, **self.fields.numbers(key)} for one, local_id, key in records}
        alike = self.fields.alike_when_created(Side.LOCAL)
        bulk.insert(
            Coupling,
            ("company_id", "mapping_id", "table", "local_id", "integration_id", "organization_id", "method", "job_id"),
            [
                (self.mapping.company_id, self.mapping.pk, self.mapping.table, local_id, one.integration_id,
                 self.organization_id, Method.CREATED, self.job_id)
                for one, local_id in new
            ],
        )  # fmt: skip
        query = self.reader.couplings.filter(local_id__in=[local_id for _, local_id in new])
        ids = dict(query.values_list("local_id", "id"))
        for one, local_id in new:
            coupling_id = ids[local_id]
            changes.bases[coupling_id] = pack(bases[local_id])
            changes.couplings.append(
                CouplingState(coupling_id, one.version, now, self.recorder.now, self.job_id, compared=alike)
            )
        if self.mapping.table in PARTNERS:
            wake_persons(self.mapping.company_id)
        restored = []
        for one, local_id, _ in records:
            if one.coupling is not None:
                restored.append((one.coupling.id, local_id))
                self.recorder.record_success(
                    changes, one.coupling, version=one.version, local_modified_at=now, base=bases[local_id]
                )
        if restored:
            bulk.update(Coupling, "id", ("local_id",), restored)
        for one, local_id, key in records:
            held = {**self.fields.template, self.reader.table.key: key, **one.fields}
            by = self.editors.name(one.changed_by) if self.editors is not None else ""
            changes.written += new_record(self.fields, local_id, one.integration_id, self.job_id, held, by)

    def _insert_rows(self, records: Sequence[_NewRecord], now: datetime) -> None:
        table, template = self.reader.table, self.fields.template
        written = [name for name in self.fields.stored_names if name != table.key]
        names = list(dict.fromkeys([*written, *template]))
        derived = _derived(table, names)
        unread = (*derived, *table.derived_from, *self.fields.also_written)
        defaults = {name: default_of(table.model, name) for name in unread} | template
        rows = []
        for one, local_id, key in records:
            values = {**defaults, table.key: key, **one.fields}
            values |= table.derived(values)
            rows.append((local_id, key, *(values[name] for name in (*names, *derived))))
        insert_records(
            table, self.mapping.company, (table.key, *names, *derived), rows, now=now,
            changed_by=ChangedBy.SYNCHRONIZATION,
        )  # fmt: skip


def forget_due(coupling_ids: Iterable[int]) -> None:
    """Take out due pairs that were dealt with, but for those whose record was deleted since they were read."""
    ids = list(coupling_ids)
    for start in range(0, len(ids), 500):
        DuePair.objects.filter(pk__in=ids[start : start + 500]).exclude(waits=Waits.DELETED).delete()


def _derived(table: LocalTable, names: Sequence[str]) -> list[str]:
    """Return the fields that the table derives from others and that are not written as they are."""
    return [name for name in table.derives if name not in names]
