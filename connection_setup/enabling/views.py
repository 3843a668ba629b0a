"""Enable the Connection in the browser: the steps by themselves, one a request, or all at once without scripts."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import company as company_of
from connection_setup.connection import state
from connection_setup.enabling import page, questions
from connection_setup.enabling import run as enabling
from connection_setup.enabling.steps import ADMINISTRATOR, CONSENT
from connection_setup.models import DataverseConnection, EnablingRun
from connection_setup.provisioning import consent, consent_form, sign_in
from core.refusals import Refusal
from core.roles import Can, requires
from ui import render
from ui.links import company_url


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
def enabling_page(request: HttpRequest, company: str) -> HttpResponse:
    """The page of a run; a POST gives the consent that came along and goes on."""
    connection = state.connection_of(company_of(request, company))
    run = enabling.current_run(connection.company)
    if run is None:
        return render.redirect(request, company_url("connection_setup:setup", connection.company))
    if request.method != "POST" or run.ended_at is not None:
        return render.page(request, page.page(request, connection, run, going=is_going(request, run)))
    if enabling.asks(run) == CONSENT and not consent.given(connection):
        form = consent_form.AcceptForm(request.POST)
        if not form.is_valid():
            return render.page(request, page.page(request, connection, run, form, going=False))
        consent.give(company=connection.company, user=request.user)
    return go_on(request, connection, run)


@requires(Can.ADMINISTER)
@require_POST
def answer(request: HttpRequest, company: str, name: str) -> HttpResponse:
    """Keep the answer to a question of the setup page, and do what it says."""
    owner = company_of(request, company)
    try:
        told, url = questions.answer(
            company=owner, name=name, yes=request.POST.get("answer") == "yes", user=request.user
        )
    except LookupError as unknown:
        raise Http404(str(unknown)) from None
    if told:
        messages.success(request, told)
    return HttpResponseRedirect(url or company_url("connection_setup:setup", owner))


def begun(request: HttpRequest, connection: DataverseConnection) -> HttpResponse:
    """Begin to enable, or go on: the page that shows the steps, or where they led."""
    company = connection.company
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
    return go_on(request, connection, run, first=True)


def go_on(
    request: HttpRequest, connection: DataverseConnection, run: EnablingRun, *, first: bool = False
) -> HttpResponse:
    """Take the next step where scripts ask for one, all that are left where none run; the page, or where it led."""
    who: Any = {"user": request.user, "session_key": request.session.session_key}
    htmx = bool(request.htmx)  # type: ignore[attr-defined]
    if first and (htmx or request.POST.get("scripts")):
        return render.redirect(request, run.page_url)  # the page takes the steps by itself
    if not htmx and request.POST.get("scripts"):
        return HttpResponseRedirect(run.page_url)
    told = enabling.take_next_step(run, **who) if htmx else enabling.take_all_steps(run, **who)
    if run.ended_at is not None:
        messages.success(request, done(run))
        return render.redirect(request, run.done_url)
    if told is None:
        messages.warning(
            request,
            "The settings were changed meanwhile, or this was begun more than an hour ago, so nothing went on. "
            "Enable again.",
        )
        return render.redirect(request, company_url("connection_setup:setup", connection.company))
    if told.state == "failed":
        enabling.pause(run)
    if not htmx:
        return HttpResponseRedirect(run.page_url)
    return render.page(request, page.page(request, connection, run, going=told.ended))


def done(run: EnablingRun) -> str:
    """What to say once the connection is enabled."""
    if run.found.get("prepared"):
        return "The environment is prepared and the connection is enabled. The administrator's sign-in is forgotten."
    return (
        "The connection is enabled. Next, look at the Integration Table Mappings, couple records, or run a full "
        "synchronization."
    )


def is_going(request: HttpRequest, run: EnablingRun) -> bool:
    """Whether the page goes on by itself: a run that neither failed nor waits for somebody who has not come yet."""
    if not run.going or run.ended_at is not None or enabling.failed(run):
        return False
    asks = enabling.asks(run)
    if asks == ADMINISTRATOR:
        found = sign_in.current(run.company, request.session.session_key)
        return found is not None and found.signed_in_at is not None
    return not asks or consent.given(state.connection_of(run.company))
