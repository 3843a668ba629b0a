"""Release from Deleted Records: for outcomes of a coupling job, and for records of a list or a card."""

from collections.abc import Iterable, Iterator
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from accounts import access
from core.refusals import NotUsable
from core.roles import Can, requires
from coupling.couplings.services import start_uncoupling
from coupling.dead_partners import RELEASE, candidate_rows, dead_couplings, rows_in_the_way
from coupling.models import IntegrationTableMapping
from coupling.page_parts import EXPLAINED, job_log_url, permission_reason, show_error
from coupling.records import lists as records
from jobs.models import Job, Outcome, Reason, Type
from jobs.pages import lists as listings
from masterdata.models import Company
from ui import listing
from ui.kit import Action
from ui.links import company_url

_BLOCKED = (Reason.ALREADY_COUPLED.value, Reason.MULTIPLE_MATCHES.value)


@transaction.atomic
def release_rows(*, company: Company, row_ids: Iterable[UUID], user: Any = None) -> list[Job]:
    """Queue the release of these rows from records that were deleted here, one job per mapping.

    Raises NotUsable where none of them is coupled with such a record, Refusal.
    """
    by_mapping: dict[IntegrationTableMapping, list[UUID]] = {}
    for coupling in dead_couplings(company, row_ids):
        by_mapping.setdefault(coupling.mapping, []).append(coupling.local_id)
    if not by_mapping:
        raise NotUsable(
            "No row in question is coupled with a record that was deleted here, so there is nothing to release.",
            "Match on other fields, or look at the records that the rows are coupled with.",
        )
    return [start_uncoupling(mapping=mapping, selection=ids, user=user) for mapping, ids in by_mapping.items()]


def outcome_actions(request: HttpRequest, job: Job, outcome: str) -> Iterator[Action]:
    """Yield the action above outcomes of a coupling job whose rows were taken: for jobs.registry.outcome_actions."""
    blocked = job.type == Type.COUPLING and outcome in ("", Outcome.FAILED)
    if blocked and any(job.reasons.get(reason) for reason in _BLOCKED):
        url = company_url("coupling:release-outcomes", job.company, pk=job.pk)
        values = {"outcome": outcome, "reason": request.GET.get("reason", "")}
        off = permission_reason(request, job.company, Can.OPERATE)
        yield Action(RELEASE, url, "post", "uncouple", selection=True, off=off, values=values)


@require_POST
@requires(Can.OPERATE)
def release_outcomes(request: HttpRequest, company: str, pk: int) -> HttpResponse:
    """Release the rows that the selected outcomes found taken by records that were deleted here."""
    owner = access.company_or_404(request, company)
    job = Job.objects.filter(company=owner, pk=pk, type=Type.COUPLING).first()
    if job is None:
        raise Http404(f"{owner.name} has no coupling job {pk}.")
    outcome, reason = request.POST.get("outcome", ""), request.POST.get("reason", "")
    shown = listings.outcomes(
        job, outcome if outcome in Outcome.values else "", reason if reason in Reason.values and reason else None
    )  # fmt: skip
    back = listings.outcomes_url(job, owner, outcome=Outcome.FAILED.value)
    selected = listing.selected(request, shown)
    if not selected:
        return listing.nothing_selected(request, back)
    outcomes = selected.rows.order_by().iterator(chunk_size=2000)
    return _release(request, owner, back, candidate_rows(one.detail for one in outcomes))


@require_POST
@requires(Can.OPERATE)
def release_records(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Release the rows that keep the selected records from being coupled."""
    owner, local_table = access.company_or_404(request, company), records.table_or_404(table)
    back = records.list_url(owner, local_table)
    selected = records.selected_records(request, owner, local_table)
    if not selected:
        return listing.nothing_selected(request, back)
    ids = selected.rows.order_by().values_list("system_id", flat=True).iterator(chunk_size=2000)
    return _release(request, owner, back, rows_in_the_way(owner, ids))


def _release(request: HttpRequest, owner: Company, back: str, row_ids: Iterable[UUID]) -> HttpResponse:
    try:
        jobs = release_rows(company=owner, row_ids=row_ids, user=request.user)
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(back)
    messages.success(request, "The rows are released by the job that was started. Then couple the records again.")
    if len(jobs) == 1:
        return HttpResponseRedirect(listings.job_url(jobs[0], owner))
    return HttpResponseRedirect(job_log_url(owner, type="uncoupling"))
