"""Saving what became of a chunk: couplings, bases, local records and outcomes, in bulk, in one fenced transaction."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from core import bulk
from core.ids import new_id
from core.vocabulary import Direction
from coupling.models import Coupling, CouplingBase, IntegrationTableMapping, Method
from jobs.models import Outcome, Reason
from jobs.running.runner import OutcomeRow
from masterdata.models import ChangedBy
from sync import number_series
from sync.engine.field_specs import Fields
from sync.engine.pairs import Link, Pair, Reader, Record
from sync.models import DuePair, FailedRow, Waits
from sync.rules.canonical import canonical_local
from sync.rules.plan import Conflict
from sync.rules.transfer import pack
from sync.rules.values import Problem, Side, Value

_COUPLING = (
    "version", "local_modified_at", "synchronized_at", "last_job_id", "pending", "last_to_reason",
    "last_from_reason", "last_error", "skipped", "conflict",
)  # fmt: skip
_CONFIRMED = ("version", "local_modified_at", "synchronized_at", "last_job_id", "pending")
_CLEARED = ("last_to_reason", "last_from_reason", "last_error", "skipped", "conflict")
_VARYING = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+", re.IGNORECASE)


@dataclass(slots=True)
class NewLocalRecord:
    """A local record to insert for a Dataverse row; `link` when it takes the place of a deleted one."""

    integration_id: UUID
    name: str
    version: str
    fields: dict[str, Any]
    base: dict[str, Value]
    link: Link | None = None


@dataclass(slots=True)
class ChunkChanges:
    """What a chunk changes here. Filled while the chunk is decided and sent, saved in one transaction."""

    outcomes: list[OutcomeRow] = field(default_factory=list)
    couplings: list[tuple[Any, ...]] = field(default_factory=list)
    touched: list[int] = field(default_factory=list)
    confirmed: list[tuple[Any, ...]] = field(default_factory=list)
    cleared: list[tuple[Any, ...]] = field(default_factory=list)
    bases: dict[int, bytes] = field(default_factory=dict)
    updates: list[tuple[Pair, dict[str, Any], OutcomeRow, dict[str, Value], str, bool]] = field(default_factory=list)
    inserts: list[NewLocalRecord] = field(default_factory=list)
    uncoupled: list[int] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    due: dict[int, int] = field(default_factory=dict)
    not_due: list[int] = field(default_factory=list)
    failed_rows: list[UUID] = field(default_factory=list)
    waiting: dict[int, str] = field(default_factory=dict)
    returned: list[tuple[int, UUID]] = field(default_factory=list)
    sure: list[int] = field(default_factory=list)
    """Couplings whose last write to Dataverse is known to be carried out, or not to be."""

    @property
    def any(self) -> bool:
        """Whether there is something to save."""
        return any(getattr(self, name) for name in self.__slots__)


class Ledger:
    """Knows how each end of a pair is written down, for one job and mapping."""

    def __init__(self, mapping: IntegrationTableMapping, job_id: int, fields: Fields, reader: Reader) -> None:
        self.mapping, self.job_id, self.fields, self.reader = mapping, job_id, fields, reader
        self.now = timezone.now()

    # -- outcomes ---------------------------------------------------------------------------------------------------

    def row(
        self, outcome: str, pair: Pair | None = None, *, reason: str = "", message: str = "", **other: Any
    ) -> OutcomeRow:
        """An outcome with both sides' identification."""
        if pair is None:
            return OutcomeRow(outcome, reason, message=message, **other)
        local, remote = pair.local, pair.remote
        return OutcomeRow(
            outcome, reason,
            local_id=pair.link.local_id,
            local_key=local.key if local else "",
            local_name=local.name if local else "",
            integration_id=pair.link.integration_id,
            integration_name=remote.name if remote else self._name_by_base(pair),
            message=message, **other,
        )  # fmt: skip

    def _name_by_base(self, pair: Pair) -> str:
        for name, spec in self.fields.specs.items():
            if spec.column.name == self.mapping.name_column:
                return str(pair.base.get(name) or "")
        return ""

    def settle(
        self,
        saved: ChunkChanges,
        link: Link,
        *,
        version: str,
        local_modified_at: datetime | None,
        base: Mapping[str, Value] | None = None,
        left: bool = False,
    ) -> None:
        """Both sides are alike now; failures and conflicts of the past are over.

        left: but for a change that waits for a run in its direction, which reads both sides.
        """
        if left:
            version, local_modified_at = "", None
            saved.waiting[link.id] = Waits.DIRECTION
        if link.clean and base is None and (link.version, link.local_modified_at) == (version, local_modified_at):
            saved.touched.append(link.id)  # nothing but the job that looked at it
        else:
            saved.couplings.append(
                (link.id, version, local_modified_at, self.now, self.job_id, False, "", "", "", False, None)
            )
        saved.not_due.append(link.id)
        saved.sure.append(link.id)
        if base is not None:
            saved.bases[link.id] = pack(base)

    def confirm(
        self,
        saved: ChunkChanges,
        link: Link,
        version: str,
        local_modified_at: datetime | None,
        base: Mapping[str, Value] | None = None,
    ) -> None:
        """The row of a pending coupling is there: both sides are alike from the beginning.

        base: of a pair of before whose row was restored; that of a new one was kept with its intent.
        """
        saved.confirmed.append((link.id, version, local_modified_at, self.now, self.job_id, False))
        saved.sure.append(link.id)
        if base is not None:
            saved.bases[link.id] = pack(base)
            saved.cleared.append((link.id, "", "", "", False, None))
            saved.not_due.append(link.id)

    def _kept(self, pair: Pair, **changed: Any) -> tuple[Any, ...]:
        """The coupling as it was, looked at in the record's present state: a change here has been seen.

        A row that was read and not compared may hold a change that nobody will tell of again: without a version the
        pair is not taken to be as it was, and both sides are read next time.
        """
        link = pair.link
        values = {
            "version": "" if pair.remote is not None else link.version,
            "local_modified_at": pair.local.modified_at if pair.local else link.local_modified_at,
            "synchronized_at": link.synchronized_at, "last_job_id": self.job_id, "pending": False,
            "last_to_reason": link.last_to_reason, "last_from_reason": link.last_from_reason,
            "last_error": link.last_error, "skipped": link.skipped, "conflict": link.conflict, **changed,
        }  # fmt: skip
        return (link.id, *(values[name] for name in _COUPLING))

    def leave(self, saved: ChunkChanges, pair: Pair, reason: str, message: str, waits: str = "") -> None:
        """The pair is not touched, and why; `waits` when it holds a change that only reading both sides will show."""
        saved.couplings.append(self._kept(pair))
        saved.not_due.append(pair.link.id)
        if waits:
            saved.waiting[pair.link.id] = waits
        saved.outcomes.append(self.row(Outcome.SKIPPED, pair, reason=reason, message=message))

    def fail(
        self,
        saved: ChunkChanges,
        pair: Pair,
        side: Side,
        reason: str,
        message: str,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Writing to `side` failed. The same failure twice in a row leaves the pair out until a person retries."""
        link = pair.link
        column = "last_to_reason" if side == Side.INTEGRATION else "last_from_reason"
        again = getattr(link, column) == reason and _alike(link.last_error, message)
        saved.couplings.append(self._kept(pair, **{column: reason, "last_error": message, "skipped": again}))
        saved.not_due.append(link.id)
        saved.outcomes.append(
            self.row(
                Outcome.SKIPPED if again else Outcome.FAILED, pair,
                reason=Reason.REPEATED_FAILURE if again else reason,
                message=f"{message} It failed the same way twice, so it is left out until you choose Retry on "
                "Coupled Data Synchronization Errors." if again else message,
                detail=detail,
            )
        )  # fmt: skip

    def conflict(self, saved: ChunkChanges, pair: Pair, found: Conflict) -> None:
        """Fields changed on both sides: nothing is written, a person decides."""
        fields = []
        for one in found.fields:
            spec = self.fields.specs[one.name]
            fields.append(
                {
                    "local": spec.local_name, "caption": spec.caption, "integration": spec.column.name,
                    "local_value": display_value(one.local), "integration_value": display_value(one.integration),
                    "base_value": display_value(one.base) if one.name in pair.base else None,
                }
            )  # fmt: skip
        names = ", ".join(str(one["caption"]) for one in fields)
        saved.couplings.append(self._kept(pair, conflict={"fields": fields, "at": self.now.isoformat()}))
        saved.not_due.append(pair.link.id)
        known = all(one["base_value"] is not None for one in fields)
        saved.outcomes.append(
            self.row(
                Outcome.CONFLICT, pair, reason=Reason.UPDATE_CONFLICT, detail={"fields": fields},
                message=f"{names} {'was changed on both sides' if known else 'differs between the two sides'}. "
                "Choose which side counts on the page Resolve Update Conflicts.",
            )
        )  # fmt: skip

    def uncouple(self, saved: ChunkChanges, pair: Pair, reason: str, message: str) -> None:
        """The pair is taken apart."""
        saved.uncoupled.append(pair.link.id)
        saved.sure.append(pair.link.id)
        saved.outcomes.append(self.row(Outcome.UNCOUPLED, pair, reason=reason, message=message))

    # -- saving -----------------------------------------------------------------------------------------------------

    def save(self, saved: ChunkChanges) -> list[OutcomeRow]:
        """Write everything; call it inside a checkpoint. Returns the outcomes to record.

        A local record that somebody changed since it was read is not written: its pair becomes due, so that the run
        compares it again.
        """
        outcomes = list(saved.outcomes)
        outcomes += self._write_local(saved)
        outcomes += self._insert_local(saved)
        if saved.couplings:
            bulk.update(Coupling, "id", _COUPLING, saved.couplings)
        for start in range(0, len(saved.touched), 500):
            part = Coupling.objects.filter(pk__in=saved.touched[start : start + 500])
            part.update(last_job_id=self.job_id, synchronized_at=self.now)
        if saved.confirmed:
            bulk.update(Coupling, "id", _CONFIRMED, saved.confirmed)
        if saved.cleared:
            bulk.update(Coupling, "id", _CLEARED, saved.cleared)
        if gone := saved.uncoupled + saved.dropped:
            bulk.delete(CouplingBase, "coupling_id", gone)
            bulk.delete(DuePair, "coupling_id", gone)
            bulk.delete(Coupling, "id", gone)
        if saved.bases:
            bulk.delete(CouplingBase, "coupling_id", saved.bases)
            bulk.insert(CouplingBase, ("coupling_id", "values"), list(saved.bases.items()))
        if settled := [key for key in saved.not_due if key not in saved.due]:
            bulk.delete(DuePair, "coupling_id", settled)
        if saved.returned:
            bulk.update(Coupling, "id", ("integration_id",), saved.returned)
        due = {
            **{key: (0, waits) for key, waits in saved.waiting.items()},
            **{k: (n, "") for k, n in saved.due.items()},
        }
        if due:
            bulk.delete(DuePair, "coupling_id", due)
            bulk.insert(
                DuePair, ("coupling_id", "mapping_id", "tries", "waits"),
                [(key, self.mapping.pk, tries, waits) for key, (tries, waits) in due.items()],
            )  # fmt: skip
        if saved.failed_rows:
            self._remember_failed(saved.failed_rows)
        return outcomes

    def _write_local(self, saved: ChunkChanges) -> list[OutcomeRow]:
        if not saved.updates:
            return []
        model, names = self.reader.table.model, self.fields.written_names
        ids = [pair.link.local_id for pair, *_ in saved.updates]
        query = self.reader.model_records.filter(system_id__in=ids)
        if connection.vendor == "postgresql":
            query = query.select_for_update()
        read = dict.fromkeys((*model.derived_from, *names))
        current = {row["system_id"]: row for row in query.values("system_id", "modified_at", *read)}
        now, rows, outcomes, written = timezone.now(), [], [], []
        for pair, fields, outcome, base, version, left in saved.updates:
            row = current.get(pair.link.local_id)
            assert pair.local is not None
            if row is None or row["modified_at"] != pair.local.modified_at:
                saved.due.setdefault(pair.link.id, 0)  # somebody changed it meanwhile
                continue
            values = {**row, **fields}
            values |= model.derived(values)
            rows.append(
                (pair.link.local_id, *(values[name] for name in (*names, *_derived(model, names))), now,
                 ChangedBy.SYNCHRONIZATION)
            )  # fmt: skip
            written.append((pair, outcome, base, version, left))
        columns = (*names, *_derived(model, names), "modified_at", "changed_by")
        answers = self._written(model, columns, rows)
        for (pair, outcome, base, version, left), problem in zip(written, answers, strict=True):
            if problem is None:
                self.settle(saved, pair.link, version=version, local_modified_at=now, base=base, left=left)
                outcomes.append(outcome)
            else:
                self.fail(saved, pair, Side.LOCAL, problem.reason, problem.message, outcome.detail)
                outcomes.append(saved.outcomes.pop())
        return outcomes

    def _written(self, model: Any, columns: Sequence[str], rows: list[tuple[Any, ...]]) -> list[Problem | None]:
        """Update records; where a value is taken already, one by one, with a Problem for those that cannot be."""
        try:
            with transaction.atomic():
                bulk.update(model, "system_id", columns, rows)
        except IntegrityError:
            return [self._alone(partial(bulk.update, model, "system_id", columns, [row])) for row in rows]
        return [None] * len(rows)

    @staticmethod
    def _alone(write: Callable[[], Any]) -> Problem | None:
        try:
            with transaction.atomic():
                write()
        except IntegrityError:
            return Problem(
                "duplicate",
                "Another record here has a value that must not occur twice. Change it here or in Dataverse, or couple "
                "the two records.",
            )
        return None

    def _insert_local(self, saved: ChunkChanges) -> list[OutcomeRow]:
        if not saved.inserts:
            return []
        table, outcomes = self.reader.table, []
        given_keys = table.key in self.fields.written_names
        if given_keys:
            wanted = [str(new.fields.get(table.key) or "") for new in saved.inserts]
            used = number_series.taken(self.mapping.company, table, wanted)
        else:
            wanted = number_series.next_free(self.mapping.company, table, len(saved.inserts))
            used = set()
        good: list[tuple[NewLocalRecord, UUID, str]] = []
        for new, key in zip(saved.inserts, wanted, strict=True):
            problem = self._key_problem(key, used)
            if problem:
                outcomes.append(self._not_inserted(saved, new, problem))
                continue
            used.add(key.upper())
            good.append((new, new_id(), key))
        try:
            with transaction.atomic():
                self._insert_good(saved, good)
        except IntegrityError:
            tried = [(one, self._alone(partial(self._insert_good, saved, [one]))) for one in good]
            good = [one for one, problem in tried if problem is None]
            outcomes += [self._not_inserted(saved, one[0], problem) for one, problem in tried if problem is not None]
        title = table.title
        for new, local_id, key in good:
            outcomes.append(
                self.row(
                    Outcome.INSERTED, local_id=local_id, local_key=key, local_name=str(new.fields.get(title) or ""),
                    integration_id=new.integration_id, integration_name=new.name, detail={"side": "local"},
                )
            )  # fmt: skip
        return outcomes

    def _not_inserted(self, saved: ChunkChanges, new: NewLocalRecord, problem: Problem) -> OutcomeRow:
        saved.failed_rows.append(new.integration_id)
        return self.row(
            Outcome.FAILED, reason=problem.reason, message=problem.message, integration_id=new.integration_id,
            integration_name=new.name,
        )  # fmt: skip

    def _key_problem(self, key: str, used: set[str]) -> Problem | None:
        caption = self.reader.table.field(self.reader.table.key).caption
        if not key:
            return Problem(
                "value_invalid", f"The new record would have no {caption}. Fill in the mapped column in Dataverse."
            )
        if key.upper() in used:
            return Problem(
                "duplicate",
                f"There is already a record with the {caption} {key} here. "
                "Couple the two, or change the value in Dataverse.",
            )
        return None

    def _insert_good(self, saved: ChunkChanges, good: Sequence[tuple[NewLocalRecord, UUID, str]]) -> None:
        if not good:
            return
        table, now, company = self.reader.table, timezone.now(), self.mapping.company_id
        model = table.model
        names = [name for name in self.fields.written_names if name != table.key]
        derived = _derived(model, names)
        defaults = {name: model._meta.get_field(name).get_default() for name in (*derived, *model.derived_from)}  # type: ignore[union-attr]
        rows = []
        for new, local_id, key in good:
            values = {**defaults, table.key: key, **new.fields}
            values |= model.derived(values)
            rows.append(
                (
                    company,
                    local_id,
                    key,
                    *(values[name] for name in (*names, *derived)),
                    now,
                    now,
                    ChangedBy.SYNCHRONIZATION,
                )
            )
        bulk.insert(
            model,
            ("company_id", "system_id", table.key, *names, *derived, "created_at", "modified_at", "changed_by"),
            rows,
        )
        fresh = [(new, local_id) for new, local_id, _ in good if new.link is None]
        bulk.insert(
            Coupling,
            ("company_id", "mapping_id", "table", "local_id", "integration_id", "organization_id", "method", "job_id",
             "version", "local_modified_at", "synchronized_at", "last_job_id"),
            [
                (company, self.mapping.pk, self.mapping.table, local_id, new.integration_id, self.organization_id,
                 Method.CREATED, self.job_id, new.version, now, self.now, self.job_id)
                for new, local_id in fresh
            ],
        )  # fmt: skip
        ids = dict(self.reader.couplings.filter(local_id__in=[key for _, key in fresh]).values_list("local_id", "id"))
        for new, local_id, _ in good:
            if new.link is None:
                saved.bases[ids[local_id]] = pack(new.base)
            else:  # a deleted record restored: its pair goes on with the new one
                self.settle(saved, new.link, version=new.version, local_modified_at=now, base=new.base)
        restored = [(new.link.id, local_id) for new, local_id, _ in good if new.link is not None]
        if restored:
            bulk.update(Coupling, "id", ("local_id",), restored)
        bulk_ids = [new.integration_id for new, _, _ in good]
        FailedRow.objects.filter(mapping=self.mapping, integration_id__in=bulk_ids).delete()

    organization_id: UUID | None = None
    """The organization that new couplings belong to; set by the run."""

    def defaults_sent(self) -> dict[str, Value]:
        """The base of one-way fields to Dataverse for a record that comes from there: what it starts with here."""
        model = self.reader.table.model
        base: dict[str, Value] = {}
        for name, spec in self.fields.specs.items():
            if spec.direction == Direction.TO and spec.field is not None:
                value = canonical_local(spec, model._meta.get_field(spec.field.name).get_default())  # type: ignore[union-attr]
                if not isinstance(value, Problem):
                    base[name] = value
        return base

    def _remember_failed(self, ids: Sequence[UUID]) -> None:
        known = dict(
            FailedRow.objects.filter(mapping=self.mapping, integration_id__in=ids).values_list(
                "integration_id", "tries"
            )
        )
        new = [key for key in dict.fromkeys(ids) if key not in known]
        bulk.insert(FailedRow, ("mapping_id", "integration_id", "tries"), [(self.mapping.pk, key, 1) for key in new])
        for key, tries in known.items():
            FailedRow.objects.filter(mapping=self.mapping, integration_id=key).update(tries=tries + 1)


def _derived(model: Any, names: Sequence[str]) -> list[str]:
    return [name for name in model.derives if name not in names]


def _alike(one: str, other: str) -> bool:
    """Whether two messages say the same but for numbers and ids."""
    return _VARYING.sub("#", one) == _VARYING.sub("#", other)


def display_value(value: Any) -> Any:
    """A value as outcomes keep it."""
    if isinstance(value, Problem):
        return "(not coupled)" if value.reason == "reference_not_coupled" else "(not valid)"
    return value if isinstance(value, bool | int | str) else ("" if value is None else str(value))


def key_and_name(record: Record | None) -> tuple[str, str]:
    """What people know a record by."""
    return (record.key, record.name) if record is not None else ("", "")
