"""Card of an integration table mapping: its settings, filters, conflict options and criteria."""

from dataclasses import replace

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import prefetch_related_objects
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.views.decorators.http import require_http_methods

from accounts import access
from connection_setup.connection.organization import hold_reason_of
from connection_setup.connection.state import connection_of, disabled_reason
from core.refusals import NotUsable
from core.roles import Can, may, requires
from coupling.mappings import column_looks, counts, drift_page, edit, outside_counts, overlaps, questions
from coupling.mappings.brakes_form import DELETION_NAMES
from coupling.mappings.card_form import ANSWER, BRAKES, MappingForm
from coupling.mappings.card_state import changes_since
from coupling.mappings.edit import Changes, Columns, change_mapping, live_columns
from coupling.mappings.filters_tab import DO, Builders, builders, filters_tab, wants_builders
from coupling.mappings.insert_values import lines_of
from coupling.mappings.list_page import next_run, off_notice, table_cell, troubleshooting
from coupling.mappings.schedule import on_card, read_along
from coupling.matching import criteria
from coupling.models import IntegrationTableMapping
from coupling.page_parts import (
    ASK_A_PERSON,
    EXPLAINED,
    NOT_ENABLED,
    crumbs,
    job_log_url,
    mapping_or_404,
    mapping_url,
    permission_reason,
    show_error,
)
from dataverse.errors import DataverseError
from masterdata.models import Company
from ui import render
from ui.cells import time_ago
from ui.kit import Action, FactBox, FastTab, Field, Link, Menu, Page
from ui.links import company_url, optional_url


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Can.READ)
def mapping_card(request: HttpRequest, company: str, mapping: str) -> HttpResponse:
    """Show one mapping, and save its settings for those who may change it."""
    owner = access.company_or_404(request, company)
    one = mapping_or_404(owner, mapping, read_along)
    may_map = may(request.user, Can.MAP, owner)
    sent = _sent(request, one, may_map=may_map)
    form = MappingForm(one, sent)
    builds = may_map and wants_builders(request)
    made = _builders(request, one, sent) if builds else None
    refused = builds and made is None and sent is not None
    looks = made is not None and sent is not None and (DO in sent or DO in request.GET or made.searches)
    saves = sent is request.POST and not looks and not refused
    if saves and form.is_valid() and _save(request, one, form, made):
        return HttpResponseRedirect(request.path)
    if made is not None:
        if looks:
            made.do(request.POST.get(DO, ""), saving=DO not in request.GET)
        made.count()
    return render.page(
        request, _card(request, owner, one, form, may_map, made), status=400 if saves or refused else 200
    )


def _sent(request: HttpRequest, one: IntegrationTableMapping, *, may_map: bool) -> QueryDict | None:
    """Return what was sent of the form; a copy where a question was answered by no, which saves nothing."""
    if request.method != "POST":
        return None
    if not may_map:
        raise PermissionDenied("This needs the right to map.")
    return taken_back(request, one) or request.POST


def taken_back(request: HttpRequest, one: IntegrationTableMapping) -> QueryDict | None:
    """Return what was typed, with what a question was about as it is stored; None where no was not the answer."""
    refused = questions.refused_fields(request.POST.get(ANSWER, ""))
    if refused is None:
        return None
    messages.info(request, "Nothing is saved yet. What the question was about is as it was.")
    given = request.POST.copy()
    for name in refused:
        stored = getattr(one, name)
        given.pop(name, None)
        if stored is not False:  # a check box that is off is not sent
            given[name] = "on" if stored is True else stored
    return given


def _builders(request: HttpRequest, one: IntegrationTableMapping, sent: QueryDict | None) -> Builders | None:
    try:
        return builders(one, sent)
    except NotUsable as error:
        messages.error(request, error.user_message)
        return None


def _save(request: HttpRequest, one: IntegrationTableMapping, form: MappingForm, made: Builders | None) -> bool:
    """Store what the form and the builders say, and tell what that means. Returns whether it was stored."""
    if told := changes_since(one, form.cleaned_data["seen"], filters=made is not None):
        form.refuse_changed(one, told)
        return False
    try:
        filled = made.changes() if made is not None else {}
        changes = replace(form.changes(), **filled)
        asked = edit.question(one, changes)
        if asked is not None and not asked.is_agreed(request.POST.get(ANSWER, "")):
            form.ask(asked)
            return False
        changed = change_mapping(mapping=one, changes=changes, columns=_columns(one, changes, made))
    except DataverseError as error:
        form.add_error(None, error.user_message)
        return False
    except NotUsable as error:
        if made is None or not made.refuse(error):
            form.add_error(error.field if error.field in form.fields else None, error.user_message)
        return False
    messages.success(request, f"{one.name} is saved.")
    for sentence in changed.advice:
        if asked is not None and sentence in asked.sentences:
            continue  # it was answered just now
        messages.warning(request, sentence)
    try:
        for sentence in outside_counts.sentences(one, changed.before):
            messages.info(request, sentence)
    except EXPLAINED as error:
        show_error(request, error)
    return True


def _columns(one: IntegrationTableMapping, changes: Changes, made: Builders | None) -> Columns | None:
    """Return the table's columns, where the builders have them or what new rows get is changed; None otherwise."""
    if made is not None:
        return made.columns
    given = changes.insert_values
    return live_columns(one) if given is not None and lines_of(given) != lines_of(one.insert_values) else None


def _with_others(tab: FastTab, mapping: IntegrationTableMapping) -> FastTab:
    """Return the tab of filters with the mappings that share a table, and whether they can take the same."""
    others = [Field(caption, " ".join(said)) for caption, said in overlaps.texts(mapping).items()]
    return replace(tab, fields=[*tab.fields, *others])


def _schedule_tab(mapping: IntegrationTableMapping, *fields: Field, run: str) -> FastTab:
    """Return the tab of when the mapping runs by itself. run: when it does next, or why it does not."""
    queue = Link("Job Queue Entries", company_url("jobs:queue", mapping.company))
    gist = f"every {mapping.every_minutes:,} min, next {run}" if mapping.scheduled else "not scheduled"
    return FastTab(
        "schedule", "Schedule",
        [
            *fields, Field("Next run", run), Field("Job Queue Entry", queue),
            *(told for tell, _ in on_card for told in tell(mapping)),
        ],
        gist=gist,
    )  # fmt: skip


def _card(
    request: HttpRequest,
    owner: Company,
    one: IntegrationTableMapping,
    form: MappingForm,
    may_map: bool,
    made: Builders | None,
) -> Page:
    connection = getattr(one.company, "connection", None) or connection_of(owner)
    reason = disabled_reason(connection)
    why = reason.user_message if reason is not None else ""
    off = NOT_ENABLED if why else ""
    numbers = counts.count_records(owner, [one])[one.pk]
    run = next_run(one, hold_reason_of(connection))
    prefetch_related_objects([one], "fields")
    drift, maps_not = column_looks.loaded(one), permission_reason(request, owner, Can.MAP)
    switched = [mapped.enabled for mapped in one.fields.all()]

    def field(name: str) -> Field:
        if may_map:
            return form.field(name, request.get_full_path())
        value = form.initial[name] if name in BRAKES else getattr(one, name)
        shown = getattr(one, f"get_{name}_display", lambda: value)()
        shown = lines_of(value) if name == "insert_values" else shown
        blank = {"template": "None", "insert_values": "None", "day_zone": "The site's"}.get(name, ASK_A_PERSON)
        if name in BRAKES:
            of_deletions = name in DELETION_NAMES and all(form.initial[one] is None for one in DELETION_NAMES)
            none = "more than 100, and 10 %" if of_deletions else "no limit"
            shown = none if value is None else f"{value:,}"
        return Field(str(MappingForm.base_fields[name].label), shown if shown != "" else blank)

    schedule_actions = [action for _, offer in on_card for action in offer(request, one)]
    of_rows = one.uid_kind != "option"  # a choice has a caption alone, which goes one way
    conflicts = ("update_conflict", "deletion_conflict", "blanks") if of_rows else ("deletion_conflict",)
    tabs = [
        *drift_page.tab(drift),
        FastTab(
            "general",
            "General",
            [
                *([Field(form_field=form["seen"])] if may_map else []),
                Field("Table", table_cell(one)),
                Field("Integration Table", one.integration_table),
                field("direction"),
                field("synch_only_coupled"),
                *(field(name) for name in ("multi_company", "template", "insert_values", "day_zone") if of_rows),
                Field("Integration Field", f"{one.uid_column} ({one.get_uid_kind_display()})"),
            ],
            gist=str(one.get_direction_display()),
        ),
        _with_others(filters_tab(one, made, may_map=may_map), one),
        _schedule_tab(one, field("scheduled"), field("every_minutes"), run=run),
        FastTab("conflicts", "Conflicts", [field(name) for name in conflicts]),
        FastTab("matching", "Matching", [Field("Match on", _match_on(one)), field("blank_is_no_match")]),
        FastTab("brakes", "Brakes", [field(name) for name in BRAKES if name in form.fields]),
    ]
    return Page(
        one.name,
        crumbs=crumbs(owner),
        company=owner,
        help="mappings.md",
        notices=[*([off_notice(owner, why)] if why else []), *drift_page.notice(drift, off=maps_not)],
        actions=[
            Action("Fields", mapping_url("fields", one), icon="columns"),
            *([Action("Options", mapping_url("options", one), icon="list")] if one.uid_kind == "option" else []),
            Action("Match-Based Coupling", mapping_url("criteria", one), icon="couple", off=off),
            *_synchronize(owner, one, off or permission_reason(request, owner, Can.OPERATE)),
            *([Menu("Schedule", schedule_actions, icon="job")] if schedule_actions else []),
            Action("Look at Columns", mapping_url("look-at-columns", one), "post", "sync", off=off or maps_not),
            Action(
                "Delete Couplings", company_url("coupling:uncouple-mappings", owner, query={"id": one.pk}),
                icon="uncouple", off=off or permission_reason(request, owner, Can.OPERATE), dialog=True,
            ),
            Action(
                "Delete Mapping", mapping_url("delete-mapping", one), icon="delete",
                off=maps_not, dialog=True,
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
                    ("Next run", run),
                ],
            ),
            troubleshooting(owner, counts.latest_jobs(owner), one),
        ],
    )  # fmt: skip


def _synchronize(owner: Company, one: IntegrationTableMapping, off: str) -> list[Action]:
    url = optional_url("sync:synchronize-mapping", owner, mapping=one.name)
    rows = optional_url("sync:uncoupled-rows", owner, mapping=one.name) if one.uid_kind == "guid" else ""
    return [
        *([Action("Synchronize Modified Records", url, icon="sync", off=off)] if url else []),
        *([Action("Create Here from Dataverse", rows, icon="import", off=off)] if rows else []),
    ]


def _match_on(mapping: IntegrationTableMapping) -> str:
    return criteria.readable(mapping, criteria.stored_criteria(mapping)) or "Nothing chosen yet"
