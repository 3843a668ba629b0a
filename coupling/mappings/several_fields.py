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
from coupling.mappings.field_form import CONFLICTS, RuleWords
from coupling.mappings.fields_page import field_listing
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from coupling.page_parts import EXPLAINED, crumbs, field_captions, mapping_or_404, mapping_url
from ui import listing, render
from ui.kit import Action, FastTab, Field, Link, Page, Table

_UNCHANGED = ("unchanged", "(as each has it)")
_YES_OR_NO = (_UNCHANGED, ("yes", "Yes"), ("no", "No"))
_SWITCHES = {
    "clear_on_failed": "Clear Value on Failed Sync", "not_null": "Not Null", "validate_field": "Validate Field",
    "validate_integration_field": "Validate Integration Table Fld",
}  # fmt: skip
_CHOSEN = ("direction", "transformation_direction", "update_conflict", "blanks", *_SWITCHES)
"""What is chosen from a list, in the order of the page; the rules follow."""
_THESE = ("these", "Those written below")
_NOT_CHOSEN = f"Rules are written below: choose {_THESE[1]}, or take the text away."
_NOT_WRITTEN = "No rule is written here. Write one on each line, or choose None to take the rules away."


class SeveralFieldsForm(forms.Form):
    """What several field mappings get alike; what is not chosen stays as each has it."""

    direction = forms.ChoiceField(label="Direction", required=False, choices=[_UNCHANGED, *Direction.choices])
    transformation_direction = forms.ChoiceField(
        label="Transformation Direction",
        required=False,
        choices=[_UNCHANGED, *((one.value, one.label) for one in (Direction.TO, Direction.FROM))],
        help_text="Which way the rules of bidirectional fields rewrite values. A one-way field's rules go its way.",
    )
    update_conflict = forms.ChoiceField(
        label="Resolve Update Conflicts", required=False, choices=[_UNCHANGED, *CONFLICTS]
    )
    blanks = forms.ChoiceField(label="Blank values", required=False, choices=[_UNCHANGED, *BlankPolicy.choices])
    clear_on_failed = forms.ChoiceField(label=_SWITCHES["clear_on_failed"], required=False, choices=_YES_OR_NO)
    not_null = forms.ChoiceField(label=_SWITCHES["not_null"], required=False, choices=_YES_OR_NO)
    validate_field = forms.ChoiceField(label=_SWITCHES["validate_field"], required=False, choices=_YES_OR_NO)
    validate_integration_field = forms.ChoiceField(
        label=_SWITCHES["validate_integration_field"], required=False, choices=_YES_OR_NO
    )
    rules = forms.ChoiceField(
        label="Transformation Rules",
        required=False,
        choices=[_UNCHANGED, ("none", "None: take them away"), _THESE],
    )
    rule_words = RuleWords(label="Rules")
    selection = forms.CharField(widget=forms.HiddenInput())

    def __init__(self, data: Any = None, *, token: str) -> None:
        """Make the form. token: of the selection that it is about."""
        super().__init__(data, initial={"selection": token, **dict.fromkeys((*_CHOSEN, "rules"), _UNCHANGED[0])})

    def clean(self) -> dict[str, Any]:
        """Refuse rules that would be written without effect, and the choice of rules without any."""
        given = super().clean() or self.cleaned_data
        if (given.get("rules") == "these") != bool(given.get("rule_words")):
            written = bool(given.get("rule_words"))
            self.add_error("rules" if written else "rule_words", _NOT_CHOSEN if written else _NOT_WRITTEN)
        return given

    def changes(self) -> FieldChanges:
        """Return what was chosen. Call once the form is valid."""
        chosen = {name: self.cleaned_data[name] for name in (*_CHOSEN, "rules") if name in self.data}
        given = {name: value for name, value in chosen.items() if value != _UNCHANGED[0]}
        return FieldChanges(
            direction=Direction(given["direction"]) if given.get("direction") else None,
            transformation_direction=(
                Direction(given["transformation_direction"]) if given.get("transformation_direction") else None
            ),
            update_conflict=ConflictOption(given["update_conflict"]) if "update_conflict" in given else None,
            blanks=BlankPolicy(given["blanks"]) if "blanks" in given else None,
            rules=self.cleaned_data["rule_words"] if given.get("rules") else None,
            **{name: given[name] == "yes" for name in _SWITCHES if given.get(name)},
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
            changed, told = field_edit.set_fields(mapping=one, fields=list(chosen.rows), changes=form.changes())
        except EXPLAINED as error:
            form.add_error(None, error.user_message)
        else:
            messages.success(request, " ".join([f"Field mappings that changed: {changed}.", *told]))
            return HttpResponseRedirect(back)
    return render.page(request, _page(one, form, chosen), status=400 if form.errors else 200)


def _page(one: IntegrationTableMapping, form: SeveralFieldsForm, chosen: listing.Selection) -> Page:
    captions = field_captions(one)
    rows = [
        (
            captions.get(row.field, row.field) or "(constant)", row.integration_field or "(constant)",
            row.get_direction_display(), _rules_of(row),
            row.get_update_conflict_display() if row.update_conflict else "",
            row.get_blanks_display() if row.blanks else "",
            ", ".join(label for name, label in _SWITCHES.items() if getattr(row, name)),
        )
        for row in chosen.rows
    ]  # fmt: skip
    head = (
        "Field Name", "Integration Field Name", "Direction", "Transformation Rules", "Resolve Update Conflicts",
        "Blank values", "Switched on",
    )  # fmt: skip
    chosen_there = [Field(form_field=form[name]) for name in (*_CHOSEN, "selection")]
    rules = [Field(form_field=form[name]) for name in ("rules", "rule_words")]
    table = Table("Selected field mappings", head, rows, wrap=frozenset({3, 6}), stack=True)
    return Page(
        "Change Field Mappings",
        crumbs=[*crumbs(one.company, one), Link("Integration Field Mapping List", mapping_url("fields", one))],
        company=one.company,
        help="mappings.md#fields",
        fast_tabs=[
            FastTab("change", f"What {len(rows)} field mappings get alike", chosen_there),
            FastTab("rules", "Transformation Rules", rules),
            FastTab("fields", "As they are now", table=table),
        ],
        form_url=mapping_url("change-fields", one),
        submit=Action("Save", icon="save", primary=True),
        cancel=Link("Cancel", mapping_url("fields", one)),
    )


def _rules_of(row: IntegrationFieldMapping) -> str:
    """Return the rules of a field, and which way they rewrite where it goes both."""
    if not row.rules:
        return ""
    both = row.direction == Direction.BIDIRECTIONAL
    return ", ".join(row.rules) + (f" ({row.get_transformation_direction_display()})" if both else "")


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
