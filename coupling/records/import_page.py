"""The page Import as data: choose a file; what was decided about it, and what it would change."""

from collections.abc import Sequence
from typing import Any

from core.refusals import joined
from coupling.job_parameters import ImportParameters
from coupling.records import import_preview, import_services, lists
from coupling.records.import_form import ChoicesForm, FileForm
from jobs import display, outcomes
from jobs.models import Job, JobOutcome, Outcome
from jobs.pages import lists as job_lists
from masterdata import catalog
from masterdata.files.plan import Plan
from masterdata.models import Company
from ui.kit import Action, Cue, FastTab, Field, Link, Notice, Page, Table
from ui.links import company_url

TITLE = "Import"
SHOWN = 100
"""Refused rows that the page shows; all of them are in the list behind it, and in the preview's file of rows."""


def choose_page(company: Company, form: FileForm) -> Page:
    """Return the page that asks for a file."""
    names = ("company", "table", "file")
    table = next((one for one in catalog.tables() if one.name == str(form["table"].value())), None)
    back = lists.list_url(company, table) if table else company_url("ui:role-center", company)
    return Page(
        TITLE,
        company=company,
        help="records.md#import",
        form_url=company_url("records:import", company),
        form_enctype="multipart/form-data",
        fast_tabs=[FastTab("file", "File", [Field(form_field=form[name]) for name in names])],
        submit=Action("Preview", icon="preview"),
        cancel=Link("Cancel", back),
    )


def preview_page(company: Company, job: Job, form: ChoicesForm) -> Page:
    """Return the page of a file: how far its reading is, or what was decided and what would change."""
    parameters = ImportParameters.load(job.parameters)
    table = catalog.table(parameters.table)
    address = company_url("records:import-preview", company, pk=job.pk)
    progress = display.progress(job, poll_url=address)
    crumbs = (
        Link(table.caption_plural, lists.list_url(company, table)),
        Link(TITLE, company_url("records:import", company, query={"table": table.name})),
        Link(parameters.file_name, ""),
    )
    if progress is not None:
        cancel = Action("Cancel", company_url("jobs:cancel", company, pk=job.pk), icon="cancel", dialog=True)
        return Page(
            TITLE, company=company, crumbs=crumbs, help="records.md#import", progress=progress, actions=[cancel]
        )  # fmt: skip
    refusal = import_services.refusal_of(job)
    counts = _counts(job)
    rows_url = company_url("records:import-preview-rows", company, pk=job.pk)
    rows = [Action("All Rows (CSV)", rows_url, icon="export")] if import_preview.is_kept(job) else []
    return Page(
        TITLE,
        company=company,
        crumbs=crumbs,
        help="records.md#import",
        notices=[_refusal(refusal) if refusal else _notice(company, job, parameters, counts)],
        actions=[] if refusal else rows,
        cues=[] if refusal else _cues(company, job, counts),
        fast_tabs=_decisions(form, job, refused=refusal is not None),
        form_url=company_url("records:import-again", company, pk=job.pk),
        submit=Action("Preview again", icon="preview"),
        cancel=Link("Another file", company_url("records:import", company, query={"table": table.name})),
        template="" if refusal else "coupling/records/import_preview.html",
        context={"preview_tabs": [] if refusal else _preview(job, table, counts)},
    )


def _counts(job: Job) -> dict[str, int]:
    counts = {**job.resume.get("counts", {}), "failed": job.counters.get("failed", 0)}
    return {name: int(counts.get(name, 0)) for name in ("inserted", "modified", "unchanged", "failed")}


def _refusal(refusal: dict[str, str]) -> Notice:
    fix = refusal["fix"]
    if refusal["reason"] == "unknown_column":
        fix = "Choose below which field each column holds, or leave it out, and preview again."
    return Notice(joined(refusal["message"], fix), "bad", title="The file cannot be imported as it is")


def _notice(company: Company, job: Job, parameters: ImportParameters, counts: dict[str, int]) -> Notice:
    writes = counts["inserted"] + counts["modified"]
    name = parameters.file_name
    if not writes and counts["failed"] and not counts["unchanged"]:
        text = f"No row of {name} can be imported as it is. The refused rows say why, cell by cell."
        return Notice(text, "bad", title="Nothing to import")
    if not writes:
        rest = " Refused rows stay out." if counts["failed"] else ""
        return Notice(f"The records are as {name} has them.{rest}", "ok", title="Nothing to import")
    refused = counts["failed"]
    stays_out = "The refused row stays out." if refused == 1 else f"The {refused:,} refused rows stay out."
    rest = f" {stays_out}" if refused else ""
    url = company_url("records:import-start", company, pk=job.pk)
    action = Action(f"{TITLE} {_rows(writes)}", url, "post", "import", primary=True)
    return Notice(f"Look at what would change, then import.{rest}", title="Nothing is written yet", actions=[action])


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _cues(company: Company, job: Job, counts: dict[str, int]) -> list[Cue]:
    refused = job_lists.outcomes_url(job, company, outcome=Outcome.FAILED) if counts["failed"] else ""
    return [
        Cue(
            f"{counts['inserted']:,}",
            "New",
            "#tab-new" if counts["inserted"] else "",
            "ok" if counts["inserted"] else "",
        ),
        Cue(f"{counts['modified']:,}", "Changed", "#tab-changed" if counts["modified"] else ""),
        Cue(f"{counts['unchanged']:,}", "Unchanged"),
        Cue(f"{counts['failed']:,}", "Refused", refused, "bad" if counts["failed"] else ""),
    ]


def _decisions(form: ChoicesForm, job: Job, *, refused: bool) -> list[FastTab]:
    plan = import_services.plan_of(job)
    blanks = int(job.resume.get("blanks_kept", 0))
    hint = (
        f"Blank cells over values that records have: {blanks:,}. They leave the value, unless you agree here."
        if blanks
        else "Otherwise a blank cell leaves what the record has."
    )
    names = [name for name in ("encoding", "separator", "sheet", "decimal", "dates") if name in form.fields]
    each = "For all columns; below, each can have its own."
    hints = {"decimal": each, "dates": each}
    tabs = [
        FastTab(
            "decided",
            "What was decided",
            [
                *(Field(form_field=form[name], hint=hints.get(name, "")) for name in names),
                Field(form_field=form["blank_clears"], hint=hint),
            ],
            gist=" ".join(plan.sentences()[:2]) if plan else "",
        )
    ]
    if form.column_names:
        rows = _columns(form, job, plan)
        taken = sum(bool(row["field"].value()) for row in rows)
        tabs.append(
            FastTab(
                "columns", "Columns", gist=f"{taken} of {len(rows)} columns are taken",
                template="coupling/records/import_columns.html", context={"columns": rows},
                controls=[form[name] for name in form.column_names],
                open=not refused or job.failure_reason == "unknown_column",
            )
        )  # fmt: skip
    return tabs


def _columns(form: ChoicesForm, job: Job, plan: Plan | None) -> list[dict[str, Any]]:
    """Return each column of the file: the field it holds, how it is written, what its blank cells do; each with its
    choice.
    """
    fields = {position: name for name, (position, _) in plan.columns.items()} if plan else {}
    kept = job.resume.get("blanks_kept_of", {})
    rows = []
    for position, name in enumerate(form.column_names):
        field = fields.get(position, "")
        style = next((key for what in ("decimal", "dates") if (key := f"{what}-{position}") in form.fields), "")
        blanks = f"blanks-{position}"
        rows.append({
            "word": form.fields[name].label,
            "field": form[name],
            "style": form[style] if style else None,
            "told": _style_told(plan, field) if plan and style else "",
            "blanks": form[blanks] if blanks in form.fields else None,
            "kept": int(kept.get(field, 0)),
        })  # fmt: skip
    return rows


def _style_told(plan: Plan, field: str) -> str:
    """Return how a column is read, by an example where it has one."""
    word = plan.style_of(field)
    if several := plan.readings_of(field):
        return f"{word[:1].upper()}{word[1:]}. {several}"
    return f"Such as {plan.examples[field]}." if plan.examples.get(field) else ""


def _after(field: dict[str, str]) -> str:
    """Return a value after its change; the arrow tells it apart where no heading stands above it."""
    return f"→ {field['local_value'] or '(blank)'}"


def _beside_name(table: catalog.LocalTable, fields: list[dict[str, str]]) -> str:
    """Return a few values of a new record, without those that have a column of their own."""
    shown = [one for one in fields if one["local"] not in (table.key, table.title)][:8]
    return "; ".join(f"{one['caption']}: {one['local_value']}" for one in shown)


def _preview(job: Job, table: catalog.LocalTable, counts: dict[str, int]) -> list[FastTab]:
    tabs = []
    head: tuple[str, ...]
    rows: list[tuple[str, ...]]
    if counts["failed"]:
        tabs.append(_refused(job, counts["failed"]))
    if counts["modified"]:
        rows = [
            (one["key"], one["name"], field["caption"], field["before"] or "(blank)", _after(field))
            for one in job.resume.get("modified", [])
            for field in one["fields"]
        ]
        head = ("No.", "Name", "Field", "Before", "After")
        tabs.append(_tab("changed", "Changed records", counts["modified"], job.resume["modified"], head, rows))
    if counts["inserted"]:
        rows = [
            (
                one["key"],
                one["name"],
                _beside_name(table, one["fields"]),
            )
            for one in job.resume.get("inserted", [])
        ]
        head = ("No.", "Name", "Values")
        tabs.append(_tab("new", "New records", counts["inserted"], job.resume["inserted"], head, rows))
    return tabs


def _refused(job: Job, count: int) -> FastTab:
    found = outcomes.failed(job).order_by("position", "pk")[:SHOWN]
    refused_rows = [(import_services.error_of(one), one) for one in found]
    rows = [
        (
            error["cell"] or f"Line {error['line']}", error["column"], _value(outcome),
            f"{error['cause']} {error['fix']}",
        )
        for error, outcome in refused_rows
    ]  # fmt: skip
    return _tab(
        "refused", "Refused rows", count, refused_rows, ("Where", "Column", "Value", "Why, and what to do"), rows
    )


def _value(outcome: JobOutcome) -> str:
    fields = (outcome.detail or {}).get("fields", [])
    return str(fields[0].get("local_value", "")) if fields else ""


def _tab(
    name: str, title: str, count: int, shown: Sequence[Any], head: Sequence[str], rows: Sequence[Sequence[Any]]
) -> FastTab:
    gist = f"{count:,}" if count <= len(shown) else f"the first {len(shown)} of {count:,}; all: All Rows (CSV), above"
    table = Table(f"{title}, {gist}", head, rows, wrap=frozenset(range(1, len(head))), stack=True)
    return FastTab(name, title, table=table, gist=gist)
