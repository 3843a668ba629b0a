"""Page Undo This Job as data: what ends, what stays and why, which values go back."""

from collections.abc import Iterator, Sequence

from django import forms
from django.http import HttpRequest

from core.roles import Can
from coupling.models import IntegrationTableMapping
from coupling.page_parts import permission_reason
from coupling.records.lists import card_url
from jobs import display
from jobs.models import Job, Type
from jobs.pages.lists import job_url, reason_label
from jobs.pages.page import card_link, list_link
from masterdata import catalog
from sync.rules.changes import told
from sync.rules.undoing import Back
from sync.undo.preview import LISTED, UndoPreview
from sync.undo.reading import Made, Value
from ui.kit import Action, Cell, Cue, FastTab, Field, Link, Notice, Page, Status, Table
from ui.links import company_url

TITLE = "Undo This Job"
BACK, KEEP = "back", "keep"
_BLANK = "(blank)"


class UndoForm(forms.Form):
    """Asks whether what synchronization wrote goes back."""

    values = forms.ChoiceField(
        label="Values that synchronization wrote",
        widget=forms.RadioSelect,
        choices=[
            (BACK, "Go back, on the side where they were written. What somebody changed since stays, and is told."),
            (KEEP, "Stay on both sides as they are. Only the couplings end."),
        ],
    )


def job_actions(request: HttpRequest, job: Job) -> Iterator[Action]:
    """Yield what is offered on the card of a coupling job: for jobs.registry.job_actions."""
    if job.type != Type.COUPLING or (job.ended and not _may_have_coupled(job)):
        return
    off = permission_reason(request, job.company, Can.OPERATE) or ("" if job.ended else "when finished")
    yield Action(TITLE, company_url("sync:undo", job.company, pk=job.pk), icon="reset", off=off)


def _may_have_coupled(job: Job) -> bool:
    """Return whether a job coupled something, or had something created."""
    return bool(job.counters.get("coupled") or job.reasons.get("create_queued"))


def undo_page(job: Job, mapping: IntegrationTableMapping, found: UndoPreview, form: UndoForm) -> Page:
    """Return the page that asks before a job is undone, with what undoing it would do."""
    company = job.company
    back = job_url(job, company)
    fields = [Field(form_field=form["values"])] if found.values else []
    facts = [Field("What happens", _what_happens(found))]
    if found.count_created:
        facts.append(Field("Rows that the job created", _created(found.count_created)))
    stay = sum(found.reasons.values())
    tabs = [FastTab("undone", "What is undone", [*facts, *fields], gist=f"{found.count_ended:,} couplings end")]
    if found.ended:
        table = _records_table("Couplings that end", job, mapping, found.ended, found.count_ended)
        tabs.append(FastTab("ended", "What ends", table=table, gist=f"{found.count_ended:,}", open=False))
    if found.stay:
        table = _stays_table(job, mapping, found.stay, stay)
        tabs.append(FastTab("stays", "What stays, and why", table=table, gist=f"{stay:,}"))
    if found.values:
        gist = f"{found.count_values:,} go back, {found.changed_since:,} changed since"
        tabs.append(FastTab("values", "What synchronization wrote", table=_values_table(found), gist=gist))
    return Page(
        f"Undo {display.title(job)}",
        company=company,
        crumbs=(list_link(job, company), card_link(job, company), Link(TITLE, "")),
        help="coupling.md#undo",
        notices=_notices(found),
        cues=_cues(found, stay),
        fast_tabs=tabs,
        form_url=company_url("sync:undo", company, pk=job.pk),
        submit=Action(
            TITLE,
            icon="reset",
            primary=True,
            off="nothing of it can end" if found.whole and not found.count_ended else "",
        ),
        cancel=Link("Cancel", back),
    )


def _what_happens(found: UndoPreview) -> str:
    if not found.count_ended:
        looked_at = "every coupling that the job made" if found.whole else f"each of the first {found.looked_at:,}"
        return (
            f"{'Nothing' if found.whole else 'Of these nothing'}: {looked_at} was ended, or touched by somebody since."
        )
    count = "The coupling ends" if found.count_ended == 1 else f"{found.count_ended:,} couplings end"
    return (
        f"{count} that the job made and nobody touched since. Records and rows stay; the rows are released from this "
        "company."
    )


def _created(count: int) -> str:
    rows = "The row" if count == 1 else f"The {count:,} rows"
    return f"{rows} that Create New made in Dataverse {'stays' if count == 1 else 'stay'} there, uncoupled."


def _notices(found: UndoPreview) -> Sequence[Notice]:
    if found.whole:
        return ()
    text = (
        f"The numbers are those of the first {found.looked_at:,} of {found.total:,} couplings. The job looks at all; "
        "manage.py undo --preview tells all beforehand."
    )
    return (Notice(text, "warn", "Not all couplings were looked at."),)


def _cues(found: UndoPreview, stay: int) -> list[Cue]:
    cues = [
        Cue(f"{found.count_ended:,}", "Couplings end", "#tab-ended" if found.ended else ""),
        Cue(f"{stay:,}", "Stay as they are", "#tab-stays" if found.stay else "", "warn" if stay else ""),
        Cue(f"{found.count_values:,}", "Values can go back", "#tab-values" if found.values else ""),
    ]
    if found.changed_since:
        cues.append(Cue(f"{found.changed_since:,}", "Changed since, so they stay", "#tab-values", "warn"))
    return cues


def _record(job: Job, mapping: IntegrationTableMapping, made: Made) -> Cell:
    """Return the record's number as a link to its card, where it is there."""
    if not made.key or made.local_id is None or (made.why is not None and made.why.why.value == "local_deleted"):
        return made.key or "?"
    return Link(made.key, card_url(job.company, catalog.table(mapping.table), made.local_id))


def _records_table(
    caption: str, job: Job, mapping: IntegrationTableMapping, pairs: Sequence[Made], count: int
) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (_record(job, mapping, made), made.name, "Stays in Dataverse" if made.created else "Released") for made in pairs
    ]
    return Table(caption, ("No.", "Name", "Dataverse row"), [*rows, *_more(count, 3)], wrap=frozenset({1}), stack=True)


def _stays_table(job: Job, mapping: IntegrationTableMapping, pairs: Sequence[Made], count: int) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            _record(job, mapping, made), made.name, Status(reason_label(made.why.why.value), "warn"), made.why.message,
        )
        for made in pairs if made.why is not None
    ]  # fmt: skip
    head = ("No.", "Name", "Reason", "Why")
    return Table("What stays, and why", head, [*rows, *_more(count, 4)], wrap=frozenset({1, 3}), stack=True)


def _values_table(found: UndoPreview) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            value.made.key, value.made.name, f"{value.caption}{'' if value.here else ' in Dataverse'}",
            told(value.held) or _BLANK, _way(value),
        )
        for value in found.values
    ]  # fmt: skip
    total = found.count_values + found.changed_since
    return Table(
        "What synchronization wrote", ("No.", "Name", "Field", "Holds now", "What becomes of it"),
        [*rows, *_more(total, 5)], wrap=frozenset({1, 3, 4}), stack=True,
    )  # fmt: skip


def _way(value: Value) -> Cell:
    if value.way.what is Back.CHANGED_SINCE:
        return Status("Changed since: stays", "warn")
    return f"Goes back to {told(value.way.value) or _BLANK}"


def _more(count: int, cells: int) -> list[tuple[Cell, ...]]:
    return [(f"and {count - LISTED:,} more", *[""] * (cells - 1))] if count > LISTED else []
