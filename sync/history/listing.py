"""The list of Synchronization History: declared once, for its page, its exports and putting back."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from coupling.records.lists import card_url
from jobs.pages.lists import job_url
from masterdata import catalog
from masterdata.models import Company
from sync.history.reading import Line, lines_of, read
from sync.models import SynchronizedField, WrittenSide
from ui import ids
from ui.kit import Cell, Link, Long, Notice
from ui.links import company_url
from ui.listing import Column, Filter, Listing, day_begins

TITLE = "Synchronization History"
MOST_FOUND = 500
"""Records of a table that a search by number or name finds at most."""
SIDES = {"to": WrittenSide.INTEGRATION, "from": WrittenSide.LOCAL}


def history_listing(company: Company, *, selectable: bool = False) -> Listing:
    """Return the list of a company's lines, newest first."""
    return Listing(
        id="synchronization-history",
        caption="Changes",
        rows=lines_of(company),
        columns=[
            Column("at", "Time", lambda row: row.at),
            Column("no", "No.", lambda row: _record(company, row.line)),
            Column("name", "Name", lambda row: row.line.name, wrap=True),
            Column("field", "Field", lambda row: row.line.caption),
            Column("before", "Before", lambda row: _before(row.line), wrap=True),
            Column("after", "After", lambda row: _value(row.line.after), wrap=True),
            Column("way", "Direction", lambda row: f"{row.line.way}{', put back' if row.line.put_back else ''}"),
            Column("winner", "Winner", lambda row: row.line.winner, wrap=True, default=False),
            Column("job", "Job", lambda row: Link(f"Job {row.line.job_id}", job_url(row.job, company))),
            Column("person", "Person", lambda row: row.line.person),
            Column("changed_by", "Changed in Dataverse By", lambda row: row.line.changed_by, default=False),
            Column("mapping", "Mapping", lambda row: row.line.mapping, default=False),
            Column("row", "Dataverse Row", lambda row: row.line.row_name, wrap=True, default=False),
            Column("row_id", "Dataverse Row ID", lambda row: row.line.integration_id, default=False),
        ],
        filters=[
            Filter("mapping", "Mapping", _of_mapping(company), _mappings(company)),
            Filter("field", "Field", _of_field(company), _fields(company)),
            Filter("way", "Direction", _of_side, [("to", "To Dataverse"), ("from", "From Dataverse")]),
            Filter("since", "From", lambda rows, value: rows.filter(at__gte=day_begins(value)), kind="date"),
            Filter("until", "To", lambda rows, value: rows.filter(at__lt=day_begins(value, 1)), kind="date"),
            Filter("job", "Job", _of_job, kind="hidden"),
            Filter("record", "Record", _of_record, kind="hidden"),
        ],
        search=("before__icontains", "after__icontains"),
        search_by=lambda text: _of_records_found(company, text),
        search_label="Search by number, name or value",
        key="id",
        selectable=selectable,
        decorate=decorate,
        row_label=lambda row: f"{row.line.caption} of {row.line.key or row.line.local_id}",
        empty=Notice(
            "Each field that a synchronization writes, here or in Dataverse, is listed here with what it was before.",
            title="Nothing written yet",
        ),
    )  # fmt: skip


def decorate(rows: Sequence[Any]) -> None:
    """Give each row its line."""
    for row, line in zip(rows, read(rows), strict=True):
        row.line = line


def _value(text: str) -> Cell:
    return Long(text) if text else "(blank)"


def _before(line: Line) -> Cell:
    if line.by_rule:
        return "(by a rule)"
    return "(new)" if line.new else _value(line.before)


def _record(company: Company, line: Line) -> Cell:
    text = line.key or str(line.local_id)
    if line.gone:
        return f"{text} (deleted)"
    return Link(text, card_url(company, catalog.table(line.table), line.local_id))


# -- filters ----------------------------------------------------------------------------------------------------------


def _known(company: Company) -> "QuerySet[SynchronizedField]":
    return SynchronizedField.objects.filter(company=company)


def _mappings(company: Company) -> list[tuple[str, str]]:
    return [(name, name) for name in sorted(set(_known(company).values_list("mapping_name", flat=True)))]


def _fields(company: Company) -> list[tuple[str, str]]:
    """Return the fields by what people call them, each once: a local field's name, or a column's."""
    found = {local or column: caption for local, column, caption in _known(company).order_by("pk").values_list(
        "local", "column", "caption"
    )}  # fmt: skip
    return sorted(found.items(), key=lambda item: item[1].casefold())


def _of_mapping(company: Company) -> Any:
    return lambda rows, value: rows.filter(field__in=_numbers(_known(company).filter(mapping_name=value)))


def _of_field(company: Company) -> Any:
    return lambda rows, value: by_field(company, rows, value)


def by_field(company: Company, rows: "QuerySet[Any]", name: str) -> "QuerySet[Any]":
    """Return the lines about a local field; of fields without one, about a column."""
    known = _known(company).filter(Q(local=name) | Q(local="", column=name))
    return rows.filter(field__in=_numbers(known))


def _numbers(fields: "QuerySet[SynchronizedField]") -> list[int]:
    return list(fields.values_list("pk", flat=True))


def _of_side(rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
    return rows.filter(side=SIDES[value])


def _of_job(rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
    number = ids.parse_id(value)
    return rows.none() if number is None else rows.filter(job_id=number)


def _of_record(rows: "QuerySet[Any]", value: str) -> "QuerySet[Any]":
    try:
        return rows.filter(local_id=UUID(value))
    except ValueError:
        return rows.none()


def _of_records_found(company: Company, text: str) -> Q:
    """Return the condition that a line is about a record whose number begins with a text or whose name has it."""
    found: list[Any] = []
    for name in _tables(_known(company).values_list("table", flat=True)):
        table = catalog.table(name)
        meant = Q(**{f"{table.key}__istartswith": text}) | Q(**{f"{table.title}__icontains": text})
        found += table.rows(company).filter(meant).values_list("system_id", flat=True)[:MOST_FOUND]
    return Q(local_id__in=found)


def _tables(names: Iterable[str]) -> list[str]:
    known = {table.name for table in catalog.tables()}
    return sorted(known.intersection(names))


def history_url(company: Company, **query: Any) -> str:
    """Return the address of the list, narrowed."""
    return company_url("sync:history", company, query=query)
