"""Use Default Synchronization Setup: asks, with what it would discard, then resets mappings or makes the first ones."""

from collections.abc import Sequence

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods

from accounts import access
from connection_setup import hooks
from connection_setup.connection.state import unavailable_text
from core.refusals import NotUsable
from core.roles import Can, requires
from coupling.mapping_files.difference import summary
from coupling.mappings import defaults
from coupling.models import IntegrationTableMapping
from coupling.page_parts import show_error
from masterdata.models import Company
from ui import ids, listing, render
from ui.kit import Action
from ui.links import company_url

TITLE = "Use Default Synchronization Setup"


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def reset(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, then reset the selected mappings to their default."""
    owner = access.company_or_404(request, company)
    back = company_url("coupling:mappings", owner)
    given = request.POST if request.method == "POST" else request.GET
    wanted = ids.parse_ids(given.getlist("id"))
    mappings = IntegrationTableMapping.objects.filter(company=owner)
    names = list(mappings.filter(pk__in=wanted).values_list("name", flat=True))
    if not names and not mappings.exists():
        return _first_setup(request, owner, back)
    if not names:
        return listing.nothing_selected(request, back)
    try:
        discarded = summary(defaults.reset_changes(owner, names))
        if request.method == "POST":
            defaults.reset_mappings(owner, names)
            messages.success(request, f"{', '.join(names)}: settings, filters and field mappings are the default ones.")
            return HttpResponseRedirect(back)
    except NotUsable as error:
        show_error(request, error)
        return HttpResponseRedirect(back)
    return _ask(request, owner, names, wanted, discarded)


def _ask(
    request: HttpRequest, owner: Company, names: Sequence[str], wanted: Sequence[int], discarded: Sequence[str]
) -> HttpResponse:
    return render.confirm(
        request,
        title=TITLE,
        text=f"{', '.join(names)}: settings, filters, field mappings and matching criteria go back to their default. "
        "Couplings and data stay as they are, and so does whether a mapping runs by itself. "
        f"{'This would change:' if discarded else 'They are as they are by default now.'}",
        lines=discarded,
        action=Action(
            "Use default setup", request.path, "post", "reset", values={"id": ",".join(map(str, wanted))}, primary=True
        ),
        back=company_url("coupling:mappings", owner),
        company=owner,
    )


def _first_setup(request: HttpRequest, owner: Company, back: str) -> HttpResponse:
    """Ask, then create the default mappings with their schedules, where a company has none yet."""
    if why := unavailable_text(owner):
        messages.warning(request, why)
        return HttpResponseRedirect(back)
    if request.method == "POST":
        with transaction.atomic():
            outcome = hooks.apply_default_setup(owner, schedules=True)
        messages.success(request, outcome)
        return HttpResponseRedirect(back)
    return render.confirm(
        request,
        title=TITLE,
        text=f"The default mappings are made, with their schedules: {', '.join(defaults.default_names())}. Records "
        "which are coupled are then kept alike on both sides. Nothing is coupled or created by it.",
        action=Action("Use default setup", request.path, "post", "reset", primary=True),
        back=back,
        company=owner,
    )
