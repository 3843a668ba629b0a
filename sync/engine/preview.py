"""What a synchronization would do, with nothing written on either side."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from core.vocabulary import Direction
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
from sync.engine.options import DeletionsMet, Options
from sync.engine.pairs import CHUNK, CouplingRow, behind, read_couplings
from sync.start.services import require_direction


@dataclass
class Preview:
    """The outcomes a run would have; `counts`, `reasons` and `requests` are filled while they are read."""

    mapping: IntegrationTableMapping
    direction: Direction = Direction.BIDIRECTIONAL
    create: bool | None = None
    selection: Iterable[UUID] | None = None
    gateway: Gateway | None = None
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    requests: int = 0

    def outcomes(self) -> Iterator[OutcomeRow]:
        """Yield one per pair that would be compared in full, and per record that would be created. Raises Refusal."""
        require_enabled(self.mapping.company)
        for outcome in self._outcomes(require_direction(self.mapping, self.direction)):
            self.counts["conflicts" if outcome.outcome == Outcome.CONFLICT else str(outcome.outcome)] += 1
            if outcome.reason:
                self.reasons[str(outcome.reason)] += 1
            yield outcome

    def _outcomes(self, allowed: Direction) -> Iterator[OutcomeRow]:
        parameters = SyncParameters(direction=self.direction, create=self.create)
        creates = parameters.creates(only_coupled=self.mapping.synch_only_coupled, whole=self.selection is None)
        gateway = self.gateway or Gateway(self.mapping.company)
        if self.mapping.uid_kind == "option":
            selected = None if self.selection is None else list(self.selection)
            yield from choice_run.preview(self.mapping, gateway, parameters, selected=selected)
            self.requests = gateway.requests
            return
        met = DeletionsMet() if self.selection is None else None
        options = Options(allowed=allowed, creates=creates, deletions=met)
        decider = Decider(self.mapping, gateway, options)
        if decider.companies is not None:
            decider.companies.expects_new = True
        selected = None if self.selection is None else list(self.selection)
        decider.left_out.unasked = selected is None
        if selected is None:
            decider.reader.table.find_changes(self.mapping.company)
        for part in _in_chunks(Coupling.objects.filter(mapping=self.mapping, pending=False), selected):
            rows = gateway.read(self.mapping, decider.columns, [coupling.integration_id for coupling in part])
            yield from _chunk_outcomes(decider.decide(decider.reader.read_pairs(part, rows)))
        if creates and allowed != Direction.FROM:
            yield from self._created_in_dataverse(decider, selected)
        if creates and allowed != Direction.TO and selected is None:
            yield from self._created_here(decider, gateway)
        self.requests = gateway.requests

    def _created_in_dataverse(self, decider: Decider, selected: Sequence[UUID] | None) -> Iterator[OutcomeRow]:
        coupled = Coupling.objects.filter(mapping=self.mapping, local_id=OuterRef("system_id"))
        query = decider.reader.company_records.filter(decider.reader.table_filter).filter(~Exists(coupled))
        if selected is not None:
            query = query.filter(system_id__in=selected)
        records, last = decider.reader.read_next_records(query, CHUNK)
        while records:
            there = existing_rows(decider, records)
            for record in records:
                if record.id in there:
                    yield OutcomeRow(
                        Outcome.COUPLED, local_id=record.id, local_key=record.key, local_name=record.name,
                        integration_id=there[record.id],
                        message="It would be coupled with the row that is there already, and compared with it.",
                    )  # fmt: skip
            others = [record for record in records if record.id not in there]
            yield from _chunk_outcomes(decider.decide([], records=others))
            records, last = decider.reader.read_next_records(behind(query, last), CHUNK)

    def _created_here(self, decider: Decider, gateway: Gateway) -> Iterator[OutcomeRow]:
        taken = Coupling.objects.filter(company=self.mapping.company)  # through any mapping: one record for a row
        for page in gateway.scan(self.mapping, decider.columns):
            ids = [row.id for row in page.rows]
            coupled = set(taken.filter(integration_id__in=ids).values_list("integration_id", flat=True))
            yield from _chunk_outcomes(decider.decide([], [row for row in page.rows if row.id not in coupled]))


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


def _chunk_outcomes(chunk: Chunk) -> Iterator[OutcomeRow]:
    """Yield the outcomes that a decided chunk would have."""
    yield from chunk.changes.outcomes
    yield from (outcome for _, outcome in chunk.changes.unchanged)
    yield from (update.outcome for update in chunk.remote_updates)
    yield from (outcome for _, outcome in (*chunk.to_release, *chunk.to_delete, *chunk.changes.local_deletes))
    yield from (update.outcome for update in chunk.changes.local_updates)
    for row in chunk.remote_inserts:
        yield OutcomeRow(
            Outcome.INSERTED, local_id=row.record.id, local_key=row.record.key, local_name=row.record.name,
            message="It would be created in Dataverse.", detail={"side": "integration"},
        )  # fmt: skip
    for record in chunk.changes.local_inserts:
        yield OutcomeRow(
            Outcome.INSERTED, integration_id=record.integration_id, integration_name=record.name,
            message="It would be created here.", detail={"side": "local"},
        )  # fmt: skip
