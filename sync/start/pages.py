"""Starting synchronizations: of selected records of a list, and of a mapping."""

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import company as company_of
from connection_setup.connection.state import unavailable_reason
from core.refusals import Refusal
from core.roles import Can, requires
from core.vocabulary import ConflictOption, Direction
from coupling.models import IntegrationTableMapping
from coupling.records import lists as records
from jobs.models import Job
from jobs.pages import lists as listings
from masterdata.models import Company
from sync.start import services
from ui import listing, render
from ui.kit import Action, FastTab, Field, Link, Page
from ui.links import company_url

_WAYS = {
    "merge": (Direction.BIDIRECTIONAL, ConflictOption.ASK),
    "to": (Direction.TO, ConflictOption.SEND),
    "from": (Direction.FROM, ConflictOption.GET),
}
"""What a person chooses -> the job's direction, and the side that wins."""


class _WayForm(forms.Form):
    """Which way selected records are synchronized; carries the selection along."""

    way = forms.ChoiceField(
        label="Direction",
        widget=forms.RadioSelect,
        initial="merge",
        choices=[
            ("merge", "Merge data. Changes of both sides are kept; what both changed waits for you."),
            ("to", "Send data update to Dataverse. Our values win wherever the two sides differ."),
            ("from", "Get data update from Dataverse. Its values win wherever the two sides differ."),
        ],
    )
    selection = forms.CharField(widget=forms.HiddenInput)


@require_POST
@requires(Can.OPERATE)
def synchronize_selection(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Synchronize Now for the selected records of a list; asks for the direction where both are possible."""
    owner, what = company_of(request, company), records.table_or_404(table)
    back = records.list_url(owner, what)
    chosen = records.selected_records(request, owner, what)
    if not chosen:
        return listing.nothing_selected(request, back)
    if why := unavailable_reason(owner):  # told before anything is asked
        messages.error(request, why)
        return HttpResponseRedirect(back)
    mapping = next((one for one in records.mappings_of(owner, what) if one.uid_kind == "guid"), None)
    if mapping is None:
        messages.error(request, f"{what.caption_plural} have no integration table mapping to synchronize by.")
        return HttpResponseRedirect(back)
    way = request.POST.get("way", "")
    if mapping.direction == Direction.BIDIRECTIONAL and way not in _WAYS:
        return _ask_way(request, owner, mapping, chosen, back)
    direction, conflict = _WAYS.get(way, _WAYS["merge"])
    try:
        job = services.start_synchronization(
            mapping=mapping, selection=chosen.rows.values_list("system_id", flat=True).iterator(),
            direction=direction, conflict=conflict, user=request.user, one_record=chosen.count == 1,
        )  # fmt: skip
    except Refusal as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(back)
    return started_jobs(request, owner, [job], back)


def _ask_way(
    request: HttpRequest, company: Company, mapping: IntegrationTableMapping, chosen: listing.Selection, back: str
) -> HttpResponse:
    word = "1 record" if chosen.count == 1 else f"{chosen.count:,} records"
    form = _WayForm(initial={"way": "merge", "selection": chosen.token})
    return render.page(
        request,
        Page(
            "Synchronize Now",
            company=company,
            crumbs=(Link(records.table_or_404(mapping.table).caption_plural, back),),
            help="synchronization",
            form_url=request.path,
            fast_tabs=[FastTab("way", f"{word} of {mapping.name}", [Field(form_field=one) for one in form])],
            submit=Action("Synchronize", icon="sync"),
            cancel=Link("Cancel", back),
        ),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def synchronize(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Synchronize Modified Records, or with ?full=1 Run Full Synchronization, of one mapping."""
    owner = company_of(request, company)
    found = IntegrationTableMapping.objects.select_related("company").filter(company=owner, name=mapping).first()
    if found is None:
        raise Http404(f"There is no integration table mapping {mapping!r} in {owner.name}.")
    back = _back(request, owner)
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
        text = f"{unavailable_reason(owner)} {text}".strip()
        action = Action(title, request.path, "post", icon="sync", primary=True, values=values)
        return render.confirm(request, title=title, text=text, action=action, back=back, company=owner)
    try:
        job = services.start_synchronization(mapping=found, full=full, user=request.user)
    except Refusal as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(back)
    return started_jobs(request, owner, [job], back)


def _back(request: HttpRequest, company: Company) -> str:
    asked = request.POST.get("next") or request.GET.get("next") or ""
    if asked and url_has_allowed_host_and_scheme(asked, {request.get_host()}, require_https=request.is_secure()):
        return asked
    try:
        return company_url("coupling:mappings", company)
    except NoReverseMatch:
        return company_url("jobs:list", company)


def started_jobs(request: HttpRequest, company: Company, started: list[Job], back: str) -> HttpResponse:
    """To the job that was started; to where one came from when there are several."""
    if len(started) == 1:
        return HttpResponseRedirect(listings.job_url(started[0], company))
    messages.success(request, f"{len(started)} jobs have been queued, one per mapping.")
    return HttpResponseRedirect(back)
