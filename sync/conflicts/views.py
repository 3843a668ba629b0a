"""Views of Coupled Data Synchronization Errors, and what can be done there."""

from collections.abc import Callable
from functools import partial

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company_or_404
from connection_setup.connection.state import connection_for_request, disabled_reason
from core.refusals import Refusal
from core.roles import ONLY_ADMINISTRATORS, Can, may, requires
from core.words import counted
from coupling.models import UndoneRecord
from coupling.undone import left_undone
from jobs.display import ERRORS_TITLE
from jobs.errors import EmptySelection
from jobs.mentions import PersonReading
from jobs.models import Job, JobRecord, Type
from masterdata.models import Company
from sync.asking import Asking
from sync.conflicts import services
from sync.conflicts.coupling_rows import off_reason
from sync.conflicts.live_rows import asked_by
from sync.conflicts.skipped_page import TITLE, deleted_listing, skipped_listing, skipped_page
from sync.start import services as start
from sync.start.direction import WAYS
from sync.start.pages import redirect_to_jobs
from ui import listing, render
from ui.kit import Action, Link, Notice
from ui.links import company_url

_FIND_TEXT = (
    "Every coupling with a row is looked at: whether its record still exists here, and its row in Dataverse. "
    "Nothing else is synchronized. A pair one side of which was deleted goes by its mapping's Resolve Deletion "
    "Conflicts; where nothing is chosen there, it is listed until you restore it, delete the other side too, or delete "
    "the coupling."
)


@require_safe
@requires(Can.READ)
def skipped(request: HttpRequest, company: str) -> HttpResponse:
    """Show what synchronization left undone; with ?settled=yes what people accepted as it is."""
    owner = company_or_404(request, company)
    connection = connection_for_request(request, owner)
    disabled = disabled_reason(connection)
    unavailable = disabled.user_message if disabled is not None else ""
    off = off_reason(request.user, owner, unavailable)
    off_deleting = off or ("" if may(request.user, Can.ADMINISTER, owner) else ONLY_ADMINISTRATORS)
    page = skipped_page(
        owner, PersonReading(request.user), settled=_is_settled(request), unavailable=unavailable, off=off,
        off_deleting=off_deleting, connection=asked_by(request.user, owner, connection, unavailable),
    )  # fmt: skip
    return render.page(request, page)


def _is_settled(request: HttpRequest) -> bool:
    """Return whether a request is about the list of what people accepted."""
    return (request.POST if request.method == "POST" else request.GET).get("settled") == "yes"


def _is_of_deleted(request: HttpRequest) -> bool:
    """Return whether a request comes from the list of what was deleted, on Resolve Update Conflicts."""
    return (request.POST if request.method == "POST" else request.GET).get("list") == "deleted"


def _carried(request: HttpRequest) -> dict[str, str]:
    """Return what goes along with a question, to come back with the answer."""
    if _is_of_deleted(request):
        return {"list": "deleted"}
    return {"settled": "yes"} if _is_settled(request) else {}


def _back_url(request: HttpRequest, company: Company) -> str:
    if _is_of_deleted(request):
        return company_url("sync:conflicts", company, query={"show": "deleted"})
    return company_url("sync:skipped", company, query={"settled": "yes"} if _is_settled(request) else {})


def _selected(request: HttpRequest, company: Company) -> listing.Selection:
    if _is_of_deleted(request):
        return listing.selected(request, deleted_listing(company))
    return listing.selected(request, skipped_listing(company, settled=_is_settled(request)))


@require_POST
@requires(Can.OPERATE)
def retry(request: HttpRequest, company: str) -> HttpResponse:
    """Try the selected lines again."""
    owner = company_or_404(request, company)
    selected = _selected(request, owner)
    if not selected:
        return listing.nothing_selected(request, _back_url(request, owner))
    if (answer := _asking(request, owner, selected, fixed="merge").answer()) is not None:
        return answer
    return _retry(request, owner, selected.rows)


@require_POST
@requires(Can.OPERATE)
def retry_all(request: HttpRequest, company: str) -> HttpResponse:
    """Try everything again that the company's synchronizations left undone, after asking what Retry asks."""
    owner = company_or_404(request, company)
    everything = start.retried(owner)
    every = listing.Selection(everything, everything.count(), key="id")
    if (answer := _asking(request, owner, every, fixed="merge").answer()) is not None:
        return answer
    return _retry(request, owner, None)


def _retry(request: HttpRequest, company: Company, undone: "QuerySet[UndoneRecord] | None") -> HttpResponse:
    back = company_url("sync:skipped", company)
    try:
        count, started = start.retry(company=company, undone=undone, user=request.user)
    except EmptySelection:
        waiting = undone is None and left_undone(company).exists()
        likely = f"Only rows that may match likely duplicates here are left out: settle those on {ERRORS_TITLE}."
        messages.warning(request, likely if waiting else "No record is left out.")
        return HttpResponseRedirect(back)
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    subject = "1 record is" if count == 1 else f"{count:,} records are"
    messages.success(request, f"{subject} synchronized again by the job that was started.")
    return redirect_to_jobs(request, company, started, back)


@require_POST
@requires(Can.OPERATE)
def accept(request: HttpRequest, company: str) -> HttpResponse:
    """Settle the selected lines: they stay as they are."""
    owner = company_or_404(request, company)
    back = company_url("sync:skipped", owner)
    selected = _selected(request, owner)
    if not selected:
        return listing.nothing_selected(request, back)
    count = services.settle(undone=selected.rows, user=request.user)
    subject = "1 record stays as it is" if count == 1 else f"{count:,} records stay as they are"
    messages.success(request, f"{subject}, until another condition holds it back. Show What Was Accepted lists it.")
    return HttpResponseRedirect(back)


@require_POST
@requires(Can.OPERATE)
def couple_with_successor(request: HttpRequest, company: str) -> HttpResponse:
    """Couple the selected records with the rows that theirs were merged into."""
    owner = company_or_404(request, company)
    back = company_url("sync:skipped", owner)
    selected = _selected(request, owner)
    if not selected:
        return listing.nothing_selected(request, back)
    try:
        started = services.couple_with_successors(company=owner, undone=selected.rows, user=request.user)
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    return redirect_to_jobs(request, owner, started, back)


@require_POST
@requires(Can.OPERATE)
def restore(request: HttpRequest, company: str) -> HttpResponse:
    """Queue the creation of what was deleted, on the side where it was."""
    return _start(request, company, services.restore, "Nothing of the selected records was deleted on one side alone.")


def _asking(request: HttpRequest, owner: Company, selected: listing.Selection, *, fixed: str = "") -> Asking:
    """Return what is asked before the selected pairs of which both sides exist are synchronized."""
    pairs = selected.rows.exclude(coupling=None).exclude(reason__in=services.DELETED)
    count = pairs.count()
    return Asking(
        request, owner, counted(count, "pair"), selected, services.mappings_of(pairs) if count else [],
        lambda: services.pairs_by_mapping(pairs), count, Link(TITLE, _back_url(request, owner)), _carried(request),
        fixed=fixed,
    )  # fmt: skip


@require_POST
@requires(Can.OPERATE)
def synchronize(request: HttpRequest, company: str) -> HttpResponse:
    """Synchronize the selected pairs now; ask for the direction where both are possible, and before newer data is
    overwritten.
    """
    owner = company_or_404(request, company)
    selected = _selected(request, owner)
    asking = _asking(request, owner, selected)
    if (answer := asking.answer()) is not None:
        return answer
    direction, conflict = WAYS[asking.way]
    return _start(
        request, company, partial(services.synchronize, direction=direction, conflict=conflict),
        "None of the selected records is a pair of which both sides exist.",
    )  # fmt: skip


@require_POST
@requires(Can.ADMINISTER)
def delete_records(request: HttpRequest, company: str) -> HttpResponse:
    """Delete the side that still exists of the selected pairs, after asking."""
    nothing = "Nothing of the selected records was deleted on one side alone."
    owner = company_or_404(request, company)
    selected = _selected(request, owner)
    here, there = services.count_survivors(selected.rows)
    beyond = request.POST.get("beyond") == "yes"
    if request.POST.get("confirmed") == "yes" or not here + there:
        return _start(request, company, partial(services.delete_survivors, beyond_brake=beyond), nothing)
    stopped = services.stopped_by_brake(selected.rows)
    values = {"selection": selected.token, "confirmed": "yes", **_carried(request)}
    label = f"Delete {counted(here + there, 'Record')} Beyond the Brake" if stopped else "Delete Records"
    return render.confirm(
        request,
        title="Delete Records",
        text=f"This deletes {_survivors(here, there)}, whose other side was deleted, and the couplings. It cannot be "
        "undone.",
        notice=Notice(f"{stopped} Cancel and select fewer, unless you mean all of them.", "bad") if stopped else None,
        action=Action(label, request.path, "post", "delete", values=values | ({"beyond": "yes"} if stopped else {})),
        back=_back_url(request, owner),
        company=owner,
        careful=True,
    )


def _survivors(here: int, there: int) -> str:
    records = "1 record here" if here == 1 else f"{here:,} records here"
    rows = "1 Dataverse row" if there == 1 else f"{there:,} Dataverse rows"
    return " and ".join(text for count, text in ((here, records), (there, rows)) if count)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def find_deleted(request: HttpRequest, company: str) -> HttpResponse:
    """Look for pairs one side of which was deleted, after asking."""
    owner = company_or_404(request, company)
    back = _back_url(request, owner)
    if request.method != "POST":
        return render.confirm(
            request,
            title="Find for Deleted",
            text=_FIND_TEXT,
            action=Action("Find for Deleted", request.path, "post", "search", primary=True, values=_carried(request)),
            back=back,
            company=owner,
        )
    try:
        started = services.find_deleted(company=owner, user=request.user)
    except EmptySelection:
        messages.warning(request, "Nothing is coupled, so there is nothing to look for.")
        return HttpResponseRedirect(back)
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    return redirect_to_jobs(request, owner, started, back)


@require_POST
@requires(Can.READ)
def log(request: HttpRequest, company: str) -> HttpResponse:
    """Lead to the runs that dealt with the selected record; of several, to those of their mapping, or of all."""
    owner = company_or_404(request, company)
    selected = _selected(request, owner)
    if not selected:
        return listing.nothing_selected(request, _back_url(request, owner))
    if selected.count == 1 and (record := selected.rows.values_list("local_id", flat=True)[0]):
        return HttpResponseRedirect(company_url("jobs:list", owner, query={"record": record}))
    names = list(selected.rows.order_by("mapping__name").values_list("mapping__name", flat=True).distinct()[:2])
    query = {"type": Type.SYNCHRONIZATION} | ({"mapping": names[0]} if len(names) == 1 else {})
    which = f"all synchronizations of {names[0]}" if len(names) == 1 else "the synchronizations of all mappings"
    why = "The line has no record here" if selected.count == 1 else "Several lines are selected"
    messages.info(request, f"{why}, so these are {which}. For one record's runs select the line of a record.")
    return HttpResponseRedirect(company_url("jobs:list", owner, query=query))


@require_POST
@requires(Can.OPERATE)
def delete_couplings(request: HttpRequest, company: str) -> HttpResponse:
    """Queue the deletion of the selected pairs' couplings; neither record is deleted."""
    return _start(request, company, services.uncouple, "None of the selected records is coupled.")


def _start(request: HttpRequest, company: str, work: Callable[..., list[Job]], nothing: str) -> HttpResponse:
    """Start the jobs of a verb for the selected lines. nothing: why none of them is meant."""
    owner = company_or_404(request, company)
    back = _back_url(request, owner)
    selected = _selected(request, owner)
    if not selected:
        return listing.nothing_selected(request, back)
    try:
        started = work(undone=selected.rows, user=request.user)
    except EmptySelection:
        messages.warning(request, f"{nothing} Nothing was done.")
        return HttpResponseRedirect(back)
    except Refusal as error:
        messages.error(request, error.user_message)
        return HttpResponseRedirect(back)
    taken = JobRecord.objects.filter(job__in=started).count()
    if taken < selected.count:
        left = "it does not apply to the others, which stay as they are"
        messages.info(request, f"{taken:,} of {counted(selected.count, 'selected record')} are taken up; {left}.")
    return redirect_to_jobs(request, owner, started, back)
