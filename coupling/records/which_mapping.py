"""Which mapping an action on records of a list is about, where their table has several."""

from collections.abc import Sequence

from django import forms
from django.http import HttpRequest, HttpResponse

from core.vocabulary import Direction
from coupling.models import IntegrationTableMapping, pairs_of
from coupling.records import lists as records
from masterdata.catalog import LocalTable
from masterdata.models import Company
from ui import listing, render
from ui.kit import Action, FastTab, Field, Link, Page

NAME = "mapping"
_ARROWS = {Direction.TO: "to", Direction.FROM: "from"}


class _MappingForm(forms.Form):
    """Asks for a mapping; carries the selection along."""

    mapping = forms.ChoiceField(label="Integration table mapping", widget=forms.RadioSelect)
    selection = forms.CharField(widget=forms.HiddenInput)


def find_or_ask(
    request: HttpRequest,
    company: Company,
    table: LocalTable,
    selected: listing.Selection,
    mappings: Sequence[IntegrationTableMapping],
    *,
    title: str,
) -> IntegrationTableMapping | HttpResponse:
    """Return the mapping that the request names, or the only one there is; else the question for it."""
    if len(mappings) == 1:
        return mappings[0]
    named = next((one for one in mappings if one.name == request.POST.get(NAME)), None)
    return named or _ask(request, company, table, selected, mappings, title)


def that_couple(
    mappings: Sequence[IntegrationTableMapping], selected: listing.Selection
) -> Sequence[IntegrationTableMapping]:
    """Return those of the mappings that selected records are coupled through; all where none is coupled."""
    if len(mappings) < 2:
        return mappings
    ids = selected.rows.order_by().values("system_id")
    return [one for one in mappings if pairs_of(one).filter(local_id__in=ids).exists()] or mappings


def _ask(
    request: HttpRequest,
    company: Company,
    table: LocalTable,
    selected: listing.Selection,
    mappings: Sequence[IntegrationTableMapping],
    title: str,
) -> HttpResponse:
    """Ask, at the address of the request, which comes back with the answer as `mapping`."""
    form = _MappingForm(initial={NAME: mappings[0].name, "selection": selected.token})
    choice = form.fields[NAME]
    assert isinstance(choice, forms.ChoiceField)
    choice.choices = [(one.name, _words(one)) for one in mappings]
    what = f"1 {table.caption.lower()}" if selected.count == 1 else f"{selected.count:,} {table.caption_plural.lower()}"
    back = records.list_url(company, table)
    page = Page(
        title,
        company=company,
        crumbs=(Link(table.caption_plural, back),),
        help="records#mappings",
        form_url=request.path,
        fast_tabs=[FastTab("mapping", f"{what}: by which mapping?", [Field(form_field=one) for one in form])],
        submit=Action(title),
        cancel=Link("Cancel", back),
    )
    return render.page(request, page)


def _words(mapping: IntegrationTableMapping) -> str:
    """Return a mapping as the question tells it: "CUSTOMER, both ways with account in Dataverse"."""
    way = _ARROWS.get(Direction(mapping.direction), "both ways with")
    return f"{mapping.name}, {way} {mapping.integration_table} in Dataverse"
