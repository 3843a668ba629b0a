"""The pages of the company's own records: a list per table, a card per record, and the forms behind them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import company_or_404
from connection_setup.connection.state import connection_for_request
from core.roles import Can, may, requires
from coupling.dead_partners import RELEASE, dead_couplings, rows_in_the_way
from coupling.models import Coupling, OptionMapping, UndoneRecord, couplings_of_table
from coupling.records import lists as records
from coupling.records.forms import RecordForm, field_groups, record_form
from coupling.undone import left_undone, read_condition
from jobs.mentions import PersonReading, Reader
from jobs.models import Job
from masterdata.catalog import LocalField, LocalTable
from masterdata.models import ChangedBy, Company
from ui import render
from ui.cells import in_sentence, text_of, time_ago
from ui.kit import Action, Cell, FactBox, FastTab, Field, Link, Menu, Page, Status
from ui.links import company_url, optional_url
from ui.registry import registry


@require_safe
@requires(Can.READ)
def record_list(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Show all records of a table."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    mappings = records.mappings_of(owner, what)
    records.give_ids_now_and_then(what)
    actions: list[Action | Menu] = [records.dataverse_menu(request, owner, what, mappings=mappings)]
    if may(request.user, Can.ADMINISTER, owner):
        actions += [
            Action(f"New {in_sentence(what.caption)}", company_url("records:new", owner, table=what.name), icon="add"),
            Action("Import", company_url("records:import", owner, query={"table": what.name}), icon="import"),
        ]
    actions.append(_export_menu(request, owner, what))
    if not mappings and may(request.user, Can.MAP, owner):
        guide = company_url("coupling:new-mapping", owner, query={"table": what.name})
        actions.append(Action("New Table Mapping", guide, icon="add"))
    return render.page(
        request,
        Page(
            what.caption_plural,
            company=owner,
            actions=actions,
            listing=records.record_listing(owner, what, mappings),
            help="records",
        ),
    )


def _export_menu(request: HttpRequest, owner: Company, what: LocalTable) -> Menu:
    """Return the ways to take the list along, narrowed as it is."""
    kinds = (("CSV", "csv"), ("Excel workbook", "xlsx"))
    given = request.GET.dict()
    urls = {kind: company_url("records:export", owner, table=what.name, kind=kind, query=given) for _, kind in kinds}
    return Menu("Export", [Action(label, urls[kind], icon="export") for label, kind in kinds], icon="export")


@require_safe
@requires(Can.READ)
def card(request: HttpRequest, company: str, table: str, system_id: UUID) -> HttpResponse:
    """Show one record, its values and its row in Dataverse."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    record = records.record_or_404(owner, what, system_id)
    actions: list[Action | Menu] = [records.dataverse_menu(request, owner, what, record=record)]
    if may(request.user, Can.ADMINISTER, owner):
        actions += [
            Action("Edit", _record_url("edit", owner, what, record), icon="edit"),
            Action("Delete", _record_url("delete", owner, what, record), icon="delete", dialog=True),
        ]
    tabs = [
        FastTab(
            tab, title, [_shown(owner, what.field(name), record) for name in names], gist=_gist(record, what, names)
        )
        for tab, title, names in field_groups(what)
    ]
    box, state = _dataverse(request, owner, what, record)
    sections = _sections(request, owner, what, record)
    return render.page(
        request,
        Page(
            records.record_title(what, record),
            company=owner,
            crumbs=(Link(what.caption_plural, records.list_url(owner, what)),),
            state=state,
            actions=actions,
            fast_tabs=tabs,
            fact_boxes=(box, _history(what, record)),
            help="records",
            template="ui/page/sections.html" if sections else "",
            context={"sections": [template for template, _ in sections], **_contexts(sections)},
        ),
    )


def _sections(request: HttpRequest, owner: Company, what: LocalTable, record: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return what upper rooms show below the values of a record."""
    found = (provider(request, owner, what, record) for provider in registry.record_sections)
    return [section for section in found if section is not None]


def _contexts(sections: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    return {name: value for _, context in sections for name, value in context.items()}


@require_safe
@requires(Can.READ)
def by_key(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Lead to the card of the record with the number or code in ?key=."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    key = request.GET.get("key", "").replace("\x00", "")[:100]
    found = what.records(owner).filter(**{what.key: what.normal_key(key)}).values_list("system_id", flat=True).first()
    if found is None:
        raise Http404(f"There is no {in_sentence(what.caption)} {key!r} in {owner.name}.")
    return HttpResponseRedirect(records.card_url(owner, what, found))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.ADMINISTER)
def new(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Add a record."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    form = record_form(what, owner, data=request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        record = form.store()
        messages.success(request, f"{records.record_title(what, record)} has been added.")
        return HttpResponseRedirect(records.card_url(owner, what, record.system_id))
    return _form_page(
        request, owner, what, form, title=f"New {in_sentence(what.caption)}", back=records.list_url(owner, what)
    )


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.ADMINISTER)
def edit(request: HttpRequest, company: str, table: str, system_id: UUID) -> HttpResponse:
    """Change a record; a change that somebody else made meanwhile is never overwritten."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    record = records.record_or_404(owner, what, system_id)
    title, back = records.record_title(what, record), records.card_url(owner, what, system_id)
    form = record_form(what, owner, data=request.POST if request.method == "POST" else None, record=record)
    if request.method == "POST" and form.is_valid():
        form.store()
        messages.success(request, "The changes have been saved.")
        return HttpResponseRedirect(back)
    return _form_page(request, owner, what, form, title=f"Edit {title}", back=back)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.ADMINISTER)
def delete(request: HttpRequest, company: str, table: str, system_id: UUID) -> HttpResponse:
    """Delete a record, after asking."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    record = records.record_or_404(owner, what, system_id)
    title = records.record_title(what, record)
    if request.method == "POST":
        record.delete()
        messages.success(request, f"{title} has been deleted.")
        return HttpResponseRedirect(records.list_url(owner, what))
    records.mark_coupled([record], owner, what)
    text = f"The record is deleted from {owner.name}; this cannot be undone."
    if record.coupled_to_dataverse:
        text += (
            "\nIt is coupled with a row in Dataverse. The next synchronization treats that pair as the mapping's "
            "Resolve Deletion Conflicts says."
        )
    return render.confirm(
        request,
        title=f"Delete {title}?",
        text=text,
        action=Action("Delete", _record_url("delete", owner, what, record), "post"),
        back=records.card_url(owner, what, system_id),
        company=owner,
    )


def _form_page(
    request: HttpRequest, owner: Company, what: LocalTable, form: RecordForm, *, title: str, back: str
) -> HttpResponse:
    editable = set(form.fields)
    tabs = [
        FastTab(tab, caption, [_entry(what.field(name), form) for name in names if name in editable])
        for tab, caption, names in field_groups(what)
    ]
    tabs[0] = FastTab(tabs[0].id, tabs[0].title, [*tabs[0].fields, Field(form_field=form["seen"])])
    return render.page(
        request,
        Page(
            title,
            company=owner,
            crumbs=(Link(what.caption_plural, records.list_url(owner, what)),),
            fast_tabs=tabs,
            form_url=request.path,
            submit=Action("Save", icon="save"),
            cancel=Link("Cancel", back),
            help="records",
        ),
    )


def _entry(field: LocalField, form: RecordForm) -> Field:
    return Field(field.caption, form_field=form[field.name])


def _shown(owner: Company, field: LocalField, record: Any) -> Field:
    """Return a field's value to read; a reference leads to the record it names."""
    value: Any = getattr(record, field.name)
    if field.choices:
        value = str(getattr(record, f"get_{field.name}_display")())
    if field.references and value:
        value = Link(str(value), company_url("records:by-key", owner, table=field.references, query={"key": value}))
    return Field(field.caption, value)


def _gist(record: Any, table: LocalTable, names: list[str]) -> str:
    """Return what a closed FastTab shows: its first few values."""
    values = (
        text_of(getattr(record, name)) for name in names if table.field(name).type in {"text", "code", "reference"}
    )
    return " · ".join([value for value in values if value][:3])


def _dataverse(request: HttpRequest, owner: Company, table: LocalTable, record: Any) -> tuple[FactBox, Status | None]:
    """Return the fact box about the record's row in Dataverse, and the state in the page's head."""
    reader = PersonReading(request.user)
    pairs = list(
        couplings_of_table(owner, table.name).filter(local_id=record.system_id).select_related("mapping", "base")
    )
    if not pairs:
        option = (
            OptionMapping.objects.filter(company=owner, local_id=record.system_id).select_related("mapping").first()
        )
        if option is not None:
            facts: list[tuple[str, Cell]] = [
                ("Mapping", option.mapping.name),
                ("Option", option.caption),
                ("Value", option.value),
            ]
            return FactBox("Dataverse", facts), Status("Coupled to Dataverse", "ok")
        text = (
            "Not coupled. Choose Related, Dataverse, Coupling, then Match-Based Coupling to find its row, or Set Up "
            "Coupling to choose it."
        )
        undone = left_undone(owner).filter(coupling=None, local_id=record.system_id, mapping__table=table.name).first()
        if undone is not None:
            return _undone_box(owner, undone, reader), Status("Not created in Dataverse", "bad")
        if dead_couplings(owner, rows_in_the_way(owner, [record.system_id])):
            text = (
                "Not coupled. The row that matches it is coupled with a record that was deleted here. Choose Related, "
                f"Dataverse, Coupling, {RELEASE}, then couple it again."
            )
        return FactBox("Dataverse", text=text), Status("Not coupled to Dataverse")
    pair = pairs[0]
    address = connection_for_request(request, owner).environment_url.rstrip("/")
    row = f"{address}/main.aspx?pagetype=entityrecord&etn={pair.mapping.integration_table}&id={pair.integration_id}"
    facts = [
        ("Mapping", pair.mapping.name),
        ("Row", Link("Open in Dataverse", row) if address else str(pair.integration_id)),
        ("Coupled", f"{pair.get_method_display()}{_when_coupled(pair)}"),
        ("Last synchronization", time_ago(pair.synchronized_at) or "Not yet"),
    ]
    state = Status("Coupled to Dataverse", "ok")
    if pair.pending:
        state = Status("Being created in Dataverse", "run")
    if pair.conflict:
        state = Status("Changed on both sides", "warn")
    undone = left_undone(owner).filter(coupling=pair).first()
    if pair.last_error:
        state = Status("Skipped after errors" if pair.skipped else "Last synchronization failed", "bad")
    elif undone is not None:
        state = Status("Left out of synchronization", "warn")
    if undone is not None:
        return _undone_box(owner, undone, reader, facts), state
    return FactBox("Dataverse", facts, text=f"Last error: {pair.last_error}" if pair.last_error else ""), state


def _when_coupled(pair: Coupling) -> str:
    """Return when a pair was coupled, behind a comma; where a job made it that is gone, nobody knows."""
    made_at = pair.created_at
    if made_at is None and pair.job_id is not None:
        made_at = Job.objects.filter(pk=pair.job_id).values_list("started_at", flat=True).first()
    return f", {time_ago(made_at)}" if made_at else ""


def _undone_box(
    owner: Company, undone: UndoneRecord, reader: Reader, facts: Sequence[tuple[str, Cell]] = ()
) -> FactBox:
    """Return the fact box of a record that synchronization left undone, with what holds it back."""
    url = optional_url("sync:skipped", owner, query={"q": undone.local_key})
    listed = Action("Coupled Data Synchronization Errors", url, icon="warning") if url else None
    since: tuple[str, Cell] = ("Left undone since", time_ago(undone.since))
    return FactBox("Dataverse", [*facts, since], text=read_condition(undone, reader), action=listed)


def _history(table: LocalTable, record: Any) -> FactBox:
    facts: list[tuple[str, Cell]] = [
        ("Last modified", time_ago(record.modified_at)),
        ("By", ChangedBy(record.changed_by).label),
    ]
    if table.columns is None:
        facts.append(("Created", time_ago(record.created_at)))
    return FactBox("History", facts)


def _record_url(page: str, owner: Company, table: LocalTable, record: Any) -> str:
    return company_url(f"records:{page}", owner, table=table.name, system_id=record.system_id)
