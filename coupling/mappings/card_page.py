"""Card of an integration table mapping: its settings, filters, conflict options and criteria."""

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods

from accounts import access
from connection_setup.connection.state import unavailable_text
from core.refusals import NotUsable
from core.roles import Can, may, requires
from core.vocabulary import ConflictOption, DeletionOption, Direction
from coupling.mappings import counts
from coupling.mappings.list_page import integration_filter, off_notice, table_cell, table_filter, troubleshooting
from coupling.mappings.services import save_mapping
from coupling.matching import criteria
from coupling.models import IntegrationTableMapping
from coupling.page_parts import (
    ASK_A_PERSON,
    NOT_ENABLED,
    crumbs,
    job_log_url,
    mapping_or_404,
    mapping_url,
    permission_reason,
)
from masterdata.models import Company
from ui import render
from ui.cells import time_ago
from ui.kit import Action, FactBox, FastTab, Field, Link, Page
from ui.links import company_url


class MappingForm(forms.Form):
    """The settings that a person changes on a mapping."""

    direction = forms.ChoiceField(label="Direction", choices=Direction.choices)
    synch_only_coupled = forms.BooleanField(
        label="Synch. Only Coupled Records",
        required=False,
        help_text="Off: a scheduled synchronization also creates what is missing on the other side.",
    )
    multi_company = forms.BooleanField(
        label="Multi-Company Synchronization Enabled",
        required=False,
        help_text="Off: a row belongs to the company that couples it first. On: rows of every company take part here.",
    )
    update_conflict = forms.ChoiceField(
        label="Resolve Update Conflicts",
        required=False,
        choices=[("", ASK_A_PERSON), *((value, label) for value, label in ConflictOption.choices if value)],
        help_text="What happens to a field that was changed on both sides.",
    )
    deletion_conflict = forms.ChoiceField(
        label="Resolve Deletion Conflicts",
        required=False,
        choices=[("", ASK_A_PERSON), *((value, label) for value, label in DeletionOption.choices if value)],
        help_text="What happens when one side of a pair was deleted.",
    )
    blank_is_no_match = forms.BooleanField(
        label="Blank values: don't match",
        required=False,
        help_text="Off: a field that is blank here does not count when matching.",
    )
    every_minutes = forms.IntegerField(label="Synchronize every (minutes)", min_value=1, max_value=10_080)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.READ)
def mapping_card(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Show one mapping, and save its settings for those who may change it."""
    owner = access.company_or_404(request, company)
    one = mapping_or_404(owner, mapping)
    may_map = may(request.user, Can.MAP, owner)
    form = MappingForm(request.POST if request.method == "POST" else None, initial=_initial(one))
    if request.method == "POST":
        if not may_map:
            raise PermissionDenied("This needs the right to map.")
        if form.is_valid():
            try:
                save_mapping(mapping=one, values=form.cleaned_data)
            except NotUsable as error:
                form.add_error("direction", error.user_message)
            else:
                messages.success(request, f"{one.name} is saved.")
                return HttpResponseRedirect(request.path)
    return render.page(request, _card(request, owner, one, form, may_map), status=400 if form.errors else 200)


def _initial(mapping: IntegrationTableMapping) -> dict[str, Any]:
    return {name: getattr(mapping, name) for name in MappingForm.base_fields}


def _card(request: HttpRequest, owner: Company, one: IntegrationTableMapping, form: MappingForm, may_map: bool) -> Page:
    off = NOT_ENABLED if (why := unavailable_text(owner)) else ""
    numbers = counts.count_records(owner, [one])[one.pk]
    switched = list(one.fields.values_list("enabled", flat=True))

    def field(name: str) -> Field:
        if may_map:
            return Field(form_field=form[name])
        value = getattr(one, name)
        shown = getattr(one, f"get_{name}_display", lambda: value)()
        return Field(str(MappingForm.base_fields[name].label), shown if shown != "" else ASK_A_PERSON)

    tabs = [
        FastTab(
            "general",
            "General",
            [
                Field("Table", table_cell(one)),
                Field("Integration Table", one.integration_table),
                field("direction"),
                field("synch_only_coupled"),
                field("multi_company"),
                field("every_minutes"),
                Field("Integration Field", f"{one.uid_column} ({one.get_uid_kind_display()})"),
            ],
            gist=str(one.get_direction_display()),
        ),
        FastTab(
            "filters",
            "Filters",
            [
                Field("Table Filter", table_filter(one) or "All records"),
                Field("Integration Table Filter", integration_filter(one) or "All rows"),
            ],
            gist="Which records and rows take part",
        ),
        FastTab("conflicts", "Conflicts", [field("update_conflict"), field("deletion_conflict")]),
        FastTab("matching", "Matching", [Field("Match on", _match_on(one)), field("blank_is_no_match")]),
    ]
    return Page(
        one.name,
        crumbs=crumbs(owner),
        company=owner,
        help="mappings.md",
        notices=[off_notice(owner, why)] if why else [],
        actions=[
            Action("Fields", mapping_url("fields", one), icon="columns"),
            Action("Match-Based Coupling", mapping_url("criteria", one), icon="couple", off=off),
            Action(
                "Delete Couplings", company_url("coupling:uncouple-mappings", owner, query={"id": one.pk}),
                icon="uncouple", off=off or permission_reason(request, owner, Can.OPERATE), dialog=True,
            ),
            Action(
                "Delete Mapping", mapping_url("delete-mapping", one), icon="delete",
                off=permission_reason(request, owner, Can.MAP), dialog=True,
            ),
            Action("Integration Coupling Job Log", job_log_url(owner, type="coupling", mapping=one.name), icon="job"),
        ],
        fast_tabs=tabs,
        form_url=request.path if may_map else "",
        submit=Action("Save", icon="save") if may_map else None,
        cancel=Link("Back to the list", company_url("coupling:mappings", owner)) if may_map else None,
        fact_boxes=[
            FactBox(
                "Records",
                [
                    ("Records", numbers.records),
                    ("Coupled", numbers.coupled),
                    ("Uncoupled", numbers.uncoupled),
                    *([("Being created in Dataverse", numbers.pending)] if numbers.pending else []),
                    ("Conflicts", numbers.conflicts),
                    ("Left Out", numbers.undone),
                    ("Counted", time_ago(numbers.counted_at) if numbers.counted_at else ""),
                    ("Fields", Link(f"{len(switched)}, {sum(switched)} enabled", mapping_url("fields", one))),
                    ("Next run", time_ago(one.next_run_at) or "not scheduled"),
                ],
            ),
            troubleshooting(owner, counts.latest_jobs(owner), one),
        ],
    )  # fmt: skip


def _match_on(mapping: IntegrationTableMapping) -> str:
    return criteria.readable(mapping, criteria.stored_criteria(mapping)) or "Nothing chosen yet"
