"""What a synchronization would do, with nothing written on either side."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from core.vocabulary import ConflictOption, Direction
from coupling.gateway import Gateway
from coupling.job_parameters import SyncParameters
from coupling.mappings.services import require_enabled
from coupling.models import Coupling, IntegrationTableMapping
from jobs.models import Outcome
from jobs.running.context import OutcomeRow
from sync.engine import choice_run
from sync.engine.adoption import existing_rows
from sync.engine.chunk import Chunk
from sync.engine.decisions import Decider
from sync.engine.field_specs import Fields
from sync.engine.options import DeletionsMet, Options
from sync.engine.pairs import CHUNK, CouplingRow, behind, read_couplings
from sync.rules.changes import Change, keep_remote, told
from sync.rules.values import Value
from sync.start.services import require_direction

Written = tuple[str, str, str]
"""A field that would be written: its caption, the value before and after."""


class Previewed(NamedTuple):
    """What would become of a record or pair, and what would be written of it in Dataverse and here."""

    outcome: OutcomeRow
    there: Sequence[Written] = ()
    here: Sequence[Written] = ()


@dataclass
class Preview:
    """The outcomes a run would have; `counts`, `reasons` and `requests` are filled while they are read."""

    mapping: IntegrationTableMapping
    direction: Direction = Direction.BIDIRECTIONAL
    create: bool | None = None
    selection: Iterable[UUID] | None = None
    gateway: Gateway | None = None
    overwrite: ConflictOption = ConflictOption.ASK
    """The side that wins wherever the two differ, as an unconditional run has it."""
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    brake: str = ""
    """Why the run would do nothing about pairs one side of which was deleted, once they are read: too many were."""

    def outcomes(self) -> Iterator[OutcomeRow]:
        """Yield one per pair that would be compared in full, and per record that would be created. Raises Refusal."""
        return (previewed.outcome for previewed in self.previewed())

    def previewed(self) -> Iterator[Previewed]:
        """Yield the same with what would be written of each. Raises Refusal."""
        require_enabled(self.mapping.company)
        for previewed in self._previewed(require_direction(self.mapping, self.direction)):
            outcome = previewed.outcome
            self.counts["conflicts" if outcome.outcome == Outcome.CONFLICT else str(outcome.outcome)] += 1
            if outcome.reason:
                self.reasons[str(outcome.reason)] += 1
            yield previewed

    def _previewed(self, allowed: Direction) -> Iterator[Previewed]:
        parameters = SyncParameters(direction=self.direction, create=self.create)
        creates = parameters.creates(only_coupled=self.mapping.synch_only_coupled, whole=self.selection is None)
        gateway = self.gateway or Gateway(self.mapping.company)
        if self.mapping.uid_kind == "option":
            selected = None if self.selection is None else list(self.selection)
            found = choice_run.preview(self.mapping, gateway, parameters, selected=selected)
            yield from map(Previewed, found)
            self.requests = gateway.requests
            return
        met = DeletionsMet() if self.selection is None else None
        options = Options(
            allowed=allowed, creates=creates, deletions=met, chosen=self.overwrite, overwrite=self.overwrite
        )
        decider = Decider(self.mapping, gateway, options)
        if decider.companies is not None:
            decider.companies.expects_new = True
        selected = None if self.selection is None else list(self.selection)
        decider.left_out.unasked = selected is None
        if selected is None:
            decider.reader.table.find_changes(self.mapping.company)
        for part in _in_chunks(Coupling.objects.filter(mapping=self.mapping, pending=False), selected):
            rows = gateway.read(self.mapping, decider.columns, [coupling.integration_id for coupling in part])
            yield from _of_chunk(decider.decide(decider.reader.read_pairs(part, rows)), decider.fields)
            self.brake = decider.deletions.told
        if creates and allowed != Direction.FROM:
            yield from self._created_in_dataverse(decider, selected)
        if creates and allowed != Direction.TO and selected is None:
            yield from self._created_here(decider, gateway)
        self.requests = gateway.requests

    def _created_in_dataverse(self, decider: Decider, selected: Sequence[UUID] | None) -> Iterator[Previewed]:
        coupled = Coupling.objects.filter(mapping=self.mapping, local_id=OuterRef("system_id"))
        query = decider.reader.company_records.filter(decider.reader.table_filter).filter(~Exists(coupled))
        if selected is not None:
            query = query.filter(system_id__in=selected)
        records, last = decider.reader.read_next_records(query, CHUNK)
        while records:
            there = existing_rows(decider, records)
            for record in records:
                if record.id in there:
                    yield Previewed(OutcomeRow(
                        Outcome.COUPLED, local_id=record.id, local_key=record.key, local_name=record.name,
                        integration_id=there[record.id],
                        message="It would be coupled with the row that is there already, and compared with it.",
                    ))  # fmt: skip
            others = [record for record in records if record.id not in there]
            yield from _of_chunk(decider.decide([], records=others), decider.fields)
            records, last = decider.reader.read_next_records(behind(query, last), CHUNK)

    def _created_here(self, decider: Decider, gateway: Gateway) -> Iterator[Previewed]:
        taken = Coupling.objects.filter(company=self.mapping.company)  # through any mapping: one record for a row
        for page in gateway.scan(self.mapping, decider.columns):
            ids = [row.id for row in page.rows]
            coupled = set(taken.filter(integration_id__in=ids).values_list("integration_id", flat=True))
            rows = [row for row in page.rows if row.id not in coupled]
            yield from _of_chunk(decider.decide([], rows), decider.fields)


def _in_chunks(query: "QuerySet[Coupling]", selected: Sequence[UUID] | None) -> Iterator[list[CouplingRow]]:
    if selected is not None:
        for start in range(0, len(selected), CHUNK):
            if found := read_couplings(query.filter(local_id__in=selected[start : start + CHUNK])):
                yield found
        return
    last = 0
    while found := read_couplings(query.filter(id__gt=last).order_by("id")[:CHUNK]):
        last = found[-1].id
        yield found


def _of_chunk(chunk: Chunk, fields: Fields) -> Iterator[Previewed]:
    """Yield the outcomes that a decided chunk would have, with what would be written."""
    yield from map(Previewed, chunk.changes.outcomes)
    yield from (Previewed(outcome) for _, outcome in chunk.changes.unchanged)
    for sent in chunk.remote_updates:
        yield Previewed(sent.outcome, _changed(fields, sent.changes), _changed(fields, sent.local_changes))
    yield from (Previewed(one) for _, one in (*chunk.to_release, *chunk.to_delete, *chunk.changes.local_deletes))
    for taken in chunk.changes.local_updates:
        yield Previewed(taken.outcome, (), _changed(fields, taken.changes))
    for row in chunk.remote_inserts:
        outcome = OutcomeRow(
            Outcome.INSERTED, local_id=row.record.id, local_key=row.record.key, local_name=row.record.name,
            message="It would be created in Dataverse.", detail={"side": "integration"},
        )  # fmt: skip
        held_back = row.held_back.base if row.held_back is not None else {}
        yield Previewed(outcome, there=_new(fields, {**row.base, **held_back}))
    for record in chunk.changes.local_inserts:
        outcome = OutcomeRow(
            Outcome.INSERTED, integration_id=record.integration_id, integration_name=record.name,
            message="It would be created here.", detail={"side": "local"},
        )  # fmt: skip
        yield Previewed(outcome, here=_new(fields, record.base))


def _changed(fields: Fields, changes: Iterable[Change]) -> list[Written]:
    """Return the values before and after of what would be changed, as a person reads them."""
    return [(_caption(fields, one.name), told(one.before), told(one.after)) for one in changes]


def _new(fields: Fields, base: Mapping[str, Value]) -> list[Written]:
    """Return the values that a new record or row would begin with, but for blanks."""
    values = ((name, told(keep_remote(fields.specs[name], value))) for name, value in base.items()
              if name in fields.specs)  # fmt: skip
    return [(_caption(fields, name), "", value) for name, value in values if value]


def _caption(fields: Fields, name: str) -> str:
    spec = fields.specs.get(name)
    return name if spec is None else spec.caption
