"""Page Suggest Criteria, as data: what was measured on both sides, and the criteria that suit them."""

from collections.abc import Mapping, Sequence

from django.http import HttpRequest

from connection_setup.connection.state import unavailable_text
from core.roles import Can
from core.vocabulary import CompareAs
from coupling.couplings.criteria_facts import measured_on
from coupling.couplings.preview_page import quick
from coupling.matching import criteria
from coupling.matching.match import group_by_priority
from coupling.matching.measurement import FieldPair, Measurement, percent
from coupling.models import CriteriaMeasurement, IntegrationTableMapping
from coupling.page_parts import NOT_ENABLED, crumbs, mapping_url, permission_reason
from coupling.rows import Criterion
from jobs import display, services
from jobs.models import Job, State
from jobs.pages import lists as listings
from ui.cells import time_ago
from ui.kit import Action, FastTab, Link, Notice, Page, Progress, Table
from ui.kit import State as Look

TITLE = "Suggest Criteria"
_HELP = "coupling.md#suggest"
_OWN_WAYS = (CompareAs.PHONE, CompareAs.EMAIL)


def suggestions_page(
    request: HttpRequest,
    mapping: IntegrationTableMapping,
    job: Job | None,
    kept: CriteriaMeasurement | None,
    carried: Mapping[str, str],
) -> Page:
    """Return the page. job: the newest that measures, or None; kept: what was measured last; carried: what the criteria
    page was opened with, which its address gets back.
    """
    running = job is not None and not job.ended
    found = Measurement.load(kept.measured) if kept is not None and not running else None
    return Page(
        TITLE,
        crumbs=[*crumbs(mapping.company, mapping), Link("Select Coupling Criteria", _criteria_url(mapping, carried))],
        company=mapping.company,
        state=display.status(job) if job is not None and (running or found is None) else None,
        help=_HELP,
        actions=_actions(request, mapping, job, carried),
        notices=_notices(mapping, job, kept, found),
        progress=_progress(mapping, job, carried),
        fast_tabs=[] if found is None or kept is None else _tabs(request, mapping, kept, found, carried),
    )


def words_of(mapping: IntegrationTableMapping, given: Sequence[Criterion]) -> str:
    """Return criteria with how they compare, where it is not as their field says: "Name (company name) + City"."""
    return ", then ".join(
        " + ".join(_caption(mapping, one) for one in group.criteria) for group in group_by_priority(given)
    )


def _caption(mapping: IntegrationTableMapping, one: Criterion) -> str:
    caption = criteria.field_caption(mapping, one.local)
    notes = [] if one.compare_as in (CompareAs.TEXT, *_OWN_WAYS) else [CompareAs(one.compare_as).label.lower()]
    notes += ["case-sensitive"] if one.case_sensitive else []
    return f"{caption} ({', '.join(notes)})" if notes else caption


def _criteria_url(mapping: IntegrationTableMapping, carried: Mapping[str, str], **query: str) -> str:
    return mapping_url("criteria", mapping, **carried, **query)


def _actions(
    request: HttpRequest, mapping: IntegrationTableMapping, job: Job | None, carried: Mapping[str, str]
) -> list[Action]:
    no_measuring = permission_reason(request, mapping.company, Can.PREVIEW)
    actions: list[Action] = []
    if job is not None and not job.ended:
        off = "Stops after the part in hand." if job.cancel_requested else no_measuring
        url = mapping_url("cancel-suggestion", mapping)
        actions.append(Action("Cancel", url, "post", "cancel", off=off, values=carried))
    else:
        off = NOT_ENABLED if unavailable_text(mapping.company) else no_measuring
        url = mapping_url("suggest", mapping)
        actions.append(Action("Measure Again" if job else "Measure", url, "post", "suggest", off=off, values=carried))
    actions.append(Action("Select Coupling Criteria", _criteria_url(mapping, carried), icon="filter"))
    if job is not None:
        actions.append(Action("Job", listings.job_url(job, mapping.company), icon="job"))
    return actions


def _progress(mapping: IntegrationTableMapping, job: Job | None, carried: Mapping[str, str]) -> Progress | None:
    if job is None:
        return None
    shown = display.progress(
        job, poll_url=mapping_url("suggestions", mapping, **carried), waits_for=services.waits_for(job)
    )
    if shown is None:
        return None
    faster: Progress = quick(shown)
    return faster


def _notices(
    mapping: IntegrationTableMapping, job: Job | None, kept: CriteriaMeasurement | None, found: Measurement | None
) -> list[Notice]:
    notices: list[Notice] = []
    if off := unavailable_text(mapping.company):
        notices.append(Notice(off, "warn"))
    if job is not None and job.state in (State.FAILED, State.CANCELLED):
        look: Look = "bad" if job.state == State.FAILED else "warn"
        older = " What is shown was measured before." if found is not None else ""
        notices.append(Notice((job.message or "The job failed.") + older, look, "Not measured"))
    if found is None or kept is None:
        if job is None:
            notices.append(Notice("Both sides are read once. Nothing is changed and nothing is kept of them.", ""))
        return notices
    notices.append(Notice(f"{measured_on(mapping, found)}, {time_ago(kept.job.ended_at)}.", ""))
    if found.more_records or found.more_rows:
        text = (
            "More than these were not read. What the others would match is not counted, so the numbers are too small."
        )
        notices.append(Notice(text, "warn", "A sample"))
    if found.records and not found.suggestions:
        text = (
            "No field that identifies a record has a value that a row in Dataverse has too, and no two fields together."
            if found.pairs
            else "No field of this mapping can be compared. Not measured says why."
        )
        notices.append(Notice(text, "warn", "Nothing to suggest"))
    if not found.records:
        notices.append(Notice("There is no uncoupled record, so nothing can be matched.", "", "Nothing to suggest"))
    return notices


# -- what was measured -------------------------------------------------------------------------------------------------


def _tabs(
    request: HttpRequest,
    mapping: IntegrationTableMapping,
    kept: CriteriaMeasurement,
    found: Measurement,
    carried: Mapping[str, str],
) -> list[FastTab]:
    tabs = [
        FastTab(
            "suggestions",
            "Criteria that suit",
            table=_suggestions(request, mapping, kept, found, carried),
            gist=f"{len(found.suggestions)} suggestions",
        ),
        FastTab("pairs", "Each field alone", table=_pairs(mapping, found), gist=f"{len(found.pairs)} fields"),
    ]
    if found.left_out:
        table = Table("Fields that were not measured", ("Field Name", "Why"), found.left_out, wrap=frozenset({1}))
        tabs.append(FastTab("left-out", "Not measured", table=table, gist=f"{len(found.left_out)} fields", open=False))
    return tabs


def _suggestions(
    request: HttpRequest,
    mapping: IntegrationTableMapping,
    kept: CriteriaMeasurement,
    found: Measurement,
    carried: Mapping[str, str],
) -> Table:
    no_map = permission_reason(request, mapping.company, Can.MAP)
    lines, actions = [], []
    for at, one in enumerate(found.suggestions):
        parts = ", then ".join(f"{count:,}" for count in one.by_priority)
        fill_in = _criteria_url(mapping, carried, suggestion=f"{kept.pk}-{at}")
        here, there = percent(one.filled_here, found.records), percent(one.filled_there, found.rows)
        lines.append(
            (
                Link(words_of(mapping, one.criteria), fill_in),
                f"{one.unique:,} unique{f': {parts}' if len(one.by_priority) > 1 else ''}",
                f"{one.wrongly_joined:,} wrongly joined",
                f"{here} % filled here, {there} % in Dataverse",
            )
        )
        values = {"measurement": str(kept.pk), "place": str(at), **carried}
        url = mapping_url("take-suggestion", mapping)
        actions.append(Action("Use These", url, "post", off=no_map, primary=not at, values=values))
    return Table(
        "Criteria that suit",
        ("Match on", "Unique matches", "Would wrongly join", "Filled"),
        lines,
        wrap=frozenset({0}),
        empty="There are none.",
        stack=True,
        row_actions=actions,
    )


def _pairs(mapping: IntegrationTableMapping, found: Measurement) -> Table:
    ordered = sorted(found.pairs, key=lambda one: -one.ways[0].unique)
    return Table(
        "Each field alone",
        (
            "Field Name", "Integration Field Name", "Compare As", "Unique matches", "Unique here",
            "Unique in Dataverse", "Filled here", "Filled in Dataverse", "Distinct here", "Distinct in Dataverse",
            "Would wrongly join", "Shared by many",
        ),
        [_pair(mapping, found, one) for one in ordered],
        numeric=frozenset(range(3, 11)),
        wrap=frozenset({11}),
        empty="No field of this mapping can be matched on.",
    )  # fmt: skip


def _pair(mapping: IntegrationTableMapping, found: Measurement, pair: FieldPair) -> tuple[str, ...]:
    way = pair.ways[0]
    shared = "; ".join(f"{value}: {here:,} here, {there:,} in Dataverse" for value, here, there in way.examples)
    return (
        criteria.field_caption(mapping, pair.field), pair.column, str(CompareAs(way.criterion.compare_as).label),
        f"{way.unique:,}", f"{way.unique_here:,}", f"{way.unique_there:,}",
        f"{percent(way.filled_here, found.records)} %", f"{percent(way.filled_there, found.rows)} %",
        f"{percent(way.distinct_here, way.filled_here)} %", f"{percent(way.distinct_there, way.filled_there)} %",
        f"{way.wrongly_joined:,}", shared,
    )  # fmt: skip
