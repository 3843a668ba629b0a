"""The forms of the company's own records: adding one, changing one, deleting one."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.html import format_html_join
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import company_or_404
from core.roles import Can, requires
from coupling.records import lists as records
from coupling.records import look_ups
from coupling.records.forms import Change, Meanwhile, RecordForm, field_groups, record_form
from masterdata.catalog import LocalField, LocalTable
from masterdata.models import ChangedBy, Company
from ui import render
from ui.cells import in_sentence
from ui.kit import Action, FastTab, Field, Link, Notice, Page, Question, Table

_TAKE = "take"
"""What a record that a look-up offered comes back as."""
_WHO = {
    ChangedBy.PERSON: "Another person", ChangedBy.IMPORT: "An import", ChangedBy.SYNCHRONIZATION: "A synchronization",
}  # fmt: skip


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.ADMINISTER)
def new(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Add a record."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    form = record_form(what, owner, data=_sent(request, what))
    if request.method == "POST" and not _looks_up(request, form) and form.is_valid():
        record = _stored(form)
        if record is not None:
            messages.success(request, f"{records.record_title(what, record)} has been added.")
            return HttpResponseRedirect(records.card_url(owner, what, record.system_id))
    return _form_page(
        request, owner, what, form, title=f"New {in_sentence(what.caption)}", back=records.list_url(owner, what)
    )


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.ADMINISTER)
def edit(request: HttpRequest, company: str, table: str, system_id: UUID) -> HttpResponse:
    """Change a record; a change that somebody else made meanwhile is told, and never overwritten unseen."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    record = records.record_or_404(owner, what, system_id)
    title, back = records.record_title(what, record), records.card_url(owner, what, system_id)
    form, meanwhile = record_form(what, owner, data=_sent(request, what), record=record), None
    if request.method == "POST" and not _looks_up(request, form):
        with transaction.atomic():  # nobody writes the record between the look at it and the save
            list(what.everywhere().select_for_update().filter(system_id=system_id))
            record = records.record_or_404(owner, what, system_id)
            saved = form.is_valid()
            if not saved and (meanwhile := form.meanwhile(record)) is not None:
                form = record_form(what, owner, data=meanwhile.data, record=record)
                saved = form.is_valid() and not meanwhile.changes  # none: written again with the values it had
            saved = saved and _stored(form) is not None
        if saved:
            messages.success(request, "The changes have been saved.")
            return HttpResponseRedirect(back)
    return _form_page(request, owner, what, form, title=f"Edit {title}", back=back, meanwhile=meanwhile)


def _stored(form: RecordForm) -> Any:
    """Save what a valid form says. Returns the record; None with the reason at the form where its number is taken."""
    try:
        with transaction.atomic():
            return form.store()
    except IntegrityError:  # somebody took it since the form was checked
        form.add_error(form.table.key, "It is taken by another record, which was saved just now.")
        return None


@require_safe
@requires(Can.READ)
def look_up(request: HttpRequest, company: str, table: str) -> HttpResponse:
    """Return the records that a text finds, as the options of a field's list. ?of= names the parameter of the text."""
    owner, what = company_or_404(request, company), records.table_or_404(table)
    text = request.GET.get(request.GET.get("of", ""), "")
    found = look_ups.find(owner, what, text, look_ups.MOST_LISTED)
    options = format_html_join("", '<option value="{}">{}</option>', ((one.key, one.label) for one in found))
    return HttpResponse(options)


def _sent(request: HttpRequest, table: LocalTable) -> QueryDict | None:
    """Return what the form was sent with, with the record that was chosen of those a look-up offered."""
    if request.method != "POST":
        return None
    name, _, key = request.POST.get(_TAKE, "").partition(":")
    if not any(field.name == name and field.references for field in table.fields):
        return request.POST
    data = request.POST.copy()
    data[name] = key
    return data


def _looks_up(request: HttpRequest, form: RecordForm) -> bool:
    """Return whether records are looked up, or one was chosen: the form then comes back with it, and is not saved."""
    name = request.GET.get("look_up", "")
    if any(field.name == name and field.references for field in form.table.fields) and name in form.fields:
        if request.POST.get(_TAKE):
            form.forget_errors()
        else:
            form.look_up(name)
        return True
    return False


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
    request: HttpRequest,
    owner: Company,
    what: LocalTable,
    form: RecordForm,
    *,
    title: str,
    back: str,
    meanwhile: Meanwhile | None = None,
) -> HttpResponse:
    editable = set(form.fields)
    changes = {change.name: change for change in meanwhile.changes} if meanwhile is not None else {}
    tabs = [
        FastTab(
            tab, caption,
            [_entry(request, what.field(name), form, changes.get(name)) for name in names if name in editable],
        )
        for tab, caption, names in field_groups(what)
    ]  # fmt: skip
    hidden = [Field(form_field=form[name]) for name in ("seen", "shown")]
    tabs[0] = FastTab(tabs[0].id, tabs[0].title, [*tabs[0].fields, *hidden])
    return render.page(
        request,
        Page(
            title,
            company=owner,
            crumbs=(Link(what.caption_plural, records.list_url(owner, what)),),
            notices=[_notice(what, meanwhile)] if meanwhile is not None else [],
            fast_tabs=[_meanwhile_tab(meanwhile), *tabs] if meanwhile is not None else tabs,
            form_url=request.path,
            submit=Action("Save", icon="save"),
            cancel=Link("Cancel", back),
            help="records.md#edit",
        ),
    )


def _entry(request: HttpRequest, field: LocalField, form: RecordForm, change: Change | None) -> Field:
    hint = ""
    if change is not None and change.on_both:
        hint = f"Changed meanwhile to {change.now or 'blank'}. What you entered replaces it when you save."
    if not field.references:
        return Field(field.caption, form_field=form[field.name], hint=hint)
    url = f"{request.path}?look_up={field.name}"
    question = None
    if found := form.found.get(field.name):
        question = Question(_TAKE, [(f"{field.name}:{one.key}", one.label) for one in found], url)
    action = Action("Look Up", url, "post")
    return Field(field.caption, form_field=form[field.name], hint=hint, with_action=action, question=question)


def _meanwhile_tab(meanwhile: Meanwhile) -> FastTab:
    """Return the section that says, field by field, what was changed since the form was opened."""
    rows = [
        (one.caption, one.was or "blank", one.now or "blank", one.yours if one.on_both else "as it is now")
        for one in meanwhile.changes
    ]
    head = ("Field", "When you opened it", "Now", "Yours")
    table = Table("What changed meanwhile", head, rows, wrap=frozenset({1, 2, 3}))
    return FastTab("meanwhile", "Changed meanwhile", table=table, gist=meanwhile.who.label)


def _notice(what: LocalTable, meanwhile: Meanwhile) -> Notice:
    return Notice(
        f"{_WHO[meanwhile.who]} changed this {in_sentence(what.caption)} while you were editing, so nothing was saved "
        "yet. What you did not touch has the new values now; what you entered is kept. Look at what changed, then save "
        "again.",
        "warn",
        "Changed meanwhile",
    )
