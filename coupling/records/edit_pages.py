"""The forms of the company's own records: adding one, changing one, deleting one."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods

from accounts.access import company_or_404
from core.roles import Can, requires
from coupling.records import lists as records
from coupling.records.forms import RecordForm, field_groups, record_form
from masterdata.catalog import LocalField, LocalTable
from masterdata.models import Company
from ui import render
from ui.cells import in_sentence
from ui.kit import Action, FastTab, Field, Link, Page


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
        action=Action("Delete", records.record_url("delete", owner, what, record), "post"),
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
