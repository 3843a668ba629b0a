"""Views of New Table Mapping: one address per step; a GET shows the step, a POST is Next."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access
from core.roles import Can, requires
from coupling.mappings.guide import services
from coupling.mappings.guide.fields_step import show_fields, take_fields
from coupling.mappings.guide.filters_step import show_filters, take_filters
from coupling.mappings.guide.finish_step import show_finish, take_finish
from coupling.mappings.guide.name_step import show_name, take_name
from coupling.mappings.guide.schedule_step import show_schedule, take_schedule
from coupling.mappings.guide.situation import (
    FIELDS,
    FILTERS,
    FINISH,
    HELP,
    NAME,
    SCHEDULE,
    TABLES,
    TITLE,
    Situation,
    Step,
)
from coupling.mappings.guide.tables_step import show_tables, take_tables
from coupling.page_parts import EXPLAINED, error_notice
from ui import guide_views, guides, render
from ui.guides import StepContent
from ui.kit import Action, Link
from ui.links import company_url


def _never(_: Situation) -> bool:
    """Return False: once the last step is taken there is no draft any more."""
    return False


STEPS = (
    Step(NAME, "Name", 10, show_name, take_name, lambda one: bool(one.name)),
    Step(TABLES, "Tables", 20, show_tables, take_tables, lambda one: one.has_taken(TABLES)),
    Step(FIELDS, "Fields", 30, show_fields, take_fields, lambda one: one.has_taken(FIELDS)),
    Step(FILTERS, "Filters", 40, show_filters, take_filters, lambda one: one.has_taken(FILTERS)),
    Step(SCHEDULE, "Schedule and conflicts", 50, show_schedule, take_schedule, lambda one: one.has_taken(SCHEDULE)),
    Step(FINISH, "Finish", 60, show_finish, take_finish, _never),
)


@require_safe
@requires(Can.MAP)
def new_mapping(request: HttpRequest, company: str) -> HttpResponse:
    """Show the first unfinished step."""
    return guide_views.show_first_unfinished(_FLOW, _situation(request, company))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def new_mapping_step(request: HttpRequest, company: str, part: str) -> HttpResponse:
    """Show a step, or take it; lead to the first unfinished step where this one may not be opened yet."""
    return guide_views.show_or_take(_FLOW, _situation(request, company), part)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def discard_new_mapping(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, then forget what was answered."""
    situation = _situation(request, company)
    back = company_url("coupling:mappings", situation.company)
    if request.method != "POST":
        return render.confirm(
            request,
            title="Discard New Table Mapping",
            text="This forgets what was answered in the guide until now. No mapping is made or changed.",
            action=Action("Discard", request.path, "post", "delete", primary=True),
            back=situation.url(),
            company=situation.company,
        )
    services.discard(draft=situation.draft)
    messages.success(request, "The answers are discarded. No mapping was made.")
    return HttpResponseRedirect(back)


def _situation(request: HttpRequest, company: str) -> Situation:
    owner = access.company_or_404(request, company)
    return Situation(request, owner, services.current_draft(owner, request.user))


def _not_now(situation: Situation, step: Step, error: Exception) -> StepContent:
    """Return the step without its content, since Dataverse does not say what it needs; what was answered stays."""
    assert isinstance(error, EXPLAINED)
    return StepContent(
        step.caption,
        ("What was answered until now is kept.",),
        notices=[error_notice(error, "Dataverse cannot be asked now")],
        next=Action("Try again", situation.url(step.name)),
    )


def _render(situation: Situation, steps: Sequence[Step], step: Step, content: StepContent) -> HttpResponse:
    page = guides.step_page(
        steps, step, situation, _with_discard(situation, content),
        title=TITLE,
        company=situation.company,
        help=HELP,
        url=situation.url,
        later=Link("Finish later", company_url("coupling:mappings", situation.company)),
    )  # fmt: skip
    return render.page(situation.request, page)


def _with_discard(situation: Situation, content: StepContent) -> StepContent:
    """Return the content with the way to give up, once something was answered."""
    if not situation.draft.answers:
        return content
    url = company_url("coupling:discard-new-mapping", situation.company)
    return guides.with_action(content, Action("Discard", url, icon="delete", dialog=True))


_FLOW = guide_views.Flow[Situation](
    TITLE,
    steps=lambda _: STEPS,
    show=_render,
    url=lambda situation, name: situation.url(name),
    taken=lambda situation, _: situation,  # each step stores its answers itself
    explained=EXPLAINED,
    trouble=_not_now,
)
