"""Full synchronization of a company: generate the review's lines, start them in waves, follow their jobs.

The lines are rows. A run is the lines with `started`; it moves on whenever a job of the company ends, and with every
tick, so that a killed worker or a lost message delays it and stops nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from core.refusals import NotUsable, Refusal
from core.vocabulary import Recommendation
from coupling.couplings.services import start_coupling
from coupling.mappings.services import get_mapping, require_enabled
from coupling.matching import criteria
from coupling.models import IntegrationTableMapping
from jobs import services as jobs
from jobs.models import OPEN_STATES, Job, State, Trigger
from sync.full import results
from sync.full.counting import count_all, couples_first, save_lines
from sync.full.recommendations import BROKEN, Line, next_step
from sync.full.ways import failed_ways, statuses
from sync.models import FullSynchReviewLine
from sync.start.services import start_synchronization

_NOT_STARTED: dict[str, Any] = {"status": "", "message": "", "job": None, "to_status": "", "from_status": ""}


def lines(company: Any, *, removed: bool = False) -> list[FullSynchReviewLine]:
    """Return the company's lines in the order of the mappings; removed ones only with `removed`."""
    rows = rows_of(company)
    return list(rows if removed else rows.filter(removed=False))


def rows_of(company: Any) -> "QuerySet[FullSynchReviewLine]":
    """Return the company's lines, each with its job and what followed that, in three queries."""
    found = FullSynchReviewLine.objects.filter(company=company)
    return found.select_related("job").prefetch_related("job__followups__followups__followups")


def is_running(company: Any) -> bool:
    """Return whether a line's job waits or runs."""
    return FullSynchReviewLine.objects.filter(company=company, status__in=OPEN_STATES).exists()


def generate(company: Any) -> list[FullSynchReviewLine]:
    """Count the uncoupled records on both sides of every mapping and write the recommendations.

    Lines that have started get their counts too, and keep the recommendation they started with. Raises Refusal
    (not_enabled), DataverseError.
    """
    counted = count_all(company)
    with transaction.atomic():
        save_lines(company, counted)
    return lines(company)


def recommend_full(line: FullSynchReviewLine) -> FullSynchReviewLine:
    """Recommend full synchronization although both sides have records, as a person wants it. Raises NotUsable."""
    if line.status:
        raise NotUsable(f"{line.name} has started already.", "Choose Restart to run it again.")
    line.overridden, line.recommendation = True, Recommendation.FULL
    line.save(update_fields=["overridden", "recommendation"])
    return line


def remove(line: FullSynchReviewLine) -> None:
    """Take a line out of the run; reset() brings it back. Raises NotUsable while it runs."""
    if line.status in OPEN_STATES:
        raise NotUsable(f"{line.name} is running.", "Cancel its job first.")
    line.removed = True
    line.save(update_fields=["removed"])


def reset(company: Any) -> list[FullSynchReviewLine]:
    """Start the review over: without states, overrides and removals, counted again.

    Raises Refusal (also while lines run), DataverseError.
    """
    _require_not_running(company)
    counted = count_all(company)
    with transaction.atomic():
        _require_not_running(company)
        FullSynchReviewLine.objects.filter(company=company).delete()
        save_lines(company, counted)
    return lines(company)


def _require_not_running(company: Any) -> None:
    if is_running(company):
        raise NotUsable("Lines are running.", "Wait until they have ended or cancel their jobs, then choose Reset.")


def restart(line: FullSynchReviewLine, *, user: Any = None) -> list[FullSynchReviewLine]:
    """Run a line that has ended once more, with what was blocked. Raises Refusal, DataverseError."""
    company = line.company
    _require_ended(line)
    counted = count_all(company)
    with transaction.atomic():
        _require_ended(FullSynchReviewLine.objects.select_for_update().get(pk=line.pk))
        again = FullSynchReviewLine.objects.filter(Q(pk=line.pk) | Q(company=company, status="blocked"))
        again.update(**_NOT_STARTED)
        save_lines(company, counted)
    return start(company, user=user)


def _require_ended(line: FullSynchReviewLine) -> None:
    if not line.status or line.status in OPEN_STATES:
        raise NotUsable(f"{line.name} has not ended, so it cannot be restarted.")


def blocked_reason(rows: Sequence[FullSynchReviewLine]) -> str:
    """Return why Sync All cannot be chosen for these lines, "" where it can."""
    if not rows:
        return "There are no lines."
    if any(row.status in OPEN_STATES for row in rows):
        return "A run is under way."
    if not any(not row.status for row in rows):
        return "Every line has run."
    return ""


def duplicates(rows: Iterable[FullSynchReviewLine]) -> list[FullSynchReviewLine]:
    """Return the lines that would create records although both sides have uncoupled ones."""
    return [
        row
        for row in rows
        if row.recommendation == Recommendation.FULL and row.local_count and row.integration_count and not row.status
    ]


def stop(company: Any, *, user: Any = None) -> list[FullSynchReviewLine]:
    """Stop the whole run: what has not begun does not, and jobs end at their next checkpoint. `go_on` goes on with it.

    Raises NotUsable where no run is under way.
    """
    waiting = FullSynchReviewLine.objects.filter(company=company, status="", started=True)
    not_begun = waiting.update(status=State.CANCELLED, message="The run was stopped before it began.")
    if not not_begun and not is_running(company):
        raise NotUsable("No full synchronization is under way.", "There is nothing to stop.")
    _follow_jobs(company)
    running = FullSynchReviewLine.objects.filter(company=company, status__in=OPEN_STATES, job__isnull=False)
    families = [results.family_of(line.job) for line in running.select_related("job") if line.job is not None]
    for job in (job for family in families for job in family):
        if job.state in OPEN_STATES:
            jobs.cancel(job=job, user=user)
    _follow_jobs(company)
    return lines(company)


def stopped(rows: Iterable[FullSynchReviewLine]) -> list[FullSynchReviewLine]:
    """Return the lines that were begun and stopped, or could not start because of one that was."""
    return [row for row in rows if row.started and row.status in (State.CANCELLED, "blocked")]


def go_on(company: Any, *, user: Any = None) -> list[FullSynchReviewLine]:
    """Go on with a run that was stopped, from where it stood: with the lines of it that were stopped or blocked.

    Raises Refusal, DataverseError.
    """
    _require_not_running(company)
    counted = count_all(company)
    with transaction.atomic():
        again = FullSynchReviewLine.objects.select_for_update().filter(company=company, removed=False, started=True)
        again.filter(status__in=(State.CANCELLED, "blocked")).update(**_NOT_STARTED)
        save_lines(company, counted)
    advance(company, user=user)
    return lines(company)


def start(company: Any, *, user: Any = None, only: Sequence[str] | None = None) -> list[FullSynchReviewLine]:
    """Start the run (Sync All): every line that has not run, or those named in `only`, in waves. Raises Refusal."""
    require_enabled(company)
    fresh = FullSynchReviewLine.objects.filter(company=company, status="", removed=False)
    if only is not None:
        fresh = fresh.filter(name__in=list(only))
    fresh.update(started=True)
    advance(company, user=user)
    return lines(company)


def advance(company: Any, *, user: Any = None) -> int:
    """Bring the lines up to their jobs, and start what may start now. Returns how many jobs were started.

    Safe to call at any time by anybody: a line is started by the one who changes its status.
    """
    _follow_jobs(company)
    rows = FullSynchReviewLine.objects.filter(company=company, started=True)
    found = next_step(
        [
            Line(row.name, Recommendation(row.recommendation), tuple(row.dependencies), row.status, row.removed)
            for row in rows
        ]
    )
    by_name = {row.name: row for row in rows}
    for name in found.nothing_to_do:
        _if_not_started(by_name[name]).update(status=State.FINISHED, message="No records to synchronize now.")
    for name, why in found.blocked.items():
        _if_not_started(by_name[name]).update(status="blocked", message=why)
    return sum(_start_line(by_name[name], user) for name in found.start)


def _if_not_started(line: FullSynchReviewLine) -> "QuerySet[FullSynchReviewLine]":
    """Return the line where nobody has started it, or stopped the run; updated so, it is started once."""
    return FullSynchReviewLine.objects.filter(pk=line.pk, status="", started=True)


def _start_line(line: FullSynchReviewLine, user: Any) -> bool:
    """Start a line's job in the transaction that changes the line. Return whether this call started it."""
    with transaction.atomic():
        if not _if_not_started(line).update(status=State.QUEUED, message=""):
            return False
        try:
            job = _start_job(line, get_mapping(line.company, line.name), user)
        except Refusal as error:
            FullSynchReviewLine.objects.filter(pk=line.pk).update(status=State.FAILED, message=error.user_message)
            return False
        ways = statuses(line.direction, job.state, ())
        FullSynchReviewLine.objects.filter(pk=line.pk).update(job=job, **ways)
    return True


def _start_job(line: FullSynchReviewLine, mapping: IntegrationTableMapping, user: Any) -> Job:
    """Queue what the recommendation says: creating on the other side, or coupling by the stored criteria."""
    couple_first = couples_first(line, has_criteria=bool(criteria.stored_criteria(mapping)))
    if line.recommendation == Recommendation.FULL and not couple_first:
        return start_synchronization(mapping=mapping, full=True, create=True, user=user, trigger=Trigger.USER)
    # Where both sides have records, the criteria couple first, so that the full synchronization duplicates nothing.
    if line.recommendation == Recommendation.FULL:
        return start_coupling(
            mapping=mapping, user=user, create_new=False, synchronize=False, strict=False, full_after=True
        )
    return start_coupling(mapping=mapping, user=user, strict=False)


def _follow_jobs(company: Any) -> None:
    """Write the state of each line's job, with its follow-ups, on the line."""
    for line in FullSynchReviewLine.objects.filter(company=company, status__in=OPEN_STATES).select_related("job"):
        if line.job is None:
            FullSynchReviewLine.objects.filter(pk=line.pk, status=line.status, job=None).update(
                status=State.FAILED, message="Its job was deleted."
            )
            continue
        status, message = _family_state(line.job)
        if status != line.status or message != line.message:
            failed = () if status in OPEN_STATES else failed_ways(results.family_of(line.job))
            ways = statuses(line.direction, status, failed)
            same = FullSynchReviewLine.objects.filter(pk=line.pk, status=line.status)
            same.update(status=status, message=message, **ways)


def _family_state(job: Job) -> tuple[str, str]:
    """Return state and message of the first of a job and its follow-ups that is open or failed.

    Where all have finished, the job's own state, and what any of them says of what is left to do.
    """
    family, said = [job], []
    while family:
        member = family.pop()
        if member.state in OPEN_STATES or member.state in BROKEN:
            return member.state, member.message
        said.append(member.message)
        family += list(member.followups.all())
    return job.state, " ".join(dict.fromkeys(filter(None, said)))


def on_job_ended(exclusive_key: str) -> None:
    """Start what waited for a job of a mapping that ended: the hook of jobs.registry.on_ended."""
    company_id, _, _ = exclusive_key.partition(":")
    if company_id.isdigit():
        _advance_running(company_id=int(company_id))


def on_tick(_now: Any) -> None:
    """Advance the runs whose jobs ended without on_job_ended being called: the hook of jobs.registry.on_tick."""
    _advance_running()


def _advance_running(**where: Any) -> None:
    waiting = FullSynchReviewLine.objects.filter(started=True, removed=False, status__in=["", *OPEN_STATES], **where)
    companies = {line.company_id: line.company for line in waiting.select_related("company")}
    for company in companies.values():
        advance(company)
