"""Several field mappings at once: change what is ticked on Integration Field Mapping List, or remove it."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods

from accounts import access
from core.roles import Can, requires
from core.vocabulary import BlankPolicy, ConflictOption, Direction
from coupling.mappings import field_edit
from coupling.mappings.field_edit import FieldChanges
from coupling.mappings.field_form import CONFLICTS
from coupling.mappings.fields_page import field_listing
from coupling.models import IntegrationTableMapping
from coupling.page_parts import EXPLAINED, crumbs, field_captions, mapping_or_404, mapping_url
from ui import listing, render
from ui.kit import Action, FastTab, Field, Link, Page, Table

_UNCHANGED = ("unchanged", "(as each has it)")
_CHANGED = ("direction", "update_conflict", "blanks")


class SeveralFieldsForm(forms.Form):
    """What several field mappings get alike; what is not chosen stays as each has it."""

    direction = forms.ChoiceField(label="Direction", required=False, choices=[_UNCHANGED, *Direction.choices])
    update_conflict = forms.ChoiceField(
        label="Resolve Update Conflicts", required=False, choices=[_UNCHANGED, *CONFLICTS]
    )
    blanks = forms.ChoiceField(label="Blank values", required=False, choices=[_UNCHANGED, *BlankPolicy.choices])
    selection = forms.CharField(widget=forms.HiddenInput())

    def __init__(self, data: Any = None, *, token: str) -> None:
        """Make the form. token: of the selection that it is about."""
        super().__init__(data, initial={"selection": token, **dict.fromkeys(_CHANGED, _UNCHANGED[0])})

    def changes(self) -> FieldChanges:
        """Return what was chosen. Call once the form is valid."""
        given = {name: self.cleaned_data[name] for name in _CHANGED if name in self.data}
        given = {name: value for name, value in given.items() if value != _UNCHANGED[0]}
        return FieldChanges(
            direction=Direction(given["direction"]) if given.get("direction") else None,
            update_conflict=ConflictOption(given["update_conflict"]) if "update_conflict" in given else None,
            blanks=BlankPolicy(given["blanks"]) if "blanks" in given else None,
        )


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def change_fields(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Show what the selected field mappings may get alike; a POST of the page's form stores it."""
    one = mapping_or_404(access.company_or_404(request, company), mapping)
    back = mapping_url("fields", one)
    chosen = listing.selected(request, field_listing(one.company, one))
    if not chosen:
        return listing.nothing_selected(request, back)
    if request.method == "POST" and "selection" not in request.POST:
        return HttpResponseRedirect(mapping_url("change-fields", one, selection=chosen.token))
    form = SeveralFieldsForm(request.POST if request.method == "POST" else None, token=chosen.token)
    if form.is_bound and form.is_valid():
        try:
            changed = field_edit.set_fields(mapping=one, fields=list(chosen.rows), changes=form.changes())
        except EXPLAINED as error:
            form.add_error(None, error.user_message)
        else:
            messages.success(request, f"Field mappings that changed: {changed}.")
            return HttpResponseRedirect(back)
    return render.page(request, _page(one, form, chosen), status=400 if form.errors else 200)


def _page(one: IntegrationTableMapping, form: SeveralFieldsForm, chosen: listing.Selection) -> Page:
    captions = field_captions(one)
    rows = [
        (
            captions.get(row.field, row.field) or "(constant)", row.integration_field or "(constant)",
            row.get_direction_display(), row.get_update_conflict_display() if row.update_conflict else "",
            row.get_blanks_display() if row.blanks else "",
        )
        for row in chosen.rows
    ]  # fmt: skip
    head = ("Field Name", "Integration Field Name", "Direction", "Resolve Update Conflicts", "Blank values")
    fields = [Field(form_field=form[name]) for name in (*_CHANGED, "selection")]
    return Page(
        "Change Field Mappings",
        crumbs=[*crumbs(one.company, one), Link("Integration Field Mapping List", mapping_url("fields", one))],
        company=one.company,
        help="mappings.md#fields",
        fast_tabs=[
            FastTab("change", f"What {len(rows)} field mappings get alike", fields),
            FastTab("fields", "As they are now", table=Table("Selected field mappings", head, rows, stack=True)),
        ],
        form_url=mapping_url("change-fields", one),
        submit=Action("Save", icon="save", primary=True),
        cancel=Link("Cancel", mapping_url("fields", one)),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.MAP)
def remove_fields(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Ask about the selected field mappings, then remove them."""
    owner = access.company_or_404(request, company)
    one = mapping_or_404(owner, mapping)
    back = mapping_url("fields", one)
    chosen = listing.selected(request, field_listing(owner, one))
    if not chosen:
        return listing.nothing_selected(request, back)
    if "selection" not in request.POST:
        if request.method == "POST":
            return HttpResponseRedirect(mapping_url("remove-fields", one, selection=chosen.token))
        return render.confirm(
            request,
            title="Remove Field Mappings",
            text=f"This removes {chosen.count} field mapping{'s' if chosen.count > 1 else ''} from {one.name}, with "
            "their rules and their place among the matching criteria. No value is changed on either side. To keep them "
            "for later, disable them instead.",
            lines=[str(row) for row in chosen.rows],
            action=Action(
                f"Remove {chosen.count} field mapping{'s' if chosen.count > 1 else ''}",
                mapping_url("remove-fields", one), "post", "delete", primary=True,
                values={"selection": chosen.token},
            ),
            back=back,
            company=owner,
        )  # fmt: skip
    field_edit.remove_fields(fields=list(chosen.rows))
    messages.success(request, f"Field mappings removed: {chosen.count}.")
    return HttpResponseRedirect(back)
