"""The job log: lists, the job card, outcomes, export, cancel, and the queue."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from django.contrib import messages
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import access
from core.roles import Can, may, requires
from core.spreadsheets import csv_lines
from jobs import display, services
from jobs.mentions import PersonReading, Reader
from jobs.models import Job, Outcome, Reason
from jobs.outcomes import JobOutcomes, with_parts_known
from jobs.pages import lists as listings
from jobs.pages import page as pages
from jobs.pages import queue_statuses
from jobs.registry import Schedule, error_url, registry
from masterdata.models import Company
from ui import render
from ui.cells import text_of
from ui.kit import Action, Notice, Page, State, Status
from ui.links import company_url
from ui.listing import nothing_selected, selected


@require_safe
@requires(Can.READ)
def job_list(request: HttpRequest, company: str) -> HttpResponse:
    """Integration Synchronization Jobs; under a type filter the title is that type's."""
    found = access.company_or_404(request, company)
    chosen = request.GET.get("type", "")
    page = Page(
        title=display.LIST_TITLES.get(chosen, display.LIST_TITLES[""]),
        company=found,
        help="jobs",
        actions=[
            Action("Job Queue Entries", company_url("jobs:queue", found), icon="list"),
            Action("Errors", company_url("jobs:errors", found), icon="error"),
        ],
        listing=listings.jobs(found, chosen),
    )
    return render.page(request, page)


@require_safe
@requires(Can.READ)
def job_card(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Show one job; the page is polled while it runs."""
    found, job = _company_and_job(request, company, pk)
    return render.page(request, pages.card(request, job, found))


@require_safe
@requires(Can.READ)
def job_outcomes(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Show what became of the job's records."""
    found, job = _company_and_job(request, company, pk)
    outcome, reason = _narrowed(request)
    log = "page" in request.GET  # a further page of what was written at the time
    if outcome == Outcome.FAILED and not log and (url := error_url(found, job)):
        return HttpResponseRedirect(f"{url}&reason={reason}" if reason else url)
    return render.page(request, pages.outcomes(request, job, found, outcome, reason))


@require_safe
@requires(Can.READ)
def errors(request: HttpRequest, company: str) -> HttpResponse:
    """Go on to where the failed records of the company are settled."""
    found = access.company_or_404(request, company)
    return HttpResponseRedirect(error_url(found) or company_url("jobs:list", found))


@require_safe
@requires(Can.READ)
def export(request: HttpRequest, company: str, pk: int) -> HttpResponseBase:
    """Send the outcomes list as CSV, narrowed and searched as the page is."""
    _, job = _company_and_job(request, company, pk)
    outcome, reason = _narrowed(request)
    listing = listings.outcomes(job, outcome, reason)
    rows = JobOutcomes(job, outcome, reason, text=listing.searched(request.GET.dict()))
    response = StreamingHttpResponse(
        csv_lines(_CSV_HEAD, _lines(job, rows, PersonReading(request.user))), content_type="text/csv; charset=utf-8"
    )
    name = f"job-{job.pk}{f'-{outcome}' if outcome else ''}{f'-{reason}' if reason else ''}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def cancel(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Ask, then end the job: at once when no worker has it, else at its next checkpoint."""
    found, job = _company_and_job(request, company, pk)
    back = listings.job_url(job, found)
    if request.method != "POST":
        text = "The job ends at its next checkpoint. What it has done until then stays; it can be started again later."
        return render.confirm(
            request, title=f"Cancel {display.title(job)}?", text=text, company=found, back=back,
            action=Action("Cancel the job", request.path, method="post", icon="cancel", primary=True),
        )  # fmt: skip
    if job.ended:
        messages.info(request, f"The job had already ended: {str(job.get_state_display()).lower()}.")
    elif services.cancel(job=job, user=request.user).ended:
        messages.success(request, "The job is cancelled.")
    else:
        messages.success(request, "The job ends after the batch in hand.")
    return HttpResponseRedirect(back)


@require_safe
@requires(Can.READ)
def queue(request: HttpRequest, company: str) -> HttpResponse:
    """Job Queue Entries: what is in process, queued, postponed; and what starts by schedule."""
    found = access.company_or_404(request, company)
    lines = [line for provider in registry.schedules for line in provider(request, found)]
    status = queue_statuses.asked(request.GET)
    may_cancel = may(request.user, Can.OPERATE, found)
    cancel_them = Action("Cancel", company_url("jobs:cancel-selected", found), "post", icon="cancel", selection=True)
    on_lines = [action for provider in registry.schedule_actions for action in provider(request, found)]
    page = Page(
        display.QUEUE_TITLE,
        company=found,
        help="jobs#queue",
        state=_queue_state(lines),
        actions=[
            *on_lines,
            *([cancel_them] if may_cancel else []),
            Action("Job Log", company_url("jobs:list", found), icon="list"),
        ],
        notices=_queue_notices(lines),
        lead="jobs/queue/schedules.html",
        context={
            "schedules": queue_statuses.shown(lines, status),
            "segments": queue_statuses.segments(found, lines, status),
            "notes": _schedule_notes(request, found),
            "marks": listings.RUN_MARKS,
            "selectable": may_cancel,
        },
        listing=listings.queue(found, selectable=may_cancel, states=queue_statuses.states(status)),
    )
    return render.page(request, page)


def _queue_state(lines: Sequence[Schedule]) -> Status | None:
    """Return how the schedules stand in all: what needs somebody comes first."""
    counts = Counter(line.look for line in lines)
    words: dict[State, str] = {"bad": "error", "late": "late"}
    told = [(look, word) for look, word in words.items() if counts[look]]
    if told:
        return Status(", ".join(f"{counts[look]:,} {word}" for look, word in told), told[0][0])
    return Status("All on time", "ok") if counts["ok"] or counts["run"] else None


def _schedule_notes(request: HttpRequest, company: Company) -> list[str]:
    return list(filter(None, (provider(request, company) for provider in registry.schedule_notes)))


def _queue_notices(lines: Sequence[Schedule]) -> list[Notice]:
    """Return why all are on hold, where they are for one reason."""
    reasons = {(line.reason, line.reason_url) for line in lines if line.look == "hold" and line.reason_url}
    if len(reasons) != 1:
        return []
    ((reason, url),) = reasons
    return [Notice(f"{reason}.", "warn", "Nothing runs by itself now.", (Action("See why", url),))]


@require_POST
@requires(Can.OPERATE)
def cancel_selected(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, then end the selected entries of the queue: at once what waits, else at the next checkpoint."""
    found = access.company_or_404(request, company)
    back = company_url("jobs:queue", found)
    chosen = selected(request, listings.queue(found))
    if not chosen:
        return nothing_selected(request, back)
    if not request.POST.get("confirmed"):
        text = "What waits ends at once, the others at their next checkpoint. What they have done until then stays."
        label = "Cancel the job" if chosen.count == 1 else "Cancel the jobs"
        values = {"selection": chosen.token, "confirmed": "1"}
        action = Action(label, request.path, "post", icon="cancel", primary=True, values=values)
        title = f"Cancel {display.jobs_in_words(chosen.count)}?"
        return render.confirm(request, title=title, text=text, company=found, back=back, action=action)
    ended, asked = services.cancel_all(jobs=chosen.rows, user=request.user)
    if ended:
        messages.success(request, f"{display.jobs_in_words(ended)} {'is' if ended == 1 else 'are'} cancelled.")
    if asked:
        messages.success(
            request, f"{display.jobs_in_words(asked)} {'ends' if asked == 1 else 'end'} after the batch in hand."
        )
    return HttpResponseRedirect(back)


def _company_and_job(request: HttpRequest, slug: str, pk: int) -> tuple[Company, Job]:
    company = access.company_or_404(request, slug)
    jobs = with_parts_known(Job.objects.select_related("parent", "requested_by"))
    job = jobs.filter(company=company, pk=pk).first()
    if job is None:
        raise Http404(f"{company.name} has no job {pk}. It may have been deleted.")
    job.company = company
    return company, job


def _narrowed(request: HttpRequest) -> tuple[str, str | None]:
    """Outcome and reason of the address; what is no outcome or reason narrows nothing, "none" means without one."""
    outcome, reason = request.GET.get("outcome", ""), request.GET.get("reason", "")
    if outcome not in Outcome.values:
        return "", None
    if reason == "none":
        return outcome, ""
    return outcome, reason if reason in Reason.values and reason else None


_CSV_HEAD = (
    "Outcome", "Reason", "No.", "Name", "Why", "Compared Fields", "Candidates", "Priorities Tried", "Details",
    "Dataverse Row", "Dataverse Row ID", "Record ID", "Before and After",
)  # fmt: skip


_AT_ONCE = 500


def _lines(job: Job, rows: Any, reader: Reader) -> Iterator[tuple[str, ...]]:
    rest = iter(rows)
    while part := list(islice(rest, _AT_ONCE)):
        reader.read_rows(part)
        listings.changes_of(job, part)
        yield from map(_line, part)


def _line(row: Any) -> tuple[str, ...]:
    return (
        str(row.get_outcome_display()), listings.reason_label(row.reason), row.local_key, row.local_name, row.message,
        display.fields_text(row.detail), display.candidates_text(row.detail, shown=1000),
        display.trail_text(row.detail), display.support_text(row.detail), row.integration_name,
        str(row.integration_id or ""), str(row.local_id or ""), text_of(row.changes),
    )  # fmt: skip
