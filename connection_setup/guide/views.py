"""Views of the list Assisted Setup and of the guide: one address per step; a GET shows the step, a POST is Next."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import company_or_404
from connection_setup.connection import state
from connection_setup.connection.sign_in_redirect import allow_sign_in_redirect
from connection_setup.environments import services as environments
from connection_setup.guide import assisted_setup as assisted_setup_page
from connection_setup.guide import flow, page, services
from connection_setup.guide.flow import Situation, Step, StepContent
from connection_setup.guide.links import step_url
from connection_setup.models import AssistedSetup
from connection_setup.provisioning import sign_in
from core.roles import Can, requires
from ui import render


@requires(Can.ADMINISTER)
@require_safe
def assisted_setup(request: HttpRequest, company: str) -> HttpResponse:
    """Show the list of guides."""
    return render.page(request, assisted_setup_page.build_page(company_or_404(request, company)))


@requires(Can.ADMINISTER)
@require_safe
def guide(request: HttpRequest, company: str) -> HttpResponse:
    """Show the first unfinished step."""
    situation = _situation(request, company)
    steps = flow.applicable_steps(situation)
    first = flow.first_unfinished(steps, situation)
    return _render(situation, steps, first, first.show(situation))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("client_secret")
def step(request: HttpRequest, company: str, step: str) -> HttpResponse:
    """Show a step, or take it; redirect to the first unfinished step where this one may not be opened yet."""
    situation = _situation(request, company)
    steps = flow.applicable_steps(situation)
    asked = next((one for one in steps if one.name == step), None)
    if asked is None:
        raise Http404(f"The guide has no step {step!r} for this company.")
    if not flow.may_open(steps, asked, situation):
        first = flow.first_unfinished(steps, situation)
        messages.info(request, f"{asked.caption} comes after {first.caption}.")
        return render.redirect(request, step_url(situation.company, first.name))
    if request.method != "POST":
        return _render(situation, steps, asked, asked.show(situation))
    outcome = asked.act(situation)
    if isinstance(outcome, HttpResponse):
        return outcome
    if isinstance(outcome, StepContent):
        return _render(situation, steps, asked, outcome)
    services.confirm_step(assisted_setup=situation.assisted_setup, step=asked.name)
    next_step = flow.following_step(flow.applicable_steps(_situation(request, company)), asked)
    return render.redirect(request, step_url(situation.company, next_step.name))


def _situation(request: HttpRequest, company: str) -> Situation:
    owner = company_or_404(request, company)
    stored = AssistedSetup.objects.filter(company=owner).first() or AssistedSetup(company=owner)
    session = request.session.session_key
    signed_in = environments.current_sign_in(owner, session) or sign_in.current(owner, session)
    return Situation(request, state.connection_of(owner), stored, signed_in)


def _render(situation: Situation, steps: list[Step], step: Step, content: StepContent) -> HttpResponse:
    response = render.page(situation.request, page.build_page(situation, steps, step, content))
    return allow_sign_in_redirect(situation.request, response, situation.connection, any_tenant=True)
