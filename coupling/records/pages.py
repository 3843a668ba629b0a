"""The pages of the company's own records: a list per table, a card per record. Their forms are in edit_pages."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_safe

from accounts.access import company_or_404
from core.roles import Can, may, requires
from coupling.models import IntegrationTableMapping
from coupling.records import lists as records
from coupling.records.column_filters import column_filters
from coupling.records.fact_boxes import coupling_box, history_box
from coupling.records.forms import field_groups
from coupling.records.menus import DataverseMenu
from coupling.records.partners import partner_of
from coupling.records.view_pages import beside_filters, opened, views_menu
from masterdata.catalog import LocalField, LocalTable
from masterdata.models import Company
from ui import render
from ui.cells import in_sentence, text_of
from ui.column_filters import clean_address
from ui.kit import Action, FastTab, Field, Link, Menu, Page
from ui.links import company_url
from ui.registry import registry


@require_safe
@requires(Can.READ)
def record_list(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Show all records of a table."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    if address := clean_address(request.path, column_filters(what, owner), request.GET):
        return HttpResponseRedirect(address)
    if (view := opened(request, owner, what)) is not None:
        return view
    mappings = records.mappings_of(owner, what)
    records.give_ids_now_and_then(what)
    actions = _list_actions(request, owner, what, mappings)
    return render.page(
        request,
        Page(
            what.caption_plural,
            company=owner,
            actions=actions,
            listing=replace(
                records.record_listing(owner, what, mappings),
                beside_filters=lambda given: beside_filters(owner, what, given),
            ),
            help="records",
        ),
    )


def _list_actions(
    request: HttpRequest, owner: Company, what: LocalTable, mappings: Sequence[IntegrationTableMapping]
) -> list[Action | Menu]:
    """Return the action bar of a list."""
    menu = DataverseMenu(request, owner, what, mappings=mappings)
    actions: list[Action | Menu] = [menu.related()]
    if (synchronize := menu.synchronize()) is not None:
        actions.append(synchronize)
    if (views := views_menu(request, owner, what)) is not None:
        actions.append(views)
    if may(request.user, Can.ADMINISTER, owner):
        actions += [
            Action(f"New {in_sentence(what.caption)}", company_url("records:new", owner, table=what.name), icon="add"),
            Action("Import", company_url("records:import", owner, query={"table": what.name}), icon="import"),
        ]
    actions.append(_export_menu(request, owner, what))
    if not mappings and may(request.user, Can.MAP, owner):
        guide = company_url("coupling:new-mapping", owner, query={"table": what.name})
        actions.append(Action("New Table Mapping", guide, icon="add"))
    return actions


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
    partner = partner_of(request, owner, what, record)
    menu = DataverseMenu(request, owner, what, record=record, partner=partner)
    actions: list[Action | Menu] = [menu.related(), *menu.buttons()]
    if may(request.user, Can.ADMINISTER, owner):
        actions.insert(0, Action("Edit", records.record_url("edit", owner, what, record), icon="edit"))
        url = records.record_url("delete", owner, what, record)
        actions.append(Action("Delete", url, icon="delete", dialog=True))
    tabs = [
        FastTab(
            tab, title, [_shown(owner, what.field(name), record) for name in names], gist=_gist(record, what, names)
        )
        for tab, title, names in field_groups(what)
    ]
    box, state = coupling_box(request, owner, what, record, partner, menu.off)
    above = (give(request, owner, what, record) for give in registry.record_boxes)
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
            fact_boxes=(*(one for one in above if one is not None), box, history_box(what, record)),
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
