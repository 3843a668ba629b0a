"""Actions of Dataverse Connection Setup that rooms above carry out, and the way into the guide."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.access import company as company_of
from connection_setup import hooks
from connection_setup.connection import state
from connection_setup.models import DataverseConnection
from connection_setup.setup import views
from core.refusals import Refusal
from core.roles import Can, requires
from ui import render
from ui.kit import Action
from ui.links import company_url, optional_url


@views.save_form_first
def assist(_: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Assisted Setup: the guide goes on with what was typed."""
    return HttpResponseRedirect(company_url("connection_setup:guide", connection.company))


@requires(Can.MAP)
@require_http_methods(["GET", "HEAD", "POST"])
def default_setup(request: HttpRequest, company: str) -> HttpResponse:
    """Use Default Synchronization Setup: ask, then have mappings and schedules go back to their default."""
    owner = company_of(request, company)
    back = company_url("connection_setup:setup", owner)
    if off := state.unavailable_reason(owner):
        messages.error(request, f"Nothing was changed. {off.user_message}")
        return HttpResponseRedirect(back)
    if request.method != "POST":
        return render.confirm(
            request,
            title="Use Default Synchronization Setup?",
            text="Mappings with their filters, field mappings, matching criteria and schedules go back to their "
            "default. What was changed there is lost. Couplings and data stay as they are.",
            action=Action("Use default setup", company_url("connection_setup:default-setup", owner), "post"),
            back=back,
            company=owner,
            careful=True,
        )
    with state.audit_as(request.user):
        said = hooks.reset_setup(owner, request.user)
    messages.success(request, said or "There are no mappings that have a default.")
    return HttpResponseRedirect(back)


@requires(Can.OPERATE)
@require_http_methods(["GET", "HEAD", "POST"])
def synchronize_modified(request: HttpRequest, company: str) -> HttpResponse:
    """Synchronize Modified Records: ask, then queue a job per mapping."""
    owner = company_of(request, company)
    back = company_url("connection_setup:setup", owner)
    if off := state.unavailable_reason(owner):
        messages.error(request, f"Nothing was queued. {off.user_message}")
        return HttpResponseRedirect(back)
    if request.method != "POST":
        return render.confirm(
            request,
            title="Synchronize Modified Records?",
            text="A job per mapping is queued, in the order in which mappings depend on each other. The jobs run in "
            "the background; Synch. Job Queue Entries shows them.",
            action=Action("Synchronize", company_url("connection_setup:synchronize-modified", owner), "post"),
            back=back,
            company=owner,
        )
    try:
        with transaction.atomic():
            count = hooks.start_synchronizations(owner, request.user)
    except Refusal as error:
        messages.error(request, f"Nothing was queued. {error.user_message}")
        return HttpResponseRedirect(back)
    if not count:
        messages.warning(request, "There is no mapping to synchronize. Use Default Synchronization Setup makes them.")
        return HttpResponseRedirect(back)
    jobs = "1 job is queued" if count == 1 else f"{count} jobs are queued"
    messages.success(request, f"{jobs}, one per mapping. Each is listed here until it has ended.")
    return HttpResponseRedirect(optional_url("jobs:queue", owner) or reverse("ui:home"))
