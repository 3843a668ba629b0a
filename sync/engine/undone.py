"""What runs leave undone, as rows: saved with the outcomes it comes from, deleted when it heals, taken up again."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from core import bulk
from core.vocabulary import Direction
from coupling.contact_accounts import CONTACT, accounts_of_companies
from coupling.failures import likely
from coupling.models import Coupling, IntegrationTableMapping, OptionMapping, UndoneRecord, couplings_of_table
from coupling.undone import FOR_A_RECORD
from jobs.models import Outcome, Reason
from jobs.running.context import OutcomeRow
from masterdata import catalog
from sync.engine.chunk import RemoteUpdate, Undone
from sync.models import DuePair
from sync.rules.backoff import pause_after
from sync.rules.values import Reference

_PART = 500
"""Ids in one query."""
_ENDS = frozenset({
    Outcome.INSERTED, Outcome.MODIFIED, Outcome.UNCHANGED, Outcome.UNCOUPLED, Outcome.DELETED, Outcome.CONFLICT,
})  # fmt: skip
"""Outcomes after which nothing is undone; conflicts wait on a page of their own."""
_COLUMNS = (
    "coupling_id", "local_id", "integration_id", "local_key", "local_name", "integration_name", "reason", "condition",
    "waits_for", "successor_id", "other_company_id",
)  # fmt: skip
_STATE = ("attempts", "last_at", "look_at", "settled_at", "job_id")

_Key = tuple[int | None, UUID | None, UUID | None]
"""A pair by its coupling; a record or a row by its own id."""


def waits_for_record(local_id: UUID) -> str:
    """Return what a row waits for while a likely duplicate here may be it: until that is settled."""
    return f"{FOR_A_RECORD}{local_id}"


def _key(coupling_id: int | None, local_id: UUID | None, integration_id: UUID | None) -> _Key:
    return (coupling_id, None, None) if coupling_id is not None else (None, local_id, integration_id)


class UndoneLedger:
    """Keeps the undone records of one mapping, for one job."""

    def __init__(self, mapping: IntegrationTableMapping, job_id: int) -> None:
        self.mapping, self.job_id = mapping, job_id
        self._any: bool | None = None

    @property
    def rows(self) -> "QuerySet[UndoneRecord]":
        """The mapping's undone records."""
        return UndoneRecord.objects.filter(mapping=self.mapping)

    @property
    def any(self) -> bool:
        """Whether the mapping has undone records; asked for once, since most have none."""
        if self._any is None:
            self._any = self.rows.exists()
        return self._any

    def save(self, undone: Sequence[Undone], outcomes: Iterable[OutcomeRow]) -> None:
        """Store what is left undone, and delete what these outcomes end. Call it inside a checkpoint."""
        if self.any:
            ended = [row for row in outcomes if row.outcome in _ENDS]
            self._delete("local_id", [row.local_id for row in ended])
            self._delete("integration_id", [row.integration_id for row in ended])
        if undone:
            self._store({_key(one.coupling_id, one.local_id, one.integration_id): _fit(one) for one in undone})

    def forget_rows(self, row_ids: Iterable[UUID]) -> None:
        """Delete what concerns uncoupled rows that are gone, or that nobody wants here any more."""
        if self.any:
            self._delete("integration_id", row_ids, coupling=None)

    def wake_rows(self, row_ids: Iterable[UUID], now: datetime) -> None:
        """Have uncoupled rows that changed taken up by the run that began `now`."""
        for part in _parts(row_ids) if self.any else ():
            self.rows.filter(coupling=None, integration_id__in=part).update(look_at=now)

    def _delete(self, name: str, ids: Iterable[UUID | None], **such: Any) -> None:
        for part in _parts(ids):
            self.rows.filter(**{f"{name}__in": part}, **such)._raw_delete(UndoneRecord.objects.db)

    def _store(self, undone: dict[_Key, Undone]) -> None:
        self._any = True
        now, known = timezone.now(), self._known(undone)
        new: list[tuple[Any, ...]] = []
        changed: list[tuple[Any, ...]] = []
        for key, one in undone.items():
            row = known.get(key)
            same = row is not None and (row.reason, row.condition, row.other_company_id) == (
                one.reason, one.condition, one.other_company_id,
            )  # fmt: skip
            attempts = row.attempts + 1 if row is not None and same else 1
            settled_at = row.settled_at if row is not None and same else None
            state = (attempts, now, self._look_at(one, attempts, now), settled_at, self.job_id)
            if row is None:
                new.append((self.mapping.company_id, self.mapping.pk, *one, *state, now))
            else:
                changed.append((row.pk, *one, *state, row.since if same else now))
        bulk.insert(UndoneRecord, ("company_id", "mapping_id", *_COLUMNS, *_STATE, "since"), new)
        bulk.update(UndoneRecord, "id", (*_COLUMNS, *_STATE, "since"), changed)

    def _known(self, undone: dict[_Key, Undone]) -> dict[_Key, UndoneRecord]:
        found: dict[_Key, UndoneRecord] = {}
        for name, place, such in (
            ("coupling_id", 0, {}), ("local_id", 1, {"coupling": None}), ("integration_id", 2, {"coupling": None}),
        ):  # fmt: skip
            for part in _parts(key[place] for key in undone):
                for row in self.rows.filter(**{f"{name}__in": part}, **such):
                    found[_key(row.coupling_id, row.local_id, row.integration_id)] = row
        return found

    def _look_at(self, one: Undone, attempts: int, now: datetime) -> datetime | None:
        """Return when a run takes it up by itself; None where a change of either side brings it back anyway."""
        if one.reason == Reason.OUTSIDE_FILTER and self.mapping.direction != Direction.TO:
            return None
        if one.waits_for.startswith(FOR_A_RECORD):
            return None
        return now + pause_after(attempts)

    # -- taking up again --------------------------------------------------------------------------------------------

    def wake(self, now: datetime) -> None:
        """Have the run that begins take up what may have healed: call it in the checkpoint that begins it."""
        if not self.any:
            return
        waiting = set(self.rows.exclude(waits_for="").order_by().values_list("waits_for", flat=True).distinct())
        for_records = {text for text in waiting if text.startswith(FOR_A_RECORD)}
        over = [*_coupled_now(self.mapping, waiting - for_records), *_settled_now(self.mapping, for_records)]
        for part in _parts(over):
            self.rows.filter(waits_for__in=part).update(look_at=now)
        due = self.rows.filter(look_at__lte=now).exclude(coupling=None)
        pairs = due.filter(Exists(Coupling.objects.filter(pk=OuterRef("coupling_id"))), settled_at=None)
        rows = ((coupling_id, self.mapping.pk) for coupling_id in pairs.values_list("coupling_id", flat=True))
        bulk.insert(DuePair, ("coupling_id", "mapping_id"), list(rows)[: bulk.MAX_ROWS], ignore_conflicts=True)

    def rows_to_create(self, now: datetime, after: int, count: int) -> dict[int, UUID]:
        """Return uncoupled rows to be tried again, by the keys of their lines, behind the key `after`."""
        due = self.rows.filter(
            coupling=None, local_id=None, look_at__lte=now, pk__gt=after, settled_at=None
        ).order_by("pk")  # fmt: skip
        return {pk: row_id for pk, row_id in due.values_list("pk", "integration_id")[:count] if row_id is not None}

    def records_to_create(self, now: datetime) -> Q:
        """Return the condition on local records that creating their rows is due again, or that they changed since."""
        lines = self.rows.filter(coupling=None, local_id=OuterRef("system_id"), settled_at=None)
        return Q(Exists(lines.filter(Q(look_at__lte=now) | Q(last_at__lt=OuterRef("modified_at")))))

    def drop_moot(self, wanted: "QuerySet[Any]") -> None:
        """Delete the lines of pairs, records and rows for which nothing is left to do.

        wanted: the mapping's records inside its filter. Call it in the checkpoint that ends a run.
        """
        if not self.any:
            return
        pair = Coupling.objects.filter(pk=OuterRef("coupling_id"))
        record = Coupling.objects.filter(mapping=self.mapping, local_id=OuterRef("local_id"), pending=False)
        row = Coupling.objects.filter(company=self.mapping.company_id, integration_id=OuterRef("integration_id"))
        uncoupled = Q(coupling=None)
        gone = uncoupled & Q(local_id__isnull=False) & ~Q(Exists(wanted.filter(system_id=OuterRef("local_id"))))
        coupled = uncoupled & (Q(Exists(record)) | Q(Exists(row)))
        moot = self.rows.filter(gone | coupled | (~uncoupled & ~Q(Exists(pair))))
        UndoneRecord.objects.filter(pk__in=list(moot.values_list("pk", flat=True)[: bulk.MAX_ROWS])).delete()


def _fit(one: Undone) -> Undone:
    """Return the line as its columns take it: cut, and without the one character PostgreSQL has no place for."""
    return one._replace(
        local_key=one.local_key[:80].replace("\0", ""), local_name=one.local_name[:200].replace("\0", ""),
        integration_name=one.integration_name[:200].replace("\0", ""), condition=one.condition.replace("\0", ""),
        waits_for=one.waits_for[:160],
    )  # fmt: skip


def _parts(ids: Iterable[Any]) -> Iterable[list[Any]]:
    distinct = [one for one in dict.fromkeys(ids) if one is not None]
    return (distinct[start : start + _PART] for start in range(0, len(distinct), _PART))


def _coupled_now(mapping: IntegrationTableMapping, waiting: Iterable[str]) -> list[str]:
    """Return those of these references that are coupled, with a row or with a choice."""
    by_table: dict[str, list[Reference]] = {}
    for text in waiting:
        reference = Reference.parse(text)
        by_table.setdefault(reference.table, []).append(reference)
    found: list[str] = []
    for table, references in by_table.items():
        couplings = couplings_of_table(mapping.company_id, table).filter(pending=False)
        rows_of_any_table = Coupling.objects.filter(company=mapping.company_id, pending=False)
        options = OptionMapping.objects.filter(company=mapping.company_id, mapping__table=table)
        local = catalog.table(table)
        chosen = [reference.row_id for reference in references if reference.row_id.lstrip("-").isdigit()]
        for part in _parts(chosen):
            values = options.filter(value__in=[int(value) for value in part]).values_list("value", flat=True)
            found += [str(Reference(table, row_id=str(value))) for value in values]
        for part in _parts(one.row_id for one in references if one.row_id and one.row_id not in chosen):
            rows = rows_of_any_table.filter(integration_id__in=part).values_list("integration_id", flat=True)
            found += [str(Reference(table, row_id=str(row_id))) for row_id in rows]
        if table == CONTACT:  # companies are coupled by their customers and vendors
            codes = accounts_of_companies(mapping.company, [one.code for one in references if one.code])
            found += [str(Reference(table, code=code)) for code in codes]
        for part in _parts(reference.code for reference in references if reference.code):
            records = local.records(mapping.company).filter(**{f"{local.key}__in": part})
            own = OuterRef("system_id")
            coupled = records.filter(
                Q(Exists(couplings.filter(local_id=own))) | Q(Exists(options.filter(local_id=own)))
            )  # fmt: skip
            found += [str(Reference(table, code=str(code))) for code in coupled.values_list(local.key, flat=True)]
    return found


def _settled_now(mapping: IntegrationTableMapping, waiting: Iterable[str]) -> set[str]:
    """Return those of these records that are likely duplicates no longer: coupled, gone, or found to be new."""
    over = set(waiting)
    for part in _parts(UUID(text.removeprefix(FOR_A_RECORD)) for text in waiting):
        still = likely.waiting(mapping).filter(local_id__in=part)
        over -= {waits_for_record(local_id) for local_id in still.values_list("local_id", flat=True)}
    return over


def tries_of(updates: Iterable[RemoteUpdate]) -> dict[int, int]:
    """Return by coupling id how often these pairs have changed while they were written."""
    ids = [one.pair.coupling.id for one in updates]
    known = dict(DuePair.objects.filter(coupling_id__in=ids).values_list("coupling_id", "tries"))
    return {coupling_id: known.get(coupling_id, 0) for coupling_id in ids}
