"""Views of Resolve Update Conflicts and Coupled Data Synchronization Errors, and what can be done there."""

from collections.abc import Iterable
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST, require_safe

from accounts.access import company_or_404
from connection_setup.connection.state import unavailable_text
from core.refusals import Refusal
from core.roles import Can, requires
from coupling.couplings.services import start_uncoupling
from coupling.models import IntegrationTableMapping
from jobs.errors import EmptySelection
from masterdata.models import Company
from sync.conflicts.conflicts_page import conflicts_listing, conflicts_page
from sync.conflicts.coupling_rows import off_reason
from sync.conflicts.skipped_page import skipped_listing, skipped_page
from sync.start import services as start
from sync.start.pages import redirect_to_jobs
from ui import listing, render
from ui.links import company_url


@require_safe
@requires(Can.READ)
def conflicts(request: HttpRequest, company: str) -> HttpResponse:
    """Show pairs whose same field was changed on both sides, with the choice which side counts."""
    owner = company_or_404(request, company)
    unavailable = unavailable_text(owner)
    page = conflicts_page(owner, unavailable=unavailable, off=off_reason(request.user, unavailable))
    return render.page(request, page)


@require_POST
@requires(Can.OPERATE)
def resolve(request: HttpRequest, company: str) -> HttpResponse:
    """Synchronize the selected pairs, with the chosen side winning."""
    owner = company_or_404(request, company)
    back = company_url("sync:conflicts", owner)
    selected = listing.selected(request, conflicts_listing(owner))
    if not selected:
        return listing.nothing_selected(request, back)
    try:
        started = start.resolve(
            company=owner, couplings=selected.ids, choice=request.POST.get("choice", ""), user=request.user
        )
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    return redirect_to_jobs(request, owner, started, back)


@require_safe
@requires(Can.READ)
def skipped(request: HttpRequest, company: str) -> HttpResponse:
    """Show pairs that failed twice in a row in the same way and are left out until somebody retries."""
    owner = company_or_404(request, company)
    unavailable = unavailable_text(owner)
    page = skipped_page(owner, unavailable=unavailable, off=off_reason(request.user, unavailable))
    return render.page(request, page)


@require_POST
@requires(Can.OPERATE)
def retry(request: HttpRequest, company: str) -> HttpResponse:
    """Synchronize the selected pairs again."""
    owner = company_or_404(request, company)
    selected = listing.selected(request, skipped_listing(owner))
    if not selected:
        return listing.nothing_selected(request, company_url("sync:skipped", owner))
    return _retry(request, owner, selected.ids)


@require_POST
@requires(Can.OPERATE)
def retry_all(request: HttpRequest, company: str) -> HttpResponse:
    """Synchronize every skipped pair of the company again."""
    return _retry(request, company_or_404(request, company), None)


def _retry(request: HttpRequest, company: Company, couplings: Iterable[int] | None) -> HttpResponse:
    back = company_url("sync:skipped", company)
    try:
        count, started = start.retry(company=company, couplings=couplings, user=request.user)
    except EmptySelection:
        messages.warning(request, "No record is left out.")
        return HttpResponseRedirect(back)
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    subject = "1 record is" if count == 1 else f"{count:,} records are"
    messages.success(request, f"{subject} synchronized again by the job that was started.")
    return redirect_to_jobs(request, company, started, back)


@require_POST
@requires(Can.OPERATE)
def delete_couplings(request: HttpRequest, company: str) -> HttpResponse:
    """Queue the deletion of the selected pairs' couplings; neither record is deleted."""
    owner = company_or_404(request, company)
    back = company_url("sync:skipped", owner)
    selected = listing.selected(request, skipped_listing(owner))
    if not selected:
        return listing.nothing_selected(request, back)
    by_mapping: dict[int, list[UUID]] = {}
    for mapping_id, local_id in selected.rows.values_list("mapping_id", "local_id"):
        by_mapping.setdefault(mapping_id, []).append(local_id)
    started = []
    try:
        for mapping_id, ids in by_mapping.items():
            mapping = IntegrationTableMapping.objects.select_related("company").get(pk=mapping_id)
            started.append(start_uncoupling(mapping=mapping, selection=ids, user=request.user))
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    return redirect_to_jobs(request, owner, started, back)
