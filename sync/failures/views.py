"""Views of Integration Synchronization Errors: the list, and what settles the records selected on it."""

from collections.abc import Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.views.decorators.http import require_POST, require_safe

from accounts.access import company_or_404
from core.roles import Can, requires
from core.spreadsheets import csv_lines
from coupling.couplings.release import release_rows
from coupling.dead_partners import rows_in_the_way
from coupling.failures import services as failures
from coupling.failures.candidates import look_at
from coupling.failures.choosing import Chosen, choose
from coupling.failures.likely import COUPLE, CREATE, NEARLY
from coupling.models import FailedRecord, IntegrationTableMapping
from coupling.page_parts import EXPLAINED, mapping_url, show_error
from coupling.records import selections
from coupling.records.lists import table_or_404
from jobs.errors import EmptySelection
from masterdata.models import Company
from sync.failures import export as exporting
from sync.failures import services
from sync.failures.asked import selected_failures, tell_settled, way_back
from sync.failures.by_job import ask_about_many, couple_many, start
from sync.failures.forms import IgnoreForm
from sync.failures.listing import failures_listing
from sync.failures.page import BY_HAND, IGNORE, FailuresPage
from ui import listing, render
from ui.kit import Action, FastTab, Field, Link, Page
from ui.links import company_url

_SALT = "sync.failures"
_LISTED = 100
"""Pairs that a question lists one by one."""


@require_safe
@requires(Can.READ)
def show(request: HttpRequest, company: str) -> HttpResponse:
    """Show the failed records that still stand: of all jobs, or with ?job=ID of one."""
    return render.page(request, FailuresPage(request, company_or_404(request, company)).build())


@require_safe
@requires(Can.READ)
def export(request: HttpRequest, company: str) -> HttpResponseBase:
    """Send the list as CSV, narrowed and searched as the page is."""
    owner = company_or_404(request, company)
    rows = failures_listing(owner).narrowed(request.GET.dict()).select_related("mapping").iterator(chunk_size=1000)
    lines = csv_lines(exporting.HEAD, exporting.lines(rows, request.user))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="failed-records.csv"'
    return response


# -- couple ------------------------------------------------------------------------------------------------------------


@require_POST
@requires(Can.OPERATE)
def couple(request: HttpRequest, company: str) -> HttpResponse:
    """Couple the selected records with the candidates chosen for them; ask where these are only nearly alike."""
    owner = company_or_404(request, company)
    if token := request.POST.get("pairs"):
        return _couple(request, owner, _pairs_of(owner, token))
    if token := request.POST.get("chosen"):
        return couple_many(request, owner, token)
    chosen = selected_failures(request, owner)
    if not chosen:
        return listing.nothing_selected(request, way_back(request, owner))
    many = chosen.count > services.MOST_AT_ONCE
    return ask_about_many(request, owner, chosen) if many else _couple_chosen(request, owner, chosen)


def _couple_chosen(request: HttpRequest, owner: Company, chosen: listing.Selection) -> HttpResponse:
    """Couple a few selected records at once, after a question where rows are only nearly alike."""
    rows = list(chosen.rows)
    asked = {row.pk: request.POST.get(f"candidate-{row.pk}", "") for row in rows}
    seen = look_at(rows, user=request.user)
    if seen.problem is not None:
        show_error(request, seen.problem)
        return HttpResponseRedirect(way_back(request, owner))
    pairs, left = choose(seen.lines, {pk: row for pk, row in asked.items() if row})
    _tell_left(request, len(left))
    if not pairs:
        return HttpResponseRedirect(way_back(request, owner))
    if any(one.candidate.nearly for one in pairs):
        return _ask_about_nearly(request, owner, pairs)
    return _couple(request, owner, [(one.seen.failed, one.row_id) for one in pairs])


def _tell_left(request: HttpRequest, left: int) -> None:
    if left:
        what = "1 record has" if left == 1 else f"{left:,} records have"
        messages.warning(
            request, f"{what} no candidate chosen, or none that may be coupled. Choose one in the line, then couple."
        )


def _ask_about_nearly(request: HttpRequest, owner: Company, pairs: Sequence[Chosen]) -> HttpResponse:
    nearly = sum(bool(one.candidate.nearly) for one in pairs)
    what = "1 record is" if len(pairs) == 1 else f"{len(pairs):,} records are"
    differ = "its row is only nearly alike" if len(pairs) == 1 else f"{nearly:,} of the rows are only nearly alike"
    lines = [one.sentence for one in sorted(pairs, key=lambda one: -bool(one.candidate.nearly))]
    if len(lines) > _LISTED:
        lines = [*lines[:_LISTED], f"and {len(lines) - _LISTED:,} more"]
    token = signing.dumps([[one.seen.failed.pk, str(one.row_id)] for one in pairs], salt=_SALT, compress=True)
    return render.confirm(
        request,
        title=COUPLE,
        text=f"{what} coupled, and {differ}. Nothing is transferred; the next synchronization does that.",
        lines=lines,
        action=Action(
            "Couple", request.path, "post", "couple", primary=True,
            values={"pairs": token, "back": way_back(request, owner)},
        ),
        back=way_back(request, owner),
        company=owner,
    )  # fmt: skip


def _pairs_of(owner: Company, token: str) -> list[tuple[FailedRecord, Any]]:
    """Return the pairs that the person was asked about."""
    try:
        given = {int(pk): UUID(row) for pk, row in signing.loads(token, salt=_SALT)}
    except (signing.BadSignature, ValueError, TypeError):
        return []
    found = FailedRecord.objects.filter(company=owner).in_bulk(list(given))
    return [(found[pk], row) for pk, row in given.items() if pk in found]


def _couple(request: HttpRequest, owner: Company, pairs: Sequence[tuple[FailedRecord, Any]]) -> HttpResponse:
    try:
        done = services.couple_with(pairs=pairs, user=request.user)
    except EmptySelection:
        return listing.nothing_selected(request, way_back(request, owner))
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(way_back(request, owner))
    if done.coupled:
        what = "1 record is" if len(done.coupled) == 1 else f"{len(done.coupled):,} records are"
        messages.success(request, f"{what} coupled. The next synchronization brings both sides into line.")
    for sentence in done.refused[:5]:
        messages.error(request, sentence)
    if len(done.refused) > 5:
        messages.error(request, f"{len(done.refused) - 5:,} more could not be coupled.")
    coupled = {one.local_id for one in done.coupled}
    return tell_settled(request, owner, [(failed.pk, 0) for failed, _ in pairs if failed.local_id in coupled])


@require_POST
@requires(Can.OPERATE)
def by_hand(request: HttpRequest, company: str) -> HttpResponse:
    """Go on to Set Up Coupling for the one record that is selected."""
    owner = company_or_404(request, company)
    chosen = selected_failures(request, owner)
    back = way_back(request, owner)
    if not chosen:
        return listing.nothing_selected(request, back)
    if chosen.count > 1:
        messages.warning(request, f"One record is coupled by hand at a time. Tick one, then choose {BY_HAND}.")
        return HttpResponseRedirect(back)
    one = chosen.rows.select_related("mapping")[0]
    query = {"mapping": one.mapping.name, "next": back}
    table = table_or_404(one.mapping.table)
    return HttpResponseRedirect(
        company_url("sync:set-up-coupling", owner, table=table.name, system_id=one.local_id, query=query)
    )


# -- jobs --------------------------------------------------------------------------------------------------------------


@require_POST
@requires(Can.OPERATE)
def create(request: HttpRequest, company: str) -> HttpResponse:
    """Create rows for the selected records, after asking where they are several or likely duplicates."""
    owner = company_or_404(request, company)
    chosen = selected_failures(request, owner)
    if not chosen:
        return listing.nothing_selected(request, way_back(request, owner))
    alike = chosen.rows.filter(NEARLY).count()
    if (chosen.count > 1 or alike) and request.POST.get("confirmed") != "yes":
        what = "A row is" if chosen.count == 1 else f"{chosen.count:,} rows are"
        text = f"{what} created in Dataverse and coupled. What is coupled meanwhile stays as it is."
        if alike:
            have = "1 of the records has" if alike == 1 else f"{alike:,} of the records have"
            text += f" {have} a row there that is the same or nearly alike: a likely duplicate."
        return _ask(request, owner, chosen, CREATE, text, "add", careful=bool(alike))
    return start(request, owner, services.create_rows, chosen.rows)


@require_POST
@requires(Can.OPERATE)
def retry(request: HttpRequest, company: str) -> HttpResponse:
    """Try the selected records again, by the criteria by which they failed."""
    owner = company_or_404(request, company)
    chosen = selected_failures(request, owner)
    if not chosen:
        return listing.nothing_selected(request, way_back(request, owner))
    return start(request, owner, services.retry, chosen.rows)


def _ask(
    request: HttpRequest, owner: Company, chosen: listing.Selection, title: str, text: str, icon: str, *, careful: bool
) -> HttpResponse:
    values = {"selection": chosen.token, "confirmed": "yes", "back": way_back(request, owner)}
    action = Action(title, request.path, "post", icon, values=values, primary=True)
    back = way_back(request, owner)
    return render.confirm(request, title=title, text=text, action=action, back=back, company=owner, careful=careful)


@require_POST
@requires(Can.OPERATE)
def criteria(request: HttpRequest, company: str) -> HttpResponse:
    """Go on to Select Coupling Criteria with the selected records alone."""
    owner = company_or_404(request, company)
    chosen = selected_failures(request, owner)
    back = way_back(request, owner)
    if not chosen:
        return listing.nothing_selected(request, back)
    mappings = list(chosen.rows.order_by().values_list("mapping", flat=True).distinct()[:2])
    if len(mappings) > 1:
        messages.warning(
            request, "The selected records are of several mappings. Choose one mapping, then select again."
        )
        return HttpResponseRedirect(back)
    mapping = IntegrationTableMapping.objects.select_related("company").get(pk=mappings[0])
    stored = selections.store_selection(mapping=mapping, local_ids=services.records_of(chosen.rows), user=request.user)
    return HttpResponseRedirect(mapping_url("criteria", mapping, selection=stored.pk))


@require_POST
@requires(Can.OPERATE)
def release(request: HttpRequest, company: str) -> HttpResponse:
    """Release the rows that keep the selected records from being coupled, from records that were deleted here."""
    owner = company_or_404(request, company)
    chosen = selected_failures(request, owner)
    if not chosen:
        return listing.nothing_selected(request, way_back(request, owner))
    try:
        rows = rows_in_the_way(owner, services.records_of(chosen.rows))
        jobs = release_rows(company=owner, row_ids=rows, user=request.user)
    except EXPLAINED as error:
        show_error(request, error)
        return HttpResponseRedirect(way_back(request, owner))
    numbers = ", ".join(str(job.pk) for job in jobs)
    messages.success(request, f"The rows are released by job {numbers}. Then choose Retry Selected.")
    return HttpResponseRedirect(way_back(request, owner))


# -- ignore ------------------------------------------------------------------------------------------------------------


@require_POST
@requires(Can.OPERATE)
def ignore(request: HttpRequest, company: str) -> HttpResponse:
    """Ask why, then ignore the selected records until either side changes."""
    owner = company_or_404(request, company)
    chosen = selected_failures(request, owner)
    back = way_back(request, owner)
    if not chosen:
        return listing.nothing_selected(request, back)
    form = IgnoreForm.of(request.POST, selection=chosen.token, back=back)
    if not form.is_valid():
        what = "1 record" if chosen.count == 1 else f"{chosen.count:,} records"
        page = Page(
            f"Ignore {what}",
            company=owner,
            crumbs=(Link("Integration Synchronization Errors", back), Link(IGNORE, "")),
            help="coupling.md#failures",
            form_url=request.path,
            fast_tabs=[FastTab("why", "Why", [Field(form_field=bound) for bound in form])],
            submit=Action(IGNORE, icon="check"),
            cancel=Link("Cancel", back),
        )  # fmt: skip
        return render.page(request, page, status=400 if form.is_bound else 200)
    if chosen.count > services.MOST_AT_ONCE:
        verb = partial(services.ignore_by_job, because=form.cleaned_data["because"])
        return start(request, owner, verb, chosen.rows)
    ids_ = list(chosen.rows.values_list("pk", flat=True)[: services.MOST_AT_ONCE])
    count = failures.ignore(failed=chosen.rows, because=form.cleaned_data["because"], user=request.user)
    what = "1 record is" if count == 1 else f"{count:,} records are"
    until = "until the record here changes, or a job reads a row in Dataverse that changed and may be its own"
    messages.success(request, f"{what} ignored, {until}.")
    return tell_settled(request, owner, [(pk, 0) for pk in ids_])


@require_POST
@requires(Can.OPERATE)
def stop_ignoring(request: HttpRequest, company: str) -> HttpResponse:
    """List the selected records again."""
    owner = company_or_404(request, company)
    what = failures_listing(owner, ignored=True)
    chosen = listing.selected(request, what)
    back = company_url("sync:failures", owner, query={"ignored": "yes"})
    if not chosen:
        return listing.nothing_selected(request, back)
    count = failures.stop_ignoring(failed=chosen.rows)
    messages.success(request, f"{'1 record is' if count == 1 else f'{count:,} records are'} listed again.")
    return HttpResponseRedirect(back)
