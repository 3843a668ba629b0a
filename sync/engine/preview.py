"""What a synchronization would do, with nothing written on either side."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef

from core.vocabulary import Direction
from coupling.gateway import Gateway
from coupling.job_parameters import SyncParameters
from coupling.mappings.services import require_enabled
from coupling.models import Coupling, IntegrationTableMapping
from coupling.rows import RemoteRow
from jobs.models import Outcome
from jobs.running.runner import OutcomeRow
from sync.engine.decisions import Chunk, Decider, Options
from sync.engine.pairs import CHUNK, Link, links
from sync.rules.plan import intersect_direction
from sync.start.services import make_sure_possible


@dataclass
class Preview:
    """The outcomes a run would have; `counts` fills while they are read."""

    mapping: IntegrationTableMapping
    direction: Direction = Direction.BIDIRECTIONAL
    create: bool | None = None
    selection: Iterable[UUID] | None = None
    gateway: Gateway | None = None
    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    requests: int = 0

    def outcomes(self) -> Iterator[OutcomeRow]:
        """One per pair that would be compared in full, and per record that would be created. Raises Refusal."""
        require_enabled(self.mapping.company)
        make_sure_possible(self.mapping, self.direction)
        for outcome in self._outcomes():
            self.counts["conflicts" if outcome.outcome == Outcome.CONFLICT else str(outcome.outcome)] += 1
            if outcome.reason:
                self.reasons[str(outcome.reason)] += 1
            yield outcome

    def _outcomes(self) -> Iterator[OutcomeRow]:
        allowed = intersect_direction(self.direction, Direction(self.mapping.direction)) or Direction.BIDIRECTIONAL
        asked = SyncParameters(direction=self.direction, create=self.create)
        creating = asked.creates(only_coupled=self.mapping.synch_only_coupled, whole=self.selection is None)
        door = self.gateway or Gateway(self.mapping.company)
        decider = Decider(self.mapping, door, Options(allowed=allowed, creating=creating))
        chosen = None if self.selection is None else list(self.selection)
        for part in _parts(Coupling.objects.filter(mapping=self.mapping, pending=False), chosen):
            there = door.read(self.mapping, decider.columns, [link.integration_id for link in part])
            yield from _told(decider.decide(decider.reader.pairs(part, there)))
        if creating and allowed != Direction.FROM:
            yield from self._created_there(decider, chosen)
        if creating and allowed != Direction.TO and chosen is None:
            yield from self._created_here(decider, door)
        self.requests = door.requests

    def _created_there(self, decider: Decider, chosen: list[UUID] | None) -> Iterator[OutcomeRow]:
        coupled = Coupling.objects.filter(mapping=self.mapping, local_id=OuterRef("system_id"))
        query = decider.reader.model_records.filter(decider.reader.filter).filter(~Exists(coupled)).order_by("pk")
        if chosen is not None:
            query = query.filter(system_id__in=chosen)
        last = 0
        while part := dict(query.filter(pk__gt=last).values_list("pk", "system_id")[:CHUNK]):
            last = max(part)
            yield from _told(decider.decide([], records=list(decider.reader.records_by_id(part.values()).values())))

    def _created_here(self, decider: Decider, door: Gateway) -> Iterator[OutcomeRow]:
        for page in door.scan(self.mapping, decider.columns):
            ids = [row.id for row in page.rows]
            known = set(
                Coupling.objects.filter(company=self.mapping.company, table=self.mapping.table, integration_id__in=ids)
                .values_list("integration_id", flat=True)
            )  # fmt: skip
            rows: list[RemoteRow] = [row for row in page.rows if row.id not in known]
            yield from _told(decider.decide([], rows))


def _parts(query: Any, chosen: list[UUID] | None) -> Iterator[list[Link]]:
    if chosen is not None:
        for start in range(0, len(chosen), CHUNK):
            if found := links(query.filter(local_id__in=chosen[start : start + CHUNK])):
                yield found
        return
    last = 0
    while found := links(query.filter(id__gt=last).order_by("id")[:CHUNK]):
        last = found[-1].id
        yield found


def _told(chunk: Chunk) -> Iterator[OutcomeRow]:
    """What a decided chunk would record."""
    yield from chunk.saved.outcomes
    yield from (one.outcome for one in chunk.sends)
    yield from (outcome for _, outcome in chunk.released)
    yield from (outcome for _, _, outcome, *_ in chunk.saved.updates)
    for one in chunk.creates:
        yield OutcomeRow(
            Outcome.INSERTED, local_id=one.record.id, local_key=one.record.key, local_name=one.record.name,
            message="It would be created in Dataverse.", detail={"side": "integration"},
        )  # fmt: skip
    for new in chunk.saved.inserts:
        yield OutcomeRow(
            Outcome.INSERTED, integration_id=new.integration_id, integration_name=new.name,
            message="It would be created here.", detail={"side": "local"},
        )  # fmt: skip
