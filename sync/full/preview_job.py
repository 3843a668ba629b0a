"""The job of a preview of the full synchronization: line by line, what would be done on each side, with the values.

Nothing is written in Dataverse, and neither the review nor a coupling is changed. A line that couples first is
previewed by a job of its own, as Select Coupling Criteria does it. After a lost worker all is read and stored anew.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from typing import Any

from django.db import transaction
from django.utils import timezone

from core import bulk
from core.job_parameters import JobParameters
from core.refusals import Refusal
from core.vocabulary import Direction, Recommendation
from core.words import counted
from coupling.couplings.services import start_preview
from coupling.gateway import Gateway
from coupling.mappings.services import get_mapping, require_enabled
from coupling.models import IntegrationTableMapping
from dataverse.errors import DataverseError
from jobs import services as jobs
from jobs.models import OPEN_STATES, Job, Outcome, Type
from jobs.running.context import JobContext, OutcomeRow
from sync.engine.preview import Preview, Previewed, Written
from sync.full.estimate import Estimate
from sync.full.preview import LinePreview, is_after_others, lines_as_asked, settle
from sync.models import FullSynchPreview, FullSynchPreviewRecord, FullSynchReviewLine, PreviewKind
from sync.start.services import unconditional_way

KEPT = timedelta(hours=24)
"""How long a preview is kept."""
CHUNK = 500
_DROPPED_AT_ONCE = 5
_FIELDS = (
    "preview_id", "mapping_name", "kind", "reason", "local_id", "local_key", "local_name", "integration_id",
    "integration_name", "message", "detail", "values",
)  # fmt: skip
_KINDS = {
    Outcome.COUPLED: PreviewKind.COUPLED, Outcome.UNCOUPLED: PreviewKind.ENDED, Outcome.DELETED: PreviewKind.ENDED,
    Outcome.CONFLICT: PreviewKind.CONFLICT, Outcome.FAILED: PreviewKind.FAILED, Outcome.SKIPPED: PreviewKind.SKIPPED,
}  # fmt: skip


class FullPreviewParameters(JobParameters, frozen=True):
    """What a preview of the full synchronization is asked for. full: lines as if they were recommended in full.

    unconditional: instead, the mapping of which an unconditional full synchronization is previewed, in `direction`.
    """

    full: tuple[str, ...] = ()
    unconditional: str = ""
    direction: Direction = Direction.BIDIRECTIONAL


class StoredLine(JobParameters, frozen=True):
    """What would come of a line.

    counts: how many of each kind (PreviewKind); after_others: see LinePreview; coupling_preview: the job that previews
    its coupling; message: why nothing of it would run; failed: whether that is a failure; brake: why a brake would stop
    part of it.
    """

    mapping: str
    recommendation: str
    counts: dict[str, int] = {}
    reasons: dict[str, int] = {}
    after_others: int = 0
    estimate: dict[str, Any] = {}
    coupling_preview: int | None = None
    message: str = ""
    failed: bool = False
    brake: str = ""


@transaction.atomic
def start_full_preview(
    *, company: Any, in_full: Sequence[str] = (), unconditional: str = "",
    direction: Direction = Direction.BIDIRECTIONAL, user: Any = None,
) -> Job:  # fmt: skip
    """Queue a preview of what Sync All would do now; the one that is made already is returned. Raises Refusal.

    unconditional, direction: see FullPreviewParameters.
    """
    require_enabled(company)
    made = Job.objects.filter(company=company, type=Type.FULL_PREVIEW, state__in=OPEN_STATES).order_by("-pk").first()
    asked = FullPreviewParameters(full=tuple(in_full), unconditional=unconditional, direction=direction)
    if made is not None and FullPreviewParameters.load(made.parameters) == asked:
        return made
    job = jobs.start(
        company=company, type=Type.FULL_PREVIEW, exclusive_key=f"full-preview:{company.pk}", parameters=asked.dump(),
        description=f"Unconditional full synchronization of {unconditional}" if unconditional
        else "What Sync All would do", user=user,
    )  # fmt: skip
    FullSynchPreview.objects.create(job=job, kept_until=timezone.now() + KEPT)
    return job


def handle(context: JobContext) -> None:
    """Handle one slice of a preview. Raises Refusal, DataverseError."""
    run = context.kept.get("run")
    if run is None:
        run = context.kept["run"] = _Run(context)
        run.begin(context)
    try:
        run.go_on(context)
    except (Refusal, DataverseError):
        context.kept.clear()  # what was being read cannot be taken up in the middle
        raise


class _Run:
    """How far a preview is, in one process."""

    def __init__(self, context: JobContext) -> None:
        asked = FullPreviewParameters.load(context.parameters)
        self.asked = asked
        if asked.unconditional:
            self.left = [_unconditional_line(get_mapping(context.company, asked.unconditional), asked.direction)]
        else:
            self.left = lines_as_asked(context.company, asked.full, context.usage)
        self.count = len(self.left)
        self.stored: list[StoredLine] = []
        self.current: _Line | None = None

    def begin(self, context: JobContext) -> None:
        """Drop what an earlier worker has stored."""
        with context.checkpoint() as point:
            FullSynchPreviewRecord.objects.filter(preview_id=context.job.pk)._raw_delete(
                FullSynchPreviewRecord.objects.db
            )
            FullSynchPreview.objects.filter(job=context.job).update(lines=[], complete=False)
            point.processed(-context.job.processed)

    def go_on(self, context: JobContext) -> None:
        """Preview what is left, line by line, and end the job. A slice may end at each checkpoint."""
        while self.current is not None or self.left:
            if self.current is None:
                self.current = _Line(context, self.left.pop(0), unconditional=bool(self.asked.unconditional))
            line = self.current
            rows = line.next_rows(context.job.pk)
            ended = line.ended
            if ended:
                self.current = None
                self.stored.append(line.stored())
            with context.checkpoint() as point:
                bulk.insert(FullSynchPreviewRecord, _FIELDS, rows)
                point.phase = f"{line.shown.line.name}, line {self.count - len(self.left)} of {self.count}"[:60]
                point.processed(line.just_read)
                if ended:
                    kept = [one.dump() for one in self.stored]
                    FullSynchPreview.objects.filter(job=context.job).update(lines=kept)
        with context.checkpoint() as point:
            FullSynchPreview.objects.filter(job=context.job).update(
                complete=True, kept_until=timezone.now() + KEPT, lines=[one.dump() for one in self.stored]
            )
            point.total = context.job.processed
            point.finish(_message(self.stored))


def _unconditional_line(mapping: IntegrationTableMapping, direction: Direction) -> FullSynchReviewLine:
    """Return a line, never saved, that stands for an unconditional full synchronization of a mapping."""
    return FullSynchReviewLine(
        company=mapping.company, name=mapping.name, direction=direction, recommendation=Recommendation.FULL
    )


class _Line:
    """One line while its records are read."""

    def __init__(self, context: JobContext, line: FullSynchReviewLine, *, unconditional: bool) -> None:
        self.shown = LinePreview(line)
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.coupling_preview: int | None = None
        self.ended, self.just_read = False, 0
        self._run: Preview | None = None
        self._previewed: Iterator[Previewed] = iter(())
        with _told(self.shown):
            if unconditional:
                mapping = get_mapping(context.company, line.name)
                way, winner = unconditional_way(mapping, Direction(line.direction))
                gateway = Gateway(context.company, context.usage)
                run = Preview(mapping, way, create=False, gateway=gateway, overwrite=winner)
                self._previewed = run.previewed()
                return
            settle(self.shown)
            if self.shown.message:
                return
            mapping = get_mapping(context.company, line.name)
            if self.shown.couples:
                user = context.job.requested_by
                self.coupling_preview = start_preview(mapping=mapping, create_new=False, user=user).pk
                self.shown.message = "couples by its criteria first."
            else:
                gateway = Gateway(context.company, context.usage)
                self._run = Preview(mapping, create=True, gateway=gateway)
                self._previewed = self._run.previewed()

    def next_rows(self, preview: int) -> list[Sequence[Any]]:
        """Return the next rows to be stored."""
        rows: list[Sequence[Any]] = []
        read: list[Previewed] = []
        with _told(self.shown):
            read = list(islice(self._previewed, CHUNK))
        self.just_read, self.ended = len(read), len(read) < CHUNK
        for previewed in read:
            self.shown.after_others += is_after_others(previewed.outcome)
            for kind, values in kinds_of(previewed):
                self.counts[kind] += 1
                self.reasons[str(previewed.outcome.reason)] += bool(previewed.outcome.reason)
                rows.append(_row(preview, self.shown.line.name, kind, previewed.outcome, values))
        return rows

    def stored(self) -> StoredLine:
        """Return what is kept of it."""
        shown = self.shown
        return StoredLine(
            mapping=shown.line.name, recommendation=str(shown.line.recommendation), counts=dict(self.counts),
            reasons={name: count for name, count in self.reasons.items() if count}, after_others=shown.after_others,
            estimate=dict(shown.line.estimate), coupling_preview=self.coupling_preview, message=shown.message,
            failed=shown.failed, brake=self._run.brake if self._run is not None else "",
        )  # fmt: skip


@contextmanager
def _told(shown: LinePreview) -> Iterator[None]:
    """Keep why a line cannot be previewed with it, and go on with the others."""
    try:
        yield
    except Refusal as error:
        shown.failed, shown.message = True, error.user_message


def kinds_of(previewed: Previewed) -> list[tuple[PreviewKind, Sequence[Written]]]:
    """Return what would be done of a record, on which side, with the values; nothing for one that stays as it is."""
    outcome = previewed.outcome
    if (kind := _KINDS.get(Outcome(outcome.outcome))) is not None:
        return [(kind, ())]
    if outcome.outcome == Outcome.INSERTED:
        if outcome.local_id is not None:
            return [(PreviewKind.CREATED_THERE, previewed.there)]
        return [(PreviewKind.CREATED_HERE, previewed.here)]
    if outcome.outcome != Outcome.MODIFIED:
        return []
    sides = [(PreviewKind.CHANGED_THERE, previewed.there), (PreviewKind.CHANGED_HERE, previewed.here)]
    return [(kind, values) for kind, values in sides if values] or [(PreviewKind.CHANGED_THERE, ())]


def _row(preview: int, mapping: str, kind: PreviewKind, row: OutcomeRow, values: Sequence[Written]) -> Sequence[Any]:
    detail = {name: value for name, value in (row.detail or {}).items() if name != "side"} or None
    return (
        preview, mapping, kind.value, str(row.reason), row.local_id, row.local_key[:80], row.local_name[:200],
        row.integration_id, row.integration_name[:200], row.message, detail, [list(one) for one in values],
    )  # fmt: skip


def totals(lines: Sequence[StoredLine]) -> Counter[str]:
    """Return how many of each kind there are in all lines."""
    found: Counter[str] = Counter()
    for line in lines:
        found.update(line.counts)
    return found


def estimate_of(lines: Sequence[StoredLine]) -> Estimate:
    """Return what all lines are expected to take."""
    return sum((found for line in lines if not line.message and (found := Estimate.load(line.estimate))), Estimate())


def stored_lines(kept: Sequence[Mapping[str, Any]]) -> list[StoredLine]:
    """Return the lines that a preview keeps."""
    return [StoredLine.load(one) for one in kept]


def _message(lines: Sequence[StoredLine]) -> str:
    found = totals(lines)
    parts = {
        "created in Dataverse": PreviewKind.CREATED_THERE, "created here": PreviewKind.CREATED_HERE,
        "changed in Dataverse": PreviewKind.CHANGED_THERE, "changed here": PreviewKind.CHANGED_HERE,
    }  # fmt: skip
    told = [f"{found[kind]:,} {what}" for what, kind in parts.items() if found[kind]]
    first = sum(line.coupling_preview is not None for line in lines)
    also = f" {counted(first, 'mapping')} would be coupled by criteria first." if first else ""
    return f"Would be written: {', '.join(told) or 'nothing'}.{also} Nothing was changed."


def drop_expired(now: Any) -> None:
    """Delete previews that are kept no longer, a few at a tick: the hook of jobs.registry.on_tick."""
    expired = FullSynchPreview.objects.filter(kept_until__lt=now).exclude(job__state__in=OPEN_STATES)
    for one in expired.order_by("pk")[:_DROPPED_AT_ONCE]:
        FullSynchPreviewRecord.objects.filter(preview=one)._raw_delete(FullSynchPreviewRecord.objects.db)
        one.delete()
