"""Saved views on a record list: its menu, and the forms that save, change and delete one."""

from typing import Any
from urllib.parse import parse_qsl

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods

from accounts.access import company_or_404
from core.refusals import Refusal
from core.roles import Can, may, requires
from coupling.models import SavedView
from coupling.records import lists as records
from coupling.records import saved_views
from masterdata.catalog import LocalTable
from masterdata.models import Company
from ui import ids, render
from ui.kit import Action, FastTab, Field, Link, Menu, Page
from ui.links import company_url
from ui.listing import Listing

SAVE = "Save as View"


def views_menu(request: HttpRequest, company: Company, table: LocalTable) -> Menu | None:
    """Return the menu of the list's views, and of what can be done with the one it came from; None where none is."""
    views = saved_views.views_of(company, table, request.user)
    if not views:
        return None
    called = saved_views.names(views, request.user)
    shown = request.GET.get(saved_views.SHOWN, "")
    items: list[Action | Menu] = [
        Action(f"All {table.caption_plural.lower()}", records.list_url(company, table), icon="list"),
        *(
            Action(
                called[one.pk], saved_views.view_url(company, one), icon="check" if str(one.pk) == shown else "filter"
            )
            for one in views
        ),
    ]
    one = next((view for view in views if str(view.pk) == shown), None)
    if one is not None and saved_views.may_change(request.user, company, one):
        query = {"view": one.pk}
        change = company_url("records:change-view", company, table=table.name, query=query)
        delete = company_url("records:delete-view", company, table=table.name, query=query)
        items += [
            Action(f"Rename or Share {one.name}", change, icon="edit"),
            Action(f"Delete {one.name}", delete, icon="delete", dialog=True),
        ]
    return Menu(one.name if one is not None else "Views", items, icon="filter")


def beside_filters(company: Company, table: LocalTable, given: list[tuple[str, str]]) -> list[Link]:
    """Return the links that stand beside the filters in force: they are saved as a view."""
    return [Link(SAVE, company_url("records:save-view", company, table=table.name, query=dict(given)))]


def opened(request: HttpRequest, company: Company, table: LocalTable) -> HttpResponse | None:
    """Return the redirect to the list as a view in ?view= has it; None where no view is asked for."""
    if "view" not in request.GET:
        return None
    return HttpResponseRedirect(saved_views.opened_url(company, _view_or_404(request, company, table)))


class ViewForm(forms.Form):
    """What a view is called, and who sees it."""

    name = forms.CharField(label="Name", max_length=60)
    shared = forms.BooleanField(
        label="Shared with the company", required=False, help_text="Everybody in the company sees it on this list."
    )
    query = forms.CharField(widget=forms.HiddenInput, required=False)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.READ)
def save(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Save the filters of an address as a view, under a name."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    listing = records.record_listing(owner, what)
    given = request.POST.get("query", "") if request.method == "POST" else request.GET.urlencode()
    query = _asked(listing, given)
    form = ViewForm(request.POST if request.method == "POST" else None, initial={"query": query})
    if request.method == "POST" and form.is_valid() and (view := _saved(request, owner, what, form, query)) is not None:
        messages.success(request, f"The view {view.name} has been saved. It has an address of its own.")
        return HttpResponseRedirect(saved_views.opened_url(owner, view))
    return _form_page(request, owner, what, form, SAVE, f"{records.list_url(owner, what)}?{query}")


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.READ)
def change(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Rename a view, or share it, or no longer."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    view = _own_or_404(request, owner, what)
    initial = {"name": view.name, "shared": view.shared}
    form = ViewForm(request.POST if request.method == "POST" else None, initial=initial)
    del form.fields["query"]
    if request.method == "POST" and form.is_valid():
        changed = _saved(request, owner, what, form, view.query, view)
        if changed is not None:
            messages.success(request, "The changes have been saved.")
            return HttpResponseRedirect(saved_views.opened_url(owner, changed))
    return _form_page(request, owner, what, form, f"Rename or Share {view.name}", saved_views.view_url(owner, view))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.READ)
def delete(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Delete a view, after asking; no record is touched."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    view = _own_or_404(request, owner, what)
    if request.method == "POST":
        view.delete()
        messages.success(request, f"The view {view.name} has been deleted.")
        return HttpResponseRedirect(records.list_url(owner, what))
    shared = " It is shared: nobody in the company will see it any more." if view.shared else ""
    return render.confirm(
        request,
        title=f"Delete the view {view.name}?",
        text=f"The records stay as they are.{shared}",
        action=Action("Delete", request.get_full_path(), "post"),
        back=saved_views.view_url(owner, view),
        company=owner,
    )


def _asked(listing: Listing, address: str) -> str:
    return saved_views.list_query(listing, parse_qsl(address))


def _saved(
    request: HttpRequest, company: Company, table: LocalTable, form: ViewForm, query: str, view: SavedView | None = None
) -> SavedView | None:
    """Save what a form says; None with the reason at the form where it cannot be."""
    given: dict[str, Any] = form.cleaned_data
    stays_shared = view is not None and view.shared and not may(request.user, Can.OPERATE, company)
    try:
        return saved_views.save(
            company=company, table=table, user=request.user, name=given["name"], query=query,
            shared=given["shared"] or stays_shared, view=view,
        )  # fmt: skip
    except Refusal as error:
        form.add_error("name", error.user_message)
        return None


def _view_or_404(request: HttpRequest, company: Company, table: LocalTable) -> SavedView:
    number = ids.parse_id(request.GET.get("view", ""))
    views = saved_views.views_of(company, table, request.user) if number is not None else []
    found = next((one for one in views if one.pk == number), None)
    if found is None:
        raise Http404(f"There is no such view of {table.caption_plural} in {company.name}; perhaps it was deleted.")
    return found


def _own_or_404(request: HttpRequest, company: Company, table: LocalTable) -> SavedView:
    """Return the view where the person may change it. Raises Http404 with a sentence."""
    view = _view_or_404(request, company, table)
    if not saved_views.may_change(request.user, company, view):
        raise Http404(f"The view {view.name} is another person's; who saved it or an administrator changes it.")
    return view


def _form_page(
    request: HttpRequest, company: Company, table: LocalTable, form: ViewForm, title: str, back: str
) -> HttpResponse:
    if not may(request.user, Can.OPERATE, company):
        del form.fields["shared"]
    tab = FastTab("view", "View", [Field(form_field=form[name]) for name in form.fields])
    crumb = Link(table.caption_plural, records.list_url(company, table))
    return render.page(
        request,
        Page(
            title, company=company, crumbs=(crumb,), fast_tabs=[tab], form_url=request.get_full_path(),
            submit=Action("Save", icon="save"), cancel=Link("Cancel", back), help="records.md#views",
        ),
    )  # fmt: skip
