"""Starting synchronizations of selected records of a list, and of a mapping: the views."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import company_or_404
from connection_setup.connection.state import unavailable_text
from core.refusals import NotUsable, Refusal
from core.roles import Can, requires
from core.vocabulary import Direction
from core.words import counted
from coupling.mappings.services import require_enabled
from coupling.models import IntegrationTableMapping
from coupling.records import lists as records
from coupling.records.which_mapping import NAME, find_or_ask, that_couple
from jobs.models import Job
from jobs.pages.started import redirect_to_job
from masterdata.catalog import LocalTable
from masterdata.models import Company
from sync.start import services
from sync.start.direction import WAYS, ask_direction
from ui import listing, render
from ui.kit import Action, Link
from ui.links import company_url


@require_POST
@requires(Can.OPERATE)
def synchronize_selection(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Synchronize Now for the selected records of a list; ask for the direction where both are possible."""
    owner, local_table = company_or_404(request, company), records.table_or_404(table)
    back = records.list_url(owner, local_table)
    selected = records.selected_records(request, owner, local_table)
    if not selected:
        return listing.nothing_selected(request, back)
    way = request.POST.get("way", "")
    try:
        mappings = that_couple(_mappings_of(owner, local_table), selected)
        mapping = find_or_ask(request, owner, local_table, selected, mappings, title="Synchronize Now")
        if isinstance(mapping, HttpResponse):
            return mapping
        if mapping.direction == Direction.BIDIRECTIONAL and way not in WAYS:
            what, carried = f"{counted(selected.count, 'record')} of {mapping.name}", {NAME: mapping.name}
            return ask_direction(request, owner, what, selected, Link(local_table.caption_plural, back), carried)
        direction, conflict = WAYS.get(way, WAYS["merge"])
        job = services.start_synchronization(
            mapping=mapping, selection=selected.rows.values_list("system_id", flat=True).iterator(),
            direction=direction, conflict=conflict, user=request.user, one_record=selected.count == 1,
        )  # fmt: skip
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    return redirect_to_jobs(request, owner, [job], back)


def _mappings_of(company: Company, table: LocalTable) -> list[IntegrationTableMapping]:
    """Return the mappings that records of a table are synchronized by. Raises Refusal where nothing can be."""
    require_enabled(company)
    mappings = records.mappings_of(company, table)
    if not mappings:
        raise NotUsable(f"{table.caption_plural} have no integration table mapping to synchronize by.")
    return mappings


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def synchronize(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Synchronize Modified Records, or with ?full=1 Run Full Synchronization, of one mapping."""
    owner = company_or_404(request, company)
    found = IntegrationTableMapping.objects.select_related("company").filter(company=owner, name=mapping).first()
    if found is None:
        raise Http404(f"There is no integration table mapping {mapping!r} in {owner.name}.")
    back = _back_url(request, owner)
    full = (request.POST if request.method == "POST" else request.GET).get("full") == "1"
    title = "Run Full Synchronization" if full else "Synchronize Modified Records"
    if request.method != "POST":
        only = "Uncoupled records stay as they are." if found.synch_only_coupled else "Uncoupled records are created."
        text = (
            f"Every coupled pair of {found.name} is compared on both sides. {only}"
            if full
            else f"What changed on either side since the last run of {found.name} is synchronized. {only}"
        )
        values = {"full": "1" if full else "", "next": back}
        text = f"{unavailable_text(owner)} {text}".strip()
        action = Action(title, request.path, "post", icon="sync", primary=True, values=values)
        return render.confirm(request, title=title, text=text, action=action, back=back, company=owner)
    try:
        job = services.start_synchronization(mapping=found, full=full, user=request.user)
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    return redirect_to_jobs(request, owner, [job], back)


def _back_url(request: HttpRequest, company: Company) -> str:
    """Return where the person came from, as `next` says; the list of mappings without it, or where it leads away."""
    given = request.POST.get("next") or request.GET.get("next") or ""
    if given and url_has_allowed_host_and_scheme(given, {request.get_host()}, require_https=request.is_secure()):
        return given
    return company_url("coupling:mappings", company)


def redirect_to_jobs(request: HttpRequest, company: Company, started: list[Job], back: str) -> HttpResponse:
    """Redirect to the job that was started; to `back` with a message where there are several."""
    if len(started) == 1:
        return redirect_to_job(request, company, started[0])
    messages.success(request, f"{len(started)} jobs have been queued, one per mapping.")
    return HttpResponseRedirect(back)
