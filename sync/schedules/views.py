"""Views of schedules: what is done with one or several, and the page where one is changed."""

from collections.abc import Callable

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import company_or_404
from core.refusals import NotUsable, Refusal
from core.roles import Can, requires
from coupling.models import IntegrationTableMapping
from coupling.page_parts import mapping_url
from jobs.models import State
from masterdata.models import Company
from sync.schedules import page, reading, services
from sync.schedules.forms import ScheduleForm
from ui import render
from ui.links import company_url
from ui.listing import nothing_selected

Verb = Callable[[IntegrationTableMapping], str]
"""Does it with one schedule, and says what came of it: "is on hold"."""


@require_POST
@requires(Can.OPERATE)
def run(request: HttpRequest, company: str) -> HttpResponse:
    """Start a run of the chosen schedules now."""

    def start(mapping: IntegrationTableMapping) -> str:
        job = services.run_now(mapping=mapping, user=request.user)
        return "begins as soon as a worker is free" if job.state == State.QUEUED else "runs already"

    return _each(request, company_or_404(request, company), start)


@require_POST
@requires(Can.OPERATE)
def hold(request: HttpRequest, company: str) -> HttpResponse:
    """Set the chosen schedules on hold."""

    def set_on_hold(mapping: IntegrationTableMapping) -> str:
        services.hold(mapping=mapping, user=request.user)
        return "is on hold; a run in process goes on"

    return _each(request, company_or_404(request, company), set_on_hold)


@require_POST
@requires(Can.OPERATE)
def ready(request: HttpRequest, company: str) -> HttpResponse:
    """Set the chosen schedules ready."""

    def set_ready(mapping: IntegrationTableMapping) -> str:
        if services.set_ready(mapping=mapping):
            return "is ready; its first run follows after one period"
        return "was ready already"

    return _each(request, company_or_404(request, company), set_ready)


def _each(request: HttpRequest, owner: Company, verb: Verb) -> HttpResponse:
    """Do it with the one schedule whose button it was, or with the ticked ones, and say what came of it."""
    queue = company_url("jobs:queue", owner)
    only = request.POST.get("only", "")
    names = [only] if only else request.POST.getlist("schedule")
    chosen = list(reading.mappings_with_schedules(owner).select_related("company").filter(name__in=_known(names)))
    if not chosen:
        return nothing_selected(request, queue)
    told: dict[str, list[str]] = {}
    for mapping in chosen:
        try:
            told.setdefault(verb(mapping), []).append(mapping.name)
        except Refusal as refusal:
            messages.error(request, f"{mapping.name}: {refusal.user_message}")
    for done, names in told.items():
        subject = names[0] if len(names) == 1 else f"{', '.join(names)}: each"
        messages.success(request, f"{subject} {done}.")
    return HttpResponseRedirect(mapping_url("mapping", chosen[0]) if request.POST.get("card") else queue)


def _known(names: list[str]) -> list[str]:
    """Return the names that can be a mapping's; PostgreSQL takes no text with a NUL character."""
    return [name for name in names if "\x00" not in name]


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def change(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Change how often a mapping runs by itself, and when it is late."""
    owner = company_or_404(request, company)
    rows = reading.mappings_with_schedules(owner).select_related("company", "schedule")
    one = rows.filter(name__in=_known([mapping])).first()
    if one is None:
        raise Http404(f"{owner.name} has no schedule of a mapping {mapping!r}.")
    if request.method != "POST":
        return render.page(request, page.edit_page(one, ScheduleForm(initial=page.initial(one))))
    form = ScheduleForm(request.POST)
    if form.is_valid():
        try:
            services.change(mapping=one, **form.cleaned_data)
        except NotUsable as refusal:
            form.add_error(None, refusal.user_message)
        else:
            messages.success(request, f"The schedule of {one.name} is saved.")
            return HttpResponseRedirect(company_url("jobs:queue", owner))
    return render.page(request, page.edit_page(one, form), status=400)
