"""Pages Look-up Tables: those of a company, and one with its rows; what the transformation rule `table` looks up."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods, require_safe

from accounts import access
from core.refusals import NotUsable
from core.roles import Can, requires
from coupling.mappings import field_edit
from coupling.mappings.field_arguments import table_rows
from coupling.models import LookUpTable
from coupling.page_parts import crumbs, permission_reason, show_error
from masterdata.models import Company
from ui import render
from ui.kit import Action, FastTab, Field, Link, Page, Table
from ui.links import company_url

TITLE = "Look-up Tables"
_HELP = "mappings.md#rules"
_SHOWN = 5


class LookUpForm(forms.Form):
    """A look-up table: its name, and its rows as lines."""

    name = forms.CharField(label="Name", max_length=60, help_text="What rules call it by: table=NAME.")
    rows = forms.CharField(
        label="Rows",
        required=False,
        strip=False,
        max_length=2_000_000,
        widget=forms.Textarea(attrs={"rows": 12, "spellcheck": "false", "class": "input"}),
        help_text="One a line, FROM=TO; *=TO is for all other values. Without it, a value that has no row fails its "
        "record.",
    )

    def clean_rows(self) -> dict[str, str]:
        """Return the rows by the value they are for."""
        lines = [line for line in self.cleaned_data["rows"].splitlines() if line.strip()]
        try:
            return table_rows(lines) or {}
        except NotUsable as error:
            raise forms.ValidationError(error.user_message) from None


@require_safe
@requires(Can.READ)
def look_up_tables(request: HttpRequest, company: str) -> HttpResponse:
    """Show the company's look-up tables."""
    owner = access.company_or_404(request, company)
    rows = [
        (Link(one.name, _url("look-up-table", one)), len(one.rows), _first(one.sorted_rows))
        for one in LookUpTable.objects.filter(company=owner)
    ]
    table = Table(
        TITLE, ("Name", "Rows", "Values"), rows, numeric=frozenset({1}), wrap=frozenset({2}), stack=True,
        empty="There is none yet. A look-up table says what a value becomes, by the transformation rule table=NAME.",
    )  # fmt: skip
    page = Page(
        TITLE,
        crumbs=crumbs(owner),
        company=owner,
        help=_HELP,
        actions=[
            Action(
                "New Look-up Table", company_url("coupling:new-look-up-table", owner), icon="add",
                off=permission_reason(request, owner, Can.MAP),
            )
        ],
        fast_tabs=[FastTab("tables", TITLE, table=table)],
    )  # fmt: skip
    return render.page(request, page)


def _first(rows: Sequence[tuple[str, str]]) -> str:
    more = len(rows) - _SHOWN
    shown = ", ".join(f"{value} becomes {becomes}" for value, becomes in rows[:_SHOWN])
    return f"{shown} and {more:,} more" if more > 0 else shown


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def new_look_up_table(request: HttpRequest, company: str) -> HttpResponse:
    """Show the page of a new look-up table; a POST stores it."""
    owner = access.company_or_404(request, company)
    form = LookUpForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and LookUpTable.objects.filter(company=owner, name=form.cleaned_data["name"]).exists():
        form.add_error(
            "name", "There is a look-up table of that name already. Change that one, or choose another name."
        )
    return _answer(request, owner, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def look_up_table(request: HttpRequest, company: str, table_id: int) -> HttpResponse:
    """Show a look-up table; a POST changes its rows."""
    owner = access.company_or_404(request, company)
    one = _table(owner, table_id)
    initial = {"name": one.name, "rows": "\n".join(f"{value}={becomes}" for value, becomes in one.sorted_rows)}
    data = {**request.POST.dict(), "name": one.name} if request.method == "POST" else None
    return _answer(request, owner, LookUpForm(data, initial=initial), one)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def delete_look_up_table(request: HttpRequest, company: str, table_id: int) -> HttpResponse:
    """Ask, then delete a look-up table that no rule names."""
    owner = access.company_or_404(request, company)
    one = _table(owner, table_id)
    back = company_url("coupling:look-up-tables", owner)
    if request.method != "POST":
        return render.confirm(
            request,
            title="Delete Look-up Table",
            text=f"This deletes the look-up table {one.name} with its {len(one.rows):,} rows. No record is changed.",
            action=Action(f"Delete {one.name}", request.path, "post", "delete", primary=True),
            back=back,
            company=owner,
        )
    try:
        field_edit.delete_table(table=one)
    except NotUsable as error:
        show_error(request, error)
    else:
        messages.success(request, f"The look-up table {one.name} is deleted.")
    return HttpResponseRedirect(back)


def _answer(request: HttpRequest, owner: Company, form: LookUpForm, one: LookUpTable | None) -> HttpResponse:
    """Store what was entered, or show the page."""
    back = company_url("coupling:look-up-tables", owner)
    if form.is_bound and form.is_valid():
        try:
            saved = field_edit.save_table(company=owner, name=form.cleaned_data["name"], rows=form.cleaned_data["rows"])
        except NotUsable as error:
            form.add_error("rows", error.user_message)
        else:
            messages.success(request, f"The look-up table {saved.name} is saved with {len(saved.rows):,} rows.")
            return HttpResponseRedirect(back)
    entries: list[Any] = [Field("Name", one.name) if one is not None else Field(form_field=form["name"])]
    page = Page(
        one.name if one is not None else "New Look-up Table",
        crumbs=[*crumbs(owner), Link(TITLE, back)],
        company=owner,
        help=_HELP,
        actions=[Action("Delete", _url("delete-look-up-table", one), icon="delete", dialog=True)] if one else [],
        fast_tabs=[FastTab("rows", "Rows", [*entries, Field(form_field=form["rows"])])],
        form_url=request.path,
        submit=Action("Save", icon="save", primary=True),
        cancel=Link("Cancel", back),
    )
    return render.page(request, page, status=400 if form.errors else 200)


def _table(company: Company, table_id: int) -> LookUpTable:
    found = LookUpTable.objects.filter(company=company, pk=table_id).first()
    if found is None:
        raise Http404(f"{company} has no such look-up table; perhaps it was deleted.")
    return found


def _url(page: str, table: LookUpTable) -> str:
    return company_url(f"coupling:{page}", table.company, table_id=table.pk)
