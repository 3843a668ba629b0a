"""Views of the list Assisted Setup and of the guide: one address per step; a GET shows the step, a POST is Next."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import company_or_404
from connection_setup.connection import state
from connection_setup.connection.sign_in_redirect import allow_sign_in_redirect
from connection_setup.environments import services as environments
from connection_setup.guide import assisted_setup as assisted_setup_page
from connection_setup.guide import flow, page, services
from connection_setup.guide.flow import Situation, Step, StepContent
from connection_setup.guide.links import TITLE, step_url
from connection_setup.models import AssistedSetup
from connection_setup.provisioning import sign_in
from core.roles import Can, requires
from ui import guide_views, render


@requires(Can.ADMINISTER)
@require_safe
def assisted_setup(request: HttpRequest, company: str) -> HttpResponse:
    """Show the list of guides."""
    return render.page(request, assisted_setup_page.build_page(company_or_404(request, company)))


@requires(Can.ADMINISTER)
@require_safe
def guide(request: HttpRequest, company: str) -> HttpResponse:
    """Show the first unfinished step."""
    return guide_views.show_first_unfinished(_FLOW, _situation(request, company))


@requires(Can.ADMINISTER)
@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("client_secret")
def step(request: HttpRequest, company: str, step: str) -> HttpResponse:
    """Show a step, or take it; redirect to the first unfinished step where this one may not be opened yet."""
    return guide_views.show_or_take(_FLOW, _situation(request, company), step)


def _situation(request: HttpRequest, company: str) -> Situation:
    owner = company_or_404(request, company)
    stored = AssistedSetup.objects.filter(company=owner).first() or AssistedSetup(company=owner)
    session = request.session.session_key
    signed_in = environments.current_sign_in(owner, session) or sign_in.current(owner, session)
    return Situation(request, state.connection_of(owner), stored, signed_in)


def _render(situation: Situation, steps: Sequence[Step], step: Step, content: StepContent) -> HttpResponse:
    response = render.page(situation.request, page.build_page(situation, list(steps), step, content))
    return allow_sign_in_redirect(situation.request, response, situation.connection, any_tenant=True)


def _taken(situation: Situation, step: Step) -> Situation:
    services.confirm_step(assisted_setup=situation.assisted_setup, step=step.name)
    return _situation(situation.request, situation.company.slug)


_FLOW = guide_views.Flow[Situation](
    TITLE,
    steps=flow.applicable_steps,
    show=_render,
    url=lambda situation, name: step_url(situation.company, name),
    taken=_taken,
)
