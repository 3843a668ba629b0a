"""The guide's pages: one address per step. Reading shows the step, posting is Next."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import company as company_of
from connection_setup.connection import endpoints, state
from connection_setup.environments import services as environments
from connection_setup.guide import flow
from connection_setup.guide.flow import Shown, Situation, Step
from connection_setup.models import AssistedSetup
from connection_setup.provisioning import sign_in
from core.roles import Can, may, requires
from masterdata.models import Company
from ui import render
from ui.kit import Guide, GuideStep, Link, Page
from ui.links import company_url

TITLE = "Set up a connection to Microsoft Dataverse"


def address(company: Company, step: str = "") -> str:
    """The address of a step; of the guide, which goes on where it is, without one."""
    if step:
        return company_url("connection_setup:guide-step", company, step=step)
    return company_url("connection_setup:guide", company)


def back(request: HttpRequest, company: Company) -> str:
    """Where a page that the guide leads to goes back to: the guide while it is under way, else the setup page."""
    if may(request.user, Can.ADMINISTER) and AssistedSetup.objects.filter(company=company, completed_at=None).exists():
        return address(company)
    return company_url("connection_setup:setup", company)


@requires(Can.ADMINISTER)
@require_safe
def guide(request: HttpRequest, company: str) -> HttpResponse:
    """The step at which the guide goes on."""
    situation = _situation(request, company)
    taken = flow.steps(situation)
    now = flow.first_open(taken, situation)
    return _shown(situation, taken, now, now.show(situation))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("client_secret")
def step(request: HttpRequest, company: str, step: str) -> HttpResponse:
    """Show a step, or take it. One that is not open yet leads to the one that is."""
    situation = _situation(request, company)
    taken = flow.steps(situation)
    found = next((one for one in taken if one.name == step), None)
    if found is None:
        raise Http404(f"The guide has no step {step!r} for this company.")
    if not flow.may_open(taken, found, situation):
        now = flow.first_open(taken, situation)
        messages.info(request, f"{found.caption} comes after {now.caption}.")
        return render.redirect(request, address(situation.company, now.name))
    if request.method != "POST":
        return _shown(situation, taken, found, found.show(situation))
    ended = found.act(situation)
    if isinstance(ended, HttpResponse):
        return ended
    if isinstance(ended, Shown):
        return _shown(situation, taken, found, ended)
    confirm(situation, found.name)
    fresh = _situation(request, company)
    return render.redirect(request, address(situation.company, flow.after(flow.steps(fresh), found).name))


def confirm(situation: Situation, name: str) -> None:
    """Keep that Next was chosen on a step."""
    mine = situation.kept
    with transaction.atomic():
        AssistedSetup.objects.get_or_create(company=situation.company)
        stored = AssistedSetup.objects.select_for_update().get(company=situation.company)
        # Another tab may have gone on meanwhile: what it confirmed stays.
        stored.confirmed = list(dict.fromkeys([*stored.confirmed, *mine.confirmed, name]))
        stored.accepted_by = mine.accepted_by or stored.accepted_by
        stored.without_synchronization = mine.without_synchronization
        stored.completed_at = mine.completed_at or stored.completed_at
        stored.save()


def _situation(request: HttpRequest, company: str) -> Situation:
    owner = company_of(request, company)
    kept = AssistedSetup.objects.filter(company=owner).first() or AssistedSetup(company=owner)
    session = request.session.session_key
    signed_in = environments.current(owner, session) or sign_in.current(owner, session)
    return Situation(request, state.connection_of(owner), kept, signed_in)


def _shown(situation: Situation, taken: list[Step], step: Step, shown: Shown) -> HttpResponse:
    company = situation.company
    at = taken.index(step)
    listed = [
        GuideStep(
            one.caption,
            address(company, one.name) if flow.may_open(taken, one, situation) else "",
            done=one.done(situation),
        )
        for one in taken
    ]
    context: dict[str, Any] = {**shown.context}
    page = Page(
        TITLE,
        company=company,
        help="assisted-setup",
        notices=shown.notices,
        progress=shown.progress,
        fast_tabs=shown.sections,
        guide=Guide(
            listed,
            at,
            shown.heading,
            shown.text,
            back=Link("Back", address(company, taken[at - 1].name)) if at else None,
            later=Link(
                "Close" if situation.kept.completed_at else "Finish later",
                company_url("connection_setup:assisted-setup", company),
            ),
            actions=shown.actions,
        ),
        form_url=shown.form_url or address(company, step.name),
        form_window=shown.form_window,
        form_enctype=shown.enctype,
        submit=shown.next,
        template=shown.template,
        context=context,
    )
    response = render.page(situation.request, page)
    # A browser holds the answer to a form, which may lead to Microsoft, against where forms of this page may go.
    if origin := endpoints.sign_in_origin(situation.connection, any_tenant=True):
        response._csp_update = {"form-action": [origin]}  # type: ignore[attr-defined]
    return response
