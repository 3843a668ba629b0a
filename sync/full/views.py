"""Views of Dataverse Full Synch. Review: the page, and what can be done there."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_or_404
from connection_setup.connection.state import connection_for_request, disabled_reason
from core.refusals import Refusal
from core.roles import Can, may, requires
from coupling.failures.likely import count_waiting
from dataverse.errors import DataverseError
from jobs.models import OPEN_STATES
from masterdata.models import Company
from sync.full import services as full
from sync.full.page import (
    GO_ON,
    STOP,
    mappings_with_criteria,
    plan_sentence,
    review_listing,
    review_page,
    review_url,
    warnings,
)
from sync.models import FullSynchReviewLine
from ui import listing, render
from ui.kit import Action, Notice


@require_safe
@requires(Can.READ)
def review(request: HttpRequest, company: str) -> HttpResponse:
    """Show the lines; the records are counted when the page is opened for the first time."""
    owner = company_or_404(request, company)
    reason = disabled_reason(connection_for_request(request, owner))
    unavailable = reason.user_message if reason is not None else ""
    notices: list[Notice] = []
    known = full.lines(owner, removed=True)
    if not unavailable and not known and may(request.user, Can.OPERATE, owner):
        notices = _count(owner)
    rows = full.lines(owner) if notices or not known else [row for row in known if not row.removed]
    if any(row.started and row.status in ("", *OPEN_STATES) for row in rows):
        full.advance(owner)
        rows = full.lines(owner)
    page = review_page(owner, rows, user=request.user, unavailable=unavailable, notices=notices)
    return render.page(request, page)


def _count(company: Company) -> list[Notice]:
    """Count both sides; return why that failed."""
    try:
        full.generate(company)
    except (DataverseError, Refusal) as error:
        return [Notice(error.user_message, "bad", "The records could not be counted")]
    return []


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def sync_all(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, with the counts, then start every line that has not run."""
    owner = company_or_404(request, company)
    if request.method == "POST":
        start = partial(full.start, owner, user=request.user)
        return _do(request, owner, start, "The full synchronization has started.")
    rows = full.lines(owner)
    if why := full.blocked_reason(rows):
        messages.warning(request, why)
        return HttpResponseRedirect(review_url(owner))
    with_criteria = mappings_with_criteria(owner)
    waiting = count_waiting(owner)
    found = warnings(owner, rows, with_criteria, waiting)
    plans = " ".join(filter(None, (plan_sentence(row, with_criteria, waiting) for row in rows if not row.status)))
    return render.confirm(
        request,
        title="Sync All",
        text=plans or "No line has records to synchronize.",
        action=Action("Sync All", review_url(owner, "sync-all"), "post", icon="run", primary=True),
        back=review_url(owner),
        company=owner,
        notice=found[0] if found else None,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def stop(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, then stop the whole run."""
    owner = company_or_404(request, company)
    if request.method == "POST":
        return _do(request, owner, partial(full.stop, owner, user=request.user), "The full synchronization stops.")
    return render.confirm(
        request,
        title="Stop the full synchronization",
        text="Jobs in process end after the batch in hand; lines that have not begun do not. What was done stays, and "
        f"{GO_ON} takes up the rest.",
        action=Action(STOP, review_url(owner, "review-stop"), "post", icon="cancel", primary=True),
        back=review_url(owner),
        company=owner,
    )


@require_POST
@requires(Can.OPERATE)
def go_on(request: HttpRequest, company: str) -> HttpResponse:
    """Go on with a run that was stopped."""
    owner = company_or_404(request, company)
    return _do(request, owner, partial(full.go_on, owner, user=request.user), "The full synchronization goes on.")


@require_POST
@requires(Can.OPERATE)
def refresh(request: HttpRequest, company: str) -> HttpResponse:
    """Count both sides again."""
    owner = company_or_404(request, company)
    return _do(request, owner, partial(full.generate, owner), "Both sides have been counted again.")


@require_POST
@requires(Can.OPERATE)
def reset(request: HttpRequest, company: str) -> HttpResponse:
    """Start the review over: without states, overrides and removals, counted again."""
    owner = company_or_404(request, company)
    return _do(request, owner, partial(full.reset, owner), "The review starts over.")


@require_POST
@requires(Can.OPERATE)
def restart(request: HttpRequest, company: str) -> HttpResponse:
    """Run the selected line once more."""
    owner = company_or_404(request, company)
    rows = _selected(request, owner)
    if not rows:
        return listing.nothing_selected(request, review_url(owner))
    if len(rows) > 1:
        messages.warning(request, "Select one line only: the lines that depend on it are started by themselves.")
        return HttpResponseRedirect(review_url(owner))
    work = partial(full.restart, rows[0], user=request.user)
    return _do(request, owner, work, f"{rows[0].name} has been started again.")


@require_POST
@requires(Can.OPERATE)
def recommend_full(request: HttpRequest, company: str) -> HttpResponse:
    """Recommend full synchronization for the selected lines."""
    owner = company_or_404(request, company)
    return _do_for_each(request, owner, full.recommend_full, "{name}: full synchronization is recommended now.")


@require_POST
@requires(Can.OPERATE)
def remove(request: HttpRequest, company: str) -> HttpResponse:
    """Take the selected lines out of the run."""
    owner = company_or_404(request, company)
    return _do_for_each(request, owner, full.remove, "{name} has been taken out. Reset brings it back.")


def _do(request: HttpRequest, company: Company, work: Callable[[], Any], done: str) -> HttpResponse:
    """Do the work and say that it is done, or why not; back to the page."""
    try:
        work()
    except (Refusal, DataverseError) as error:
        messages.error(request, error.user_message)
    else:
        messages.success(request, done)
    return HttpResponseRedirect(review_url(company))


def _do_for_each(
    request: HttpRequest, company: Company, work: Callable[[FullSynchReviewLine], Any], done: str
) -> HttpResponse:
    rows = _selected(request, company)
    if not rows:
        return listing.nothing_selected(request, review_url(company))
    for line in rows:
        _do(request, company, partial(work, line), done.format(name=line.name))
    return HttpResponseRedirect(review_url(company))


def _selected(request: HttpRequest, company: Company) -> list[FullSynchReviewLine]:
    return list(listing.selected(request, review_listing(company)).rows)
