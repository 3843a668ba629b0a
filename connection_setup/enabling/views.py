"""Views of Enable the Connection: one step per request where scripts run, all at once where none do."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import company_or_404
from connection_setup.connection import settings, state
from connection_setup.enabling import page, questions
from connection_setup.enabling import run as enabling
from connection_setup.enabling.steps import ADMINISTRATOR, CONSENT
from connection_setup.models import DataverseConnection, EnablingRun
from connection_setup.provisioning import consent, consent_form, sign_in, steps
from core.refusals import Refusal
from core.roles import Can, requires
from ui import render
from ui.htmx import htmx_of
from ui.links import company_url


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def enabling_page(request: HttpRequest, company: str) -> HttpResponse:
    """Show the page of a run; a POST gives the consent that came along and takes the next steps."""
    connection = state.connection_of(company_or_404(request, company))
    run = enabling.current_run(connection.company)
    if run is None:
        return render.redirect(request, company_url("connection_setup:setup", connection.company))
    if run.ended_at is not None and request.method != "POST" and htmx_of(request):  # the page waited for the job
        messages.success(request, success_text(run))
        return render.redirect(request, run.done_url)
    if request.method != "POST" or run.ended_at is not None:
        return render.page(request, page.page(request, connection, run, in_progress=is_in_progress(request, run)))
    if enabling.waiting_for(run) == CONSENT and not consent.is_given(connection):
        form = consent_form.AcceptForm(request.POST)
        if not form.is_valid():
            return render.page(request, page.page(request, connection, run, form, in_progress=False))
        consent.give(company=connection.company, user=request.user)
    return take_steps(request, connection, run)


@requires(Can.ADMINISTER)
@require_POST
def answer(request: HttpRequest, company: str, name: str) -> HttpResponse:
    """Store the answer to a question of the setup page, and carry it out."""
    owner = company_or_404(request, company)
    try:
        text, url = questions.answer(
            company=owner, name=name, yes=request.POST.get("answer") == "yes", user=request.user
        )
    except LookupError as unknown:
        raise Http404(str(unknown)) from None
    if text:
        messages.success(request, text)
    return HttpResponseRedirect(url or company_url("connection_setup:setup", owner))


def begin(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Begin or resume enabling; answer with the page that shows the steps, or where they led."""
    company = connection.company
    if not connection.enabled and (incomplete := settings.missing_settings(connection)) is not None:
        # Nothing is asked, and no consent is given, before the fields are there that it would be about.
        fix = "Fill in and save, then turn on Enabled."
        messages.error(request, f"The connection is not enabled: {incomplete.message} {fix}")
        return render.redirect(request, company_url("connection_setup:setup", company))
    try:
        run = enabling.begin(
            company=company,
            user=request.user,
            page_url=company_url("connection_setup:enabling", company),
            done_url=company_url("connection_setup:setup", company),
        )
    except Refusal as refusal:
        messages.info(request, str(refusal))
        return render.redirect(request, company_url("connection_setup:setup", company))
    return take_steps(request, connection, run, first=True)


def take_steps(
    request: HttpRequest, connection: DataverseConnection, run: EnablingRun, *, first: bool = False
) -> HttpResponse:
    """Take the next step where scripts run, all that remain where none do; answer with the page, or where it led."""
    who: Any = {"user": request.user, "session_key": request.session.session_key}
    htmx = bool(htmx_of(request))
    if first and (htmx or request.POST.get("scripts")):
        return render.redirect(request, run.page_url)  # the page takes the steps by itself
    if not htmx and request.POST.get("scripts"):
        return HttpResponseRedirect(run.page_url)
    report = enabling.take_next_step(run, **who) if htmx else enabling.take_all_steps(run, **who)
    if run.ended_at is not None:
        messages.success(request, success_text(run))
        return render.redirect(request, run.done_url)
    if report is None:
        messages.warning(
            request,
            "The settings were changed meanwhile, or this was begun more than an hour ago, so no step was taken. "
            "Enable again.",
        )
        return render.redirect(request, company_url("connection_setup:setup", connection.company))
    if report.state == steps.FAILED:
        enabling.pause(run)
    if not htmx or report.reason == enabling.JOB:
        return render.redirect(request, run.page_url)
    return render.page(request, page.page(request, connection, run, in_progress=report.ended))


def success_text(run: EnablingRun) -> str:
    """Return the sentence that is shown once the connection is enabled."""
    if run.found.get("prepared"):
        return "The environment is prepared and the connection is enabled. The administrator's sign-in is forgotten."
    return (
        "The connection is enabled. Next, look at the Integration Table Mappings, couple records, or run a full "
        "synchronization."
    )


def is_in_progress(request: HttpRequest, run: EnablingRun) -> bool:
    """Whether the page takes the next step by itself: the run neither failed nor waits for somebody."""
    if not run.in_progress or run.ended_at is not None or enabling.failed_step(run):
        return False
    waiting_for = enabling.waiting_for(run)
    if waiting_for == ADMINISTRATOR:
        found = sign_in.current(run.company, request.session.session_key)
        return found is not None and found.signed_in_at is not None
    return not waiting_for or consent.is_given(state.connection_of(run.company))
