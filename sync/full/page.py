"""The page Dataverse Full Synch. Review: what to synchronize first, its recommendations, and the run in waves."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import company as company_of
from connection_setup.connection.state import unavailable_reason
from core.refusals import Refusal
from core.roles import Can, may, requires
from core.vocabulary import Direction, Recommendation
from coupling.matching import criteria
from coupling.models import IntegrationTableMapping
from dataverse.errors import DataverseError
from jobs import display
from jobs.models import OPEN_STATES, State
from masterdata.models import Company
from sync.full import services as full
from sync.models import FullSynchReviewLine
from ui import listing, render
from ui.cells import time_ago
from ui.kit import Action, Cell, FactBox, Link, Notice, Page, Progress, Status, Tip
from ui.links import company_url

TITLE = "Dataverse Full Synch. Review"


def _url(company: Company, name: str = "review") -> str:
    return company_url(f"sync:{name}", company)


@require_safe
@requires(Can.READ)
def review(request: HttpRequest, company: str) -> HttpResponse:
    """The lines with their counts, recommendations and states; counted when it is opened for the first time."""
    owner = company_of(request, company)
    notices: list[Notice] = []
    off = unavailable_reason(owner)
    if off:
        notices.append(Notice(off, "warn", "Dataverse is not connected"))
    known = full.lines(owner, removed=True)
    rows = [row for row in known if not row.removed]
    if not off and not known and may(request.user, Can.OPERATE):
        notices += _counted(owner)
        rows = full.lines(owner)
    if any(row.started and row.status in ("", *OPEN_STATES) for row in rows):
        full.advance(owner)
        rows = full.lines(owner)
    chosen = with_criteria(owner)
    notices += warnings(rows, chosen)
    return render.page(request, _page(request, owner, rows, notices, off, chosen))


def _counted(company: Company) -> list[Notice]:
    """Count both sides; what went wrong as a notice."""
    try:
        full.generate(company)
    except (DataverseError, Refusal) as error:
        return [Notice(error.user_message, "bad", "The records could not be counted")]
    return []


def _page(
    request: HttpRequest,
    company: Company,
    rows: list[FullSynchReviewLine],
    notices: list[Notice],
    off: str,
    chosen: Collection[str],
) -> Page:
    return Page(
        TITLE,
        company=company,
        tip=Tip(
            "Start with what is safe",
            "Records on one side only can be created on the other. Where both sides have records, couple them by "
            "criteria first: synchronizing them in full would make duplicates.",
        ),
        help="synchronization#full",
        actions=_actions(request, company, rows, off),
        notices=notices,
        progress=progress(company, rows),
        listing=_listing(company, chosen),
        fact_boxes=(_facts(rows),),
    )


def _listing(company: Company, chosen: Collection[str] = ()) -> listing.Listing:
    """The lines. `chosen`: the mappings with coupling criteria; only what is shown needs them."""
    shown = Shown(company, chosen)
    return listing.Listing(
        id="full-synch-review",
        caption="Mappings",
        rows=FullSynchReviewLine.objects.filter(company=company, removed=False).select_related("job"),
        columns=[
            listing.Column("name", "Name", "name"),
            listing.Column("recommendation", "Recommendation", shown.recommendation),
            listing.Column("status", "Status", shown.status),
            listing.Column("here", "Uncoupled here", lambda line: line.local_count, numeric=True),
            listing.Column("there", "Uncoupled in Dataverse", lambda line: line.integration_count, numeric=True),
            listing.Column("direction", "Direction", lambda line: str(Direction(line.direction).label)),
            listing.Column("message", "What happened", "message", default=False, wrap=True),
            listing.Column(
                "dependencies", "Dependency Filter", lambda line: ", ".join(line.dependencies), default=False, wrap=True
            ),
        ],
        key="id",
        selectable=True,
        row_label=lambda line: str(line.name),
        empty=Notice(
            "Each mapping has a line here once the connection to Dataverse is enabled and both sides were counted.",
            title="Nothing was counted yet",
        ),
    )


class Shown:
    """The cells of a line."""

    def __init__(self, company: Company, chosen: Collection[str], *, within: str = "") -> None:
        """`within`: where the criteria lead back to, a word of coupling.couplings.criteria_page.WITHIN."""
        self.company, self.chosen, self.within = company, chosen, within

    def recommendation(self, line: FullSynchReviewLine) -> Cell:
        """What is recommended; for what is on both sides, the way to the criteria."""
        if line.recommendation != Recommendation.NONE:
            look = {Recommendation.DEPENDENCY: "bad", Recommendation.FULL: "ok"}.get(
                Recommendation(line.recommendation), ""
            )
            return Status(str(line.get_recommendation_display()), look)  # type: ignore[arg-type]
        chosen = line.name in self.chosen
        text = "Review Selected Coupling Criteria" if chosen else "Select Coupling Criteria"
        return Link(text, _criteria_url(self.company, line.name, self.within), "ok" if chosen else "warn")

    def status(self, line: FullSynchReviewLine) -> Cell:
        """How the line stands, leading to its job."""
        look = {"finished": "ok", "failed": "bad", "cancelled": "warn", "blocked": "bad", "": ""}.get(
            line.status, "run"
        )
        word = _WORDS.get(line.status) or str(State(line.status).label)
        if line.status == State.FINISHED and line.job is not None and line.job.counters.get("failed"):
            word, look = f"Finished, {line.job.counters['failed']:,} failed", "warn"
        if line.job is None:
            return Status(word, look)  # type: ignore[arg-type]
        url = company_url("jobs:job", self.company, pk=line.job_id)
        return Link(word, url, look)  # type: ignore[arg-type]


_WORDS = {"": "Not started", "blocked": "Blocked"}


def _criteria_url(company: Company, name: str, within: str) -> str:
    url = company_url("coupling:criteria", company, mapping=name)
    return f"{url}?within={within or 'review'}"


def warnings(rows: Sequence[FullSynchReviewLine], chosen: Collection[str]) -> list[Notice]:
    """What to know before Sync All: likely duplicates with their counts, and lines that cannot run as they are."""
    found = [
        Notice(row.message or "Open its job to see why.", "bad", f"{row.name} {_BROKEN[row.status]}")
        for row in rows
        if row.status in _BROKEN
    ]
    fresh = [row for row in rows if not row.status]
    if doubled := [
        row for row in full.duplicates(rows) if not full.couples_first(row, has_criteria=row.name in chosen)
    ]:
        found.append(
            Notice(
                f"Full synchronization is chosen for mappings with uncoupled records on both sides: {_both(doubled)}. "
                "Sync All creates every one of them on the other side; those that are the same become duplicates. "
                "Couple them by criteria first.",
                "warn",
                "Possible duplicates",
            )
        )
    on_both = [row for row in fresh if row.recommendation == Recommendation.NONE and row.integration_count]
    lacking = [row for row in on_both if row.name not in chosen]
    if on_both:
        mend = f" Select the criteria of {_names(lacking)} first; without them its line fails." if lacking else ""
        found.append(
            Notice(
                f"Both sides have uncoupled records: {_both(on_both)}. Synchronizing them in full would duplicate "
                f"those that are the same, so Sync All couples them by criteria and leaves the rest uncoupled.{mend}",
                "warn" if lacking else "",
                "Couple before you create",
            )
        )
    waiting = [row for row in fresh if row.recommendation == Recommendation.DEPENDENCY]
    if waiting:
        found.append(
            Notice(
                f"{_names(waiting)} cannot start: a mapping it depends on has records on both sides and no coupling "
                "criteria. Select them there, then choose Refresh.",
                "warn",
                "Dependency not satisfied",
            )
        )
    return found


_BROKEN = {"failed": "failed", "cancelled": "was cancelled", "blocked": "could not start"}


def _both(rows: Sequence[FullSynchReviewLine]) -> str:
    return ", ".join(
        f"{row.name} ({row.local_count:,} here, {row.integration_count or 0:,} in Dataverse)" for row in rows
    )


def _names(rows: Sequence[FullSynchReviewLine]) -> str:
    return ", ".join(row.name for row in rows)


def with_criteria(company: Company) -> set[str]:
    """The names of the mappings that have coupling criteria."""
    mappings = IntegrationTableMapping.objects.filter(company=company).prefetch_related("fields")
    return {mapping.name for mapping in mappings if criteria.stored_criteria(mapping)}


def plan(row: FullSynchReviewLine, chosen: Collection[str]) -> str:
    """What Sync All does for a line, as a sentence."""
    if row.recommendation == Recommendation.NO_RECORDS:
        return ""
    if row.recommendation == Recommendation.NONE:
        if row.name not in chosen:
            return f"{row.name}: fails, since no coupling criteria are selected."
        return f"{row.name}: couple by the criteria."
    if row.recommendation == Recommendation.DEPENDENCY:
        return f"{row.name}: cannot start."
    parts = []
    if row.direction != Direction.FROM:
        parts.append(f"{row.local_count:,} in Dataverse")
    if row.direction != Direction.TO:
        parts.append(f"{row.integration_count or 0:,} here")
    if full.couples_first(row, has_criteria=row.name in chosen):
        return f"{row.name}: couple by the criteria, then create what finds no unique match on the other side."
    return f"{row.name}: create {' and '.join(parts)}."


def _actions(request: HttpRequest, company: Company, rows: list[FullSynchReviewLine], off: str) -> list[Action]:
    denied = "" if may(request.user, Can.OPERATE) else "Your role may look, not start jobs."
    no = "Enable the connection first." if off else denied
    running = "A run is under way." if any(row.status in OPEN_STATES for row in rows) else ""

    def act(label: str, name: str, icon: str, why: str = "", note: str = "", *, selection: bool = True) -> Action:
        return Action(label, _url(company, name), "post", icon, selection=selection, off=no or why, note=note)

    why_not = full.may_start(rows) if rows else "There are no lines."
    return [
        Action(
            "Sync All",
            _url(company, "sync-all"),
            icon="run",
            off=no or why_not,
            primary=True,
            dialog=not (no or why_not),
        ),
        act("Refresh", "review-refresh", "sync", note="Counts both sides again", selection=False),
        act("Restart", "review-restart", "run"),
        act("Recommend Full Synchronization", "review-recommend-full", "suggest"),
        act("Remove", "review-remove", "delete"),
        act("Reset", "review-reset", "reset", running, selection=False),
    ]


def progress(company: Company, rows: list[FullSynchReviewLine], *, poll_url: str = "") -> Progress | None:
    """The run as a whole, and what its jobs are doing; polled while it goes on, None when it does not."""
    at_work = [row for row in rows if row.status in OPEN_STATES]
    if not at_work:
        return None
    part = [row for row in rows if row.started]
    ended = [row for row in part if row.status and row.status not in OPEN_STATES]
    details = []
    for row in at_work:
        if row.job is not None:
            job = display.progress(row.job, poll_url="")
            details.append(f"{row.name}: {job.phase} {job.text}".strip() if job else f"{row.name}: waiting")
    percent = int(100 * len(ended) / max(1, len(part)))
    return Progress(
        "Full synchronization",
        f"{len(ended)} of {len(part)} mappings",
        percent,
        details,
        poll_url=poll_url or _url(company),
    )


def _facts(rows: list[FullSynchReviewLine]) -> FactBox:
    counted = max((row.counted_at for row in rows if row.counted_at), default=None)
    return FactBox(
        "About the counts",
        facts=[("Counted", time_ago(counted) if counted else "not yet")],
        text="Uncoupled records inside the mappings' filters. Coupled ones are not counted.",
    )


# -- actions -----------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.OPERATE)
def sync_all(request: HttpRequest, company: str) -> HttpResponse:
    """Ask, with the numbers, then start every line that has not run."""
    owner = company_of(request, company)
    if request.method == "POST":
        return _done(
            request, owner, lambda: full.start(owner, user=request.user), "The full synchronization has started."
        )
    rows = full.lines(owner)
    if why := full.may_start(rows):
        messages.warning(request, why)
        return HttpResponseRedirect(_url(owner))
    chosen = with_criteria(owner)
    warned = warnings(rows, chosen)
    plans = " ".join(filter(None, (plan(row, chosen) for row in rows if not row.status)))
    return render.confirm(
        request,
        title="Sync All",
        text=plans or "No line has records to synchronize.",
        action=Action("Sync All", _url(owner, "sync-all"), "post", icon="run", primary=True),
        back=_url(owner),
        company=owner,
        notice=warned[0] if warned else None,
    )


@require_POST
@requires(Can.OPERATE)
def refresh(request: HttpRequest, company: str) -> HttpResponse:
    """Count both sides again."""
    owner = company_of(request, company)
    return _done(request, owner, lambda: full.generate(owner), "Both sides have been counted again.")


@require_POST
@requires(Can.OPERATE)
def reset(request: HttpRequest, company: str) -> HttpResponse:
    """Forget states, overrides and removals, and count anew."""
    owner = company_of(request, company)
    return _done(request, owner, lambda: full.reset(owner), "The review starts from the beginning.")


@require_POST
@requires(Can.OPERATE)
def restart(request: HttpRequest, company: str) -> HttpResponse:
    """Run the ticked line once more."""
    owner = company_of(request, company)
    return _for_one(
        request, owner, lambda line: full.restart(line, user=request.user), "{name} has been started again."
    )


@require_POST
@requires(Can.OPERATE)
def recommend_full(request: HttpRequest, company: str) -> HttpResponse:
    """Recommend full synchronization for the ticked lines."""
    owner = company_of(request, company)
    return _for_each(request, owner, full.recommend_full, "{name}: full synchronization is recommended now.")


@require_POST
@requires(Can.OPERATE)
def remove(request: HttpRequest, company: str) -> HttpResponse:
    """Take the ticked lines out of the run."""
    owner = company_of(request, company)
    return _for_each(request, owner, full.remove, "{name} has been taken out. Reset brings it back.")


def _done(request: HttpRequest, company: Company, work: Callable[[], Any], text: str) -> HttpResponse:
    try:
        work()
    except (Refusal, DataverseError) as error:
        messages.error(request, error.user_message)
    else:
        messages.success(request, text)
    return HttpResponseRedirect(_url(company))


def _ticked(request: HttpRequest, company: Company) -> list[FullSynchReviewLine]:
    return list(listing.selected(request, _listing(company)).rows)


def _for_each(request: HttpRequest, company: Company, work: Callable[[Any], Any], text: str) -> HttpResponse:
    rows = _ticked(request, company)
    if not rows:
        return listing.nothing_selected(request, _url(company))
    for line in rows:
        _done(request, company, lambda line=line: work(line), text.format(name=line.name))  # type: ignore[misc]
    return HttpResponseRedirect(_url(company))


def _for_one(request: HttpRequest, company: Company, work: Callable[[Any], Any], text: str) -> HttpResponse:
    rows = _ticked(request, company)
    if not rows:
        return listing.nothing_selected(request, _url(company))
    if len(rows) > 1:
        messages.warning(request, "Tick one line only: what depends on it goes on by itself.")
        return HttpResponseRedirect(_url(company))
    return _done(request, company, lambda: work(rows[0]), text.format(name=rows[0].name))
