"""Views of the actions that rooms above carry out, and the way into the guide."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts.access import company_or_404
from connection_setup import hooks
from connection_setup.checks import services as checks_services
from connection_setup.connection import state
from connection_setup.models import DataverseConnection
from connection_setup.setup import local_currency
from connection_setup.setup.views import save_form_first
from connection_setup.web_hook import services as web_hook
from core.refusals import Refusal
from core.roles import Can, requires
from dataverse.errors import DataverseError
from ui import render
from ui.kit import Action
from ui.links import company_url, optional_url


@save_form_first
def assist(_: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Save what was typed, and redirect to the guide (Assisted Setup)."""
    return HttpResponseRedirect(company_url("connection_setup:guide", connection.company))


@requires(Can.MAP)
@require_http_methods(["GET", "HEAD", "POST"])
def default_setup(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, then reset mappings and schedules to their defaults (Use Default Synchronization Setup)."""
    owner = company_or_404(request, company)
    back = company_url("connection_setup:setup", owner)
    if off := state.unavailable_reason(owner):
        messages.error(request, f"Nothing was changed. {off.user_message}")
        return HttpResponseRedirect(back)
    if request.method != "POST":
        discarded = hooks.discarded_by_reset(owner)
        return render.confirm(
            request,
            title="Use Default Synchronization Setup?",
            text="Mappings with their filters, field mappings, matching criteria and schedules are reset to their "
            "defaults. What was changed there is lost. "
            f"{'This would change:' if discarded else 'They are as they are by default now.'}",
            lines=[*discarded, "Couplings and data stay as they are."],
            action=Action("Use default setup", company_url("connection_setup:default-setup", owner), "post"),
            back=back,
            company=owner,
            careful=True,
        )
    try:
        with state.audit_as(request.user), transaction.atomic():
            result = hooks.reset_setup(owner, request.user)
    except Refusal as refusal:
        messages.error(request, f"Nothing was changed. {refusal.user_message}")
    else:
        messages.success(request, result or "There is no mapping that has defaults.")
    return HttpResponseRedirect(back)


@requires(Can.OPERATE)
@require_http_methods(["GET", "HEAD", "POST"])
def synchronize_modified(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, then queue a job per mapping (Synchronize Modified Records)."""
    owner = company_or_404(request, company)
    back = company_url("connection_setup:setup", owner)
    if off := state.unavailable_reason(owner):
        messages.error(request, f"Nothing was queued. {off.user_message}")
        return HttpResponseRedirect(back)
    if request.method != "POST":
        return render.confirm(
            request,
            title="Synchronize Modified Records?",
            text="A job per mapping is queued, in the order in which mappings depend on each other. The jobs run in "
            "the background; see Synch. Job Queue Entries.",
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
        messages.warning(
            request, "There is no mapping to synchronize. Choose Use Default Synchronization Setup to create them."
        )
        return HttpResponseRedirect(back)
    jobs = "1 job is queued" if count == 1 else f"{count} jobs are queued"
    messages.success(request, f"{jobs}, one per mapping. Each is listed here until it ends.")
    return HttpResponseRedirect(optional_url("jobs:queue", owner) or reverse("ui:home"))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def remove_web_hook(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, then remove the web hook (Remove Web Hook)."""
    owner = company_or_404(request, company)
    back = company_url("connection_setup:setup", owner)
    if request.method != "POST":
        return render.confirm(
            request,
            title="Remove the web hook?",
            text="Dataverse no longer calls this site after a change there. Changes are found when mappings run at "
            "their times.",
            action=Action("Remove", company_url("connection_setup:web-hook-remove", owner), "post"),
            back=back,
            company=owner,
        )
    try:
        with state.audit_as(request.user):
            removed = web_hook.remove(owner)
    except (Refusal, DataverseError) as error:
        messages.error(
            request, f"Calls of the web hook count for nothing now, but it is still in Dataverse. {error.user_message}"
        )
    else:
        messages.success(request, "The web hook is removed." if removed else "There was no web hook.")
    return HttpResponseRedirect(back)


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def create_currency(request: HttpRequest, company: str) -> HttpResponse:
    """Make the local currency in Dataverse, and test the connection again, which found it missing."""
    connection = state.connection_of(company_or_404(request, company))
    if request.method == "POST":
        try:
            messages.success(request, local_currency.create(connection=connection, user=request.user))
            checks_services.test_connection(connection=connection)
        except (DataverseError, Refusal) as error:
            messages.error(request, error.user_message)
    return HttpResponseRedirect(company_url("connection_setup:setup", connection.company))
