"""Page Synchronization History as data, and the question before values are put back."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.http import HttpRequest

from core.roles import Can
from coupling.page_parts import permission_reason
from coupling.records import lists as records
from jobs import display
from jobs.models import Job, Outcome, Reason, Type
from jobs.pages.lists import job_url
from masterdata.catalog import LocalTable
from masterdata.models import Company
from sync.conflicts.coupling_rows import off_reason
from sync.history.card import CardHistory
from sync.history.listing import TITLE, history_listing, history_url
from sync.history.parameters import PutBackParameters
from sync.history.reading import Line
from ui import ids
from ui.cells import text_of
from ui.kit import Action, Link, Menu, Notice, Page
from ui.links import company_url

PUT_BACK = "Put Back"
LISTED = 50
"""Values that a question lists one by one."""
_SHOWN = 80


def history_page(request: HttpRequest, company: Company, unavailable: str) -> Page:
    """Return the page of a company: everything, or narrowed to a job, a record, a field, days."""
    given = request.GET.dict()
    number = ids.parse_id(given.get("job", ""))
    job = Job.objects.filter(company=company, pk=number).first() if number is not None else None
    crumbs = [Link(display.LIST_TITLES[""], company_url("jobs:list", company))]
    if job is not None:
        crumbs.append(Link(text_of(job.started_at or job.created_at), job_url(job, company)))
    off = off_reason(request.user, company, unavailable) or permission_reason(request, company, Can.OPERATE)
    return Page(
        TITLE,
        company=company,
        crumbs=crumbs,
        help="synchronization.md#history",
        actions=[
            Action(
                PUT_BACK, company_url("sync:put-back", company), "post", "reset", selection=True, off=off, primary=True
            ),
            export_menu(company, given),
        ],
        listing=history_listing(company, selectable=not off),
    )


def record_page(request: HttpRequest, company: Company, table: LocalTable, record: Any) -> Page:
    """Return the page of what happened to one record."""
    crumbs = [
        Link(table.caption_plural, records.list_url(company, table)),
        Link(records.record_title(table, record), records.card_url(company, table, record.system_id)),
    ]
    found = CardHistory(request, company, table, record).context()
    if found is None:
        nothing = Notice("Synchronization wrote nothing of this record yet, and it was never coupled.")
        return Page(TITLE, company=company, crumbs=crumbs, help="synchronization.md#history", notices=[nothing])
    return Page(
        TITLE,
        company=company,
        crumbs=crumbs,
        help="synchronization.md#history",
        template="ui/page/sections.html",
        context={"sections": ["sync/history/card.html"], "history": found},
    )


def export_menu(company: Company, given: Mapping[str, str]) -> Menu:
    """Return the ways to take the list along, narrowed as it is."""
    kinds = (("CSV", "csv"), ("JSON", "json"))
    return Menu(
        "Export",
        [
            Action(label, company_url("sync:history-export", company, kind=kind, query=given), icon="export")
            for label, kind in kinds
        ],
        icon="export",
    )


def question(lines: Sequence[Line], count: int, *, anyway: bool) -> tuple[str, list[str]]:
    """Return what will happen when values are put back, in numbers, and the values one by one."""
    here = sum(line.here for line in lines)
    there = len(lines) - here
    parts = []
    if here:
        parts.append(f"{_values(here)} put back here; the next synchronization brings it to Dataverse")
    if there:
        parts.append(f"{_values(there)} put back in Dataverse; the next synchronization brings it here")
    text = ". ".join(f"{part[0].upper()}{part[1:]}" for part in parts)
    text += ", where the field goes that way. "
    text += (
        "What somebody changed since is overwritten, too."
        if anyway
        else "A value that somebody changed since stays as it is."
    )
    told = [sentence(line) for line in lines[:LISTED]]
    if count > len(told):
        told.append(f"and {count - len(told):,} more")
    return text, told


def _values(number: int) -> str:
    return "1 value is" if number == 1 else f"{number:,} values are"


def sentence(line: Line) -> str:
    """Return what putting one value back does."""
    where = "here" if line.here else "in Dataverse"
    who = " ".join(part for part in (line.key, line.name) if part) or str(line.local_id)
    return f"{who}, {line.caption} {where}: {_cut(line.after)} becomes {_cut(line.before)} again"


def _cut(text: str) -> str:
    if not text:
        return "(blank)"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def put_back_note(jobs: Sequence[Any]) -> str:
    """Return what people read once putting back has begun."""
    return "The value is being put back." if len(jobs) == 1 else f"{len(jobs)} jobs put the values back."


def job_actions(request: HttpRequest, job: Job) -> Iterator[Action]:
    """Yield what is offered on the card of a job: for jobs.registry.job_actions."""
    if job.type == Type.SYNCHRONIZATION and job.breakdown.get(Outcome.MODIFIED.value):
        yield Action(TITLE, history_url(job.company, job=job.pk), icon="list")
    stays = job.breakdown.get(Outcome.SKIPPED.value, {}).get(Reason.CHANGED_SINCE.value)
    if job.type == Type.RESTORE and job.ended and stays:
        lines = PutBackParameters.load(job.parameters).lines
        token = history_listing(job.company).signed(keys=[str(pk) for pk in lines])
        yield Action(
            "Put Back Anyway", company_url("sync:put-back", job.company), "post", "reset",
            off=permission_reason(request, job.company, Can.OPERATE), values={"selection": token, "anyway": "yes"},
        )  # fmt: skip
