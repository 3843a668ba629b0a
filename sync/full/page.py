"""Page Dataverse Full Synch. Review as data: lines with counts and recommendations, warnings, progress, actions."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Exists, OuterRef

from core.roles import Can, may
from core.vocabulary import Direction, Recommendation
from coupling.failures.likely import count_waiting
from coupling.matching import criteria
from coupling.models import FailedRecord, IntegrationTableMapping
from jobs import display
from jobs.display import ERRORS_TITLE
from jobs.models import OPEN_STATES, State
from masterdata.models import Company
from sync.full import services as full
from sync.full.counting import couples_first
from sync.full.estimate import Estimate
from sync.full.results import family_of, result_of
from sync.full.ways import CAPTIONS, WayStatus
from sync.models import FullSynchReviewLine
from ui import kit, listing
from ui.cells import time_ago
from ui.kit import Action, Cell, FactBox, Link, Notice, Page, Progress, Status, Tip
from ui.links import company_url

TITLE = "Dataverse Full Synch. Review"
STOP, GO_ON = "Stop", "Go On"

_RECOMMENDATION_STATES: dict[str, kit.State] = {Recommendation.DEPENDENCY: "bad", Recommendation.FULL: "ok"}
_STATUS_STATES: dict[str, kit.State] = {
    "": "", State.FINISHED: "ok", State.FAILED: "bad", State.CANCELLED: "warn", "blocked": "bad",
}  # fmt: skip
_WAY_STATES: dict[str, kit.State] = {WayStatus.IN_PROCESS: "run", WayStatus.ERROR: "bad", WayStatus.SUCCESS: "ok"}
_STATUS_TEXTS = {"": "Not started", "blocked": "Blocked"}
_ENDED_BADLY = {State.FAILED: "failed", State.CANCELLED: "was cancelled", "blocked": "could not start"}


def review_url(company: Company, name: str = "review") -> str:
    """Return the address of the page, or of one of its actions."""
    return company_url(f"sync:{name}", company)


def review_page(
    company: Company,
    rows: Sequence[FullSynchReviewLine],
    *,
    user: AbstractBaseUser | AnonymousUser,
    unavailable: str = "",
    notices: Sequence[Notice] = (),
) -> Page:
    """Return the page for the company's lines; `unavailable`: why Dataverse cannot be used, blank when it can."""
    mappings = mappings_of(company)
    with_criteria = mappings_with_criteria(company, mappings)
    waiting = count_waiting(company, [one for one in mappings if one.has_failures])
    if unavailable:
        notices = [Notice(unavailable, "warn", "Dataverse is not connected"), *notices]
    return Page(
        TITLE,
        company=company,
        tip=Tip(
            "Start with what is safe",
            "Records on one side only can be created on the other. Where both sides have records, couple them by "
            "criteria first: synchronizing them in full would make duplicates.",
        ),
        help="synchronization#full",
        actions=_actions(company, rows, unavailable, operates=may(user, Can.OPERATE, company)),
        notices=[*notices, *warnings(company, rows, with_criteria, waiting)],
        progress=progress(company, rows),
        listing=review_listing(company, with_criteria),
        fact_boxes=(_facts(rows),),
    )


def review_listing(company: Company, with_criteria: Collection[str] = ()) -> listing.Listing:
    """Return the list of lines; `with_criteria`: as mappings_with_criteria, for lists that are shown."""
    cells = LineCells(company, with_criteria)
    return listing.Listing(
        id="full-synch-review",
        caption="Mappings",
        rows=full.rows_of(company).filter(removed=False),
        columns=[
            listing.Column("name", "Name", "name"),
            listing.Column("recommendation", "Recommendation", cells.recommendation, narrow="narrow halved"),
            listing.Column("status", "Status", cells.status, narrow="narrow"),
            listing.Column("here", "Uncoupled here", lambda line: line.local_count, numeric=True, narrow="narrow"),
            listing.Column(
                "there", "Uncoupled in Dataverse", lambda line: line.integration_count, numeric=True, narrow="narrow"
            ),
            listing.Column("estimate", "Estimate", _estimated, narrow="narrow halved"),
            listing.Column("result", "Result", _took, narrow="narrow halved"),
            listing.Column("to", "To Int. Table Job Status", lambda line: _way(line.to_status), narrow="narrow"),
            listing.Column("from", "From Int. Table Job Status", lambda line: _way(line.from_status), narrow="narrow"),
            listing.Column("direction", "Direction", lambda line: str(Direction(line.direction).label), default=False),
            listing.Column("message", "What happened", "message", default=False, wrap=True),
            listing.Column(
                "dependencies", "Dependency Filter", lambda line: ", ".join(line.dependencies), default=False, wrap=True
            ),
        ],
        key="id",
        cards=True,
        selectable=True,
        row_label=lambda line: str(line.name),
        empty=Notice(
            "Each mapping has a line here once the connection to Dataverse is enabled and both sides were counted.",
            title="Nothing was counted yet",
        ),
    )


def _way(status: str) -> Cell:
    return Status(CAPTIONS[WayStatus(status)], _WAY_STATES[WayStatus(status)]) if status else ""


def _estimated(line: FullSynchReviewLine) -> str:
    """Return what the line's run is expected to take: "1,204 rows, 3 min"."""
    found = Estimate.load(line.estimate)
    return "" if found is None else found.short


def _took(line: FullSynchReviewLine) -> str:
    """Return what it took, beside what was expected."""
    found = result_of(line)
    return "" if found is None else found.short


class LineCells:
    """The cells of a line, on the page and in the guide.

    within: where the criteria page leads back to, a word of coupling.couplings.criteria_page.RETURN_PAGES.
    """

    def __init__(self, company: Company, with_criteria: Collection[str] = (), *, within: str = "review") -> None:
        self.company, self.with_criteria, self.within = company, with_criteria, within

    def recommendation(self, line: FullSynchReviewLine) -> Cell:
        """Return what is recommended; a link to the criteria where both sides have records."""
        if line.recommendation != Recommendation.NONE:
            state = _RECOMMENDATION_STATES.get(line.recommendation, "")
            return Status(str(line.get_recommendation_display()), state)
        selected = line.name in self.with_criteria
        text = "Review Selected Coupling Criteria" if selected else "Select Coupling Criteria"
        url = company_url("coupling:criteria", self.company, mapping=line.name, query={"within": self.within})
        return Link(text, url, "ok" if selected else "warn")

    def status(self, line: FullSynchReviewLine) -> Cell:
        """Return the line's status, as a link to its job where it has one."""
        state = _STATUS_STATES.get(line.status, "run")
        text = _STATUS_TEXTS.get(line.status) or str(State(line.status).label)
        if line.job is None:
            return Status(text, state)
        failed = line.job.counters.get("failed")
        if line.status == State.FINISHED and failed:
            text, state = f"Finished, {failed:,} failed", "warn"
        return Link(text, company_url("jobs:job", self.company, pk=line.job_id), state)


def mappings_of(company: Company) -> list[Any]:
    """Return the company's mappings with their fields, and whether each has failed records (has_failures)."""
    failed = FailedRecord.objects.filter(mapping=OuterRef("pk"))
    mappings = IntegrationTableMapping.objects.filter(company=company).select_related("company")
    return list(mappings.prefetch_related("fields").annotate(has_failures=Exists(failed)))


def mappings_with_criteria(company: Company, mappings: Iterable[IntegrationTableMapping] | None = None) -> set[str]:
    """Return the names of the mappings that have coupling criteria. mappings: see mappings_of, where they are known."""
    known = mappings_of(company) if mappings is None else mappings
    return {mapping.name for mapping in known if criteria.stored_criteria(mapping)}


# -- what to know before Sync All --------------------------------------------------------------------------------------


def warnings(
    company: Company,
    rows: Sequence[FullSynchReviewLine],
    with_criteria: Collection[str],
    waiting: Mapping[str, int],
) -> list[Notice]:
    """Return what to know before Sync All and after it: lines that ended badly or cannot run, likely duplicates.

    waiting: how many likely duplicates wait for a person, by mapping.
    """
    stopped = full.stopped(rows)
    found = [
        Notice(row.message or "Open its job to see why.", "bad", f"{row.name} {_ENDED_BADLY[row.status]}")
        for row in rows
        if row.status in _ENDED_BADLY and not (stopped and row in stopped)
    ]
    if any(row.status == State.CANCELLED for row in stopped):
        found.append(
            Notice(
                f"What was done until then stays. Not ended: {_names([row for row in rows if _is_left(row)])}. {GO_ON} "
                "takes them up again, and does nothing twice.",
                "warn", "The run was stopped",
            )
        )  # fmt: skip
    duplicates = [
        row for row in full.duplicates(rows) if not couples_first(row, has_criteria=row.name in with_criteria)
    ]
    if duplicates:
        found.append(
            Notice(
                "Full synchronization is chosen for mappings with uncoupled records on both sides: "
                f"{_counts(duplicates)}. Sync All creates "
                f"{', '.join(f'{_creates(row)} for {row.name}' for row in duplicates)}; those that are the same become "
                "duplicates. Couple them by criteria first.",
                "warn",
                "Possible duplicates",
            )
        )
    fresh = [row for row in rows if not row.status]
    on_both = [row for row in fresh if row.recommendation == Recommendation.NONE and row.integration_count]
    if on_both:
        found.append(_couple_first(on_both, [row for row in on_both if row.name not in with_criteria]))
    blocked = [row for row in fresh if row.recommendation == Recommendation.DEPENDENCY]
    if blocked:
        found.append(
            Notice(
                f"{_names(blocked)} cannot start: a mapping that comes first has records on both sides and no coupling "
                "criteria. Select its criteria, then choose Refresh.",
                "warn",
                "Dependency not satisfied",
            )
        )
    if named := [row.name for row in rows if waiting.get(row.name)]:
        found.append(_likely_duplicates(company, {name: waiting[name] for name in named}))
    return found


def _is_left(row: FullSynchReviewLine) -> bool:
    """Return whether a line of a run that was stopped has something left to do."""
    return row.started and row.status in (State.CANCELLED, "blocked")


def _likely_duplicates(company: Company, waiting: Mapping[str, int]) -> Notice:
    """Return the notice about likely duplicates, with the way to where they are settled."""
    counts = ", ".join(f"{name} ({count:,})" for name, count in waiting.items())
    return Notice(
        f"A coupling job found the same row, or one that is nearly alike, in Dataverse for records that are not "
        f"coupled: {counts}. No run creates them there, nor the rows that came into question here. Couple them, or "
        f"create them where they are really new.",
        "warn",
        "Likely duplicates wait for a person",
        (Action(ERRORS_TITLE, company_url("sync:failures", company), icon="list"),),
    )


def _couple_first(on_both: Sequence[FullSynchReviewLine], lacking: Sequence[FullSynchReviewLine]) -> Notice:
    """Return the notice about records on both sides; `lacking`: the lines without criteria."""
    fix = f" Select the criteria of {_names(lacking)} first; without them its line fails." if lacking else ""
    return Notice(
        f"Both sides have uncoupled records: {_counts(on_both)}. Synchronizing them in full would duplicate those that "
        f"are the same, so Sync All couples them by criteria and leaves the rest uncoupled.{fix}",
        "warn" if lacking else "",
        "Couple before you create",
    )


def _counts(rows: Iterable[FullSynchReviewLine]) -> str:
    return ", ".join(
        f"{row.name} ({row.local_count:,} here, {row.integration_count or 0:,} in Dataverse)" for row in rows
    )


def _names(rows: Iterable[FullSynchReviewLine]) -> str:
    return ", ".join(row.name for row in rows)


def plan_sentence(row: FullSynchReviewLine, with_criteria: Collection[str], waiting: Mapping[str, int]) -> str:
    """Return what Sync All does for a line, as a sentence; "" where it does nothing. waiting: see warnings."""
    if row.recommendation == Recommendation.NO_RECORDS:
        return ""
    if row.recommendation == Recommendation.NONE:
        if row.name not in with_criteria:
            return f"{row.name}: fails, since no coupling criteria are selected."
        return f"{row.name}: couple by the criteria."
    if row.recommendation == Recommendation.DEPENDENCY:
        return f"{row.name}: cannot start."
    if couples_first(row, has_criteria=row.name in with_criteria):
        return (
            f"{row.name}: couple by the criteria, then create what has nothing like it on the other side; likely "
            "duplicates wait for a person."
        )
    count = waiting.get(row.name, 0)
    these = "1 likely duplicate, which waits" if count == 1 else f"{count:,} likely duplicates, which wait"
    return f"{row.name}: create {_creates(row)}{f' but for {these} for a person' if count else ''}."


def _creates(row: FullSynchReviewLine) -> str:
    """Return how many records a full synchronization creates, and on which side: "3 in Dataverse and 2 here"."""
    parts = []
    if row.direction != Direction.FROM:
        parts.append(f"{row.local_count:,} in Dataverse")
    if row.direction != Direction.TO:
        parts.append(f"{row.integration_count or 0:,} here")
    return " and ".join(parts)


# -- actions, progress, facts ------------------------------------------------------------------------------------------


def _actions(
    company: Company, rows: Sequence[FullSynchReviewLine], unavailable: str, *, operates: bool
) -> list[Action]:
    denied = "" if operates else "Your role may look, not start jobs."
    off = "Enable the connection first." if unavailable else denied
    under_way = any(row.status in OPEN_STATES for row in rows)
    running = "A run is under way." if under_way else ""
    sync_all_off = off or full.blocked_reason(rows)

    def act(label: str, name: str, icon: str, why: str = "", note: str = "", *, selection: bool = True) -> Action:
        return Action(label, review_url(company, name), "post", icon, selection=selection, off=off or why, note=note)

    return [
        Action(
            "Sync All",
            review_url(company, "sync-all"),
            icon="run",
            off=sync_all_off,
            primary=True,
            dialog=not sync_all_off,
        ),
        *_stop_or_go_on(company, rows, off, under_way=under_way),
        act("Preview", "preview-review", "preview", note="What Sync All would do, record by record", selection=False),
        act("Refresh", "review-refresh", "sync", note="Counts both sides again", selection=False),
        act("Restart", "review-restart", "run"),
        act("Recommend Full Synchronization", "review-recommend-full", "suggest"),
        act("Remove", "review-remove", "delete"),
        act("Reset", "review-reset", "reset", running, selection=False),
    ]


def _stop_or_go_on(company: Company, rows: Sequence[FullSynchReviewLine], off: str, *, under_way: bool) -> list[Action]:
    """Return the way to stop the run that is under way, or to go on with one that was stopped."""
    if under_way:
        return [Action(STOP, review_url(company, "review-stop"), icon="cancel", off=off, dialog=not off)]
    if any(row.status == State.CANCELLED for row in full.stopped(rows)):
        return [Action(GO_ON, review_url(company, "review-go-on"), "post", "run", off=off)]
    return []


def progress(company: Company, rows: Sequence[FullSynchReviewLine], *, poll_url: str = "") -> Progress | None:
    """Return how far the run is and what its jobs do, polled while it goes on; None where no run is under way."""
    running = [row for row in rows if row.status in OPEN_STATES]
    if not running:
        return None
    started = [row for row in rows if row.started]
    ended = [row for row in started if row.status and row.status not in OPEN_STATES]
    details = []
    for row in running:
        if row.job is not None:
            job = display.progress(row.job, poll_url="")
            details.append(_at_work(row.name, job))
    percent = int(100 * len(ended) / max(1, len(started)))
    return Progress(
        "Full synchronization",
        f"{len(ended)} of {len(started)} mappings",
        percent,
        details,
        poll_url=poll_url or review_url(company),
    )


def _at_work(name: str, job: Progress | None) -> str:
    """Return what the job of a line does: its phase, how far it is, its rate and the time left."""
    if job is None:
        return f"{name}: waiting"
    return ". ".join([f"{name}: {job.phase}, {job.text}", *job.details])


def _facts(rows: Iterable[FullSynchReviewLine]) -> FactBox:
    """Return when the counts were true, and whether lines have run since."""
    counted = [row for row in rows if row.counted_at]
    counted_at = min((row.counted_at for row in counted if row.counted_at), default=None)
    older = " Lines have run since: choose Refresh to count again." if any(map(_ran_since, counted)) else ""
    expected = [found for row in rows if (found := Estimate.load(row.estimate))]
    whole = [("Estimate of all", str(sum(expected, Estimate())))] if expected else []
    return FactBox(
        "About the counts",
        facts=[("Counted", time_ago(counted_at) if counted_at else "not yet"), *whole],
        text=f"Uncoupled records inside the mappings' filters. Coupled ones are not counted.{older}",
    )


def _ran_since(row: FullSynchReviewLine) -> bool:
    """Return whether the line's job, or one that followed it, has worked since the line was counted."""
    if row.job is None or row.counted_at is None:
        return False
    _, *followed = family_of(row.job)
    times = [row.job.ended_at or row.job.started_at, *(job.ended_at for job in followed)]
    return any(moment > row.counted_at for moment in times if moment)
