"""The job of a preview: look at every coupling that a job made as undoing it does, and keep what would become of it.

Both sides are read where synchronization wrote something, so that what is told is what they hold now. Nothing is
written on either side, and no coupling ends. It waits for other jobs of the mapping: what they are about to write
counts.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from django.utils import timezone

from core.words import counted
from coupling.mappings.services import get_mapping, require_enabled
from jobs.models import OPEN_STATES, Job, Reason
from jobs.running.context import JobContext
from sync.models import UndoPreview, UndoPreviewPart, WrittenSide
from sync.rules.values import Side
from sync.undo.choices import choices_made
from sync.undo.parameters import UndoPreviewParameters
from sync.undo.planning import PAIRS, End, Planning
from sync.undo.previewed import ENDS, FAILS, PreviewedPair, PreviewedValue, pack_pairs
from sync.undo.reading import Made
from sync.undo.services import KEPT

_DROPPED_AT_ONCE = 5
Found = Mapping[str, Sequence[PreviewedPair]]
"""What was found of a part, by kind."""


def handle(context: JobContext) -> None:
    """Preview an undo. Raises Refusal, DataverseError."""
    asked = UndoPreviewParameters.load(context.parameters)
    mapping = get_mapping(context.company, context.job.mapping_name)
    require_enabled(context.company)
    undone = Job.objects.filter(company=context.company, pk=asked.job).first()
    if undone is None:
        context.fail(Reason.CONFIGURATION, f"Job {asked.job} is no longer kept, so it cannot be undone.")
    if "after" not in context.resume:
        _begin(context, undone)
    if mapping.uid_kind == "option":
        if not context.resume["chunk"]:
            _save(context, _by_kind(_of(made) for made, _ in choices_made(undone, mapping)), behind=0)
    else:
        planning = Planning(context, mapping, undone)
        numbers = planning.made.numbers
        if context.job.total is None:
            with context.checkpoint() as point:
                point.total = len(numbers)
        while left := numbers[numbers > context.resume["after"]][:PAIRS].tolist():
            _save(context, _found(planning, left), behind=left[-1])
    _finish(context)


def _begin(context: JobContext, undone: Job) -> None:
    with context.checkpoint() as point:
        row, _ = UndoPreview.objects.get_or_create(
            job=context.job, defaults={"undone": undone, "kept_until": timezone.now() + KEPT}
        )
        UndoPreviewPart.objects.filter(preview=row).delete()
        point.phase, point.resume = "Looking at couplings", {"after": 0, "chunk": 0, "numbers": {}}


def _found(planning: Planning, numbers: Sequence[int]) -> Found:
    """Return what would become of some couplings."""
    found: list[tuple[str, PreviewedPair]] = []
    while numbers:
        pairs = planning.made.look(numbers)
        found += [_of(made) for made in pairs if made.why is not None]
        ends = planning.ends([made for made in pairs if made.why is None], {})
        found += [(FAILS if end.fails else ENDS, _ending(planning, end)) for end in ends if not end.waits]
        numbers = [end.made.number for end in ends if end.waits]  # somebody uncoupled them just now
    return _by_kind(found)


def _by_kind(found: Iterable[tuple[str, PreviewedPair]]) -> Found:
    by_kind: dict[str, list[PreviewedPair]] = defaultdict(list)
    for kind, pair in found:
        by_kind[kind].append(pair)
    return by_kind


def _of(made: Made) -> tuple[str, PreviewedPair]:
    """Return a coupling of which no value goes back, with its kind."""
    kind = ENDS if made.why is None else made.why.why.value
    return kind, _kept(made, message=made.why.message if made.why is not None else "")


def _kept(made: Made, **more: Any) -> PreviewedPair:
    local_id, row_id = (one.bytes if one is not None else b"" for one in (made.local_id, made.row_id))
    more.setdefault("row_name", made.row_name)
    return PreviewedPair(made.number, local_id, row_id, made.key, made.name, created=made.created, **more)


def _ending(planning: Planning, end: End) -> PreviewedPair:
    """Return a coupling that ends, or that cannot, with what becomes of the values that were written."""
    plan = end.plan
    if plan is None:
        return _kept(end.made, message=end.problem)
    going = {(one.side == Side.LOCAL, one.name): one for one in end.changes} if not end.fails else {}
    values = []
    for one in end.asked:
        here = one.side == WrittenSide.LOCAL
        change = going.get((here, one.field.name))
        if change is not None:
            values.append(PreviewedValue(change.name, one.field.caption, here, change.before, change.after))
        elif why := planning.why_kept(end, one):
            held = planning.planner.held(plan.pair, one)
            values.append(PreviewedValue(one.field.name, one.field.caption, here, held, None, why))
    row_name = plan.pair.remote.name if plan.pair.remote is not None else ""
    return _kept(end.made, message=end.problem, values=values, row_name=row_name)


def _save(context: JobContext, by_kind: Found, *, behind: int) -> None:
    """Store a part, and count it."""
    chunk, numbers = context.resume["chunk"] + 1, Counter(context.resume["numbers"])
    parts = []
    for kind, pairs in by_kind.items():
        back, kept = sum(len(one.back) for one in pairs), sum(len(one.kept) for one in pairs)
        parts.append(
            UndoPreviewPart(
                preview_id=context.job.pk, kind=kind, chunk=chunk, first=numbers[kind], count=len(pairs),
                first_back=numbers[f"{kind}:back"], back=back, first_kept=numbers[f"{kind}:kept"], kept=kept,
                packed=pack_pairs(pairs),
            )
        )  # fmt: skip
        here = sum(value.here for one in pairs for value in one.back)
        created = sum(one.created for one in pairs) if kind == ENDS else 0
        numbers.update(
            {kind: len(pairs), f"{kind}:back": back, f"{kind}:kept": kept, "here": here, "created": created,
             "total": len(pairs)}
        )  # fmt: skip
    done = sum(map(len, by_kind.values()))
    with context.checkpoint() as point:
        UndoPreviewPart.objects.bulk_create(parts)
        point.processed(done)
        point.resume = {"after": behind, "chunk": chunk, "numbers": dict(numbers)}


def _finish(context: JobContext) -> NoReturn:
    numbers = {"total": 0, **context.resume["numbers"]}
    with context.checkpoint() as point:
        UndoPreview.objects.filter(job=context.job).update(
            complete=True, numbers=numbers, kept_until=timezone.now() + KEPT
        )
        point.total = numbers["total"]
    ends = counted(numbers.get(ENDS, 0), "coupling")
    context.finish(f"{ends} would end of {numbers['total']:,}. Nothing was changed.")


def drop_expired(now: Any) -> None:
    """Delete previews that are kept no longer, a few at a tick: the hook of jobs.registry.on_tick.

    One that is being carried out stays, and so does one that is still made.
    """
    expired = UndoPreview.objects.filter(kept_until__lt=now).exclude(job__state__in=OPEN_STATES)
    for one in expired.exclude(carried_out_by__state__in=OPEN_STATES).order_by("pk")[:_DROPPED_AT_ONCE]:
        UndoPreviewPart.objects.filter(preview=one)._raw_delete(UndoPreviewPart.objects.db)
        one.delete()
