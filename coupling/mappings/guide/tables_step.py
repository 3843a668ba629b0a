"""The step Tables: the table here, the table in Dataverse, and the direction between them."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.http import QueryDict

from core.refusals import NotUsable, Refusal
from core.vocabulary import Direction
from coupling import filters
from coupling.gateway import PAGE_SIZE
from coupling.mappings import new_mapping
from coupling.mappings.guide import services
from coupling.mappings.guide.situation import FIELDS, FILTERS, NAME, TABLES, Situation
from coupling.mappings.new_mapping import NewMapping, choice_columns
from coupling.mappings.proposals import nearest_tables
from coupling.models import IntegrationTableMapping
from coupling.page_parts import EXPLAINED
from dataverse.errors import DataverseError
from dataverse.types import TableInfo, TableName
from masterdata import catalog
from masterdata.catalog import LocalTable
from ui.guides import StepContent, StepOutcome
from ui.kit import Action, FastTab, Field, Notice

CHOOSE = "choose"
"""The name of the button that shows what the chosen tables hold, and of what scripts send when another is chosen."""


class TablesForm(forms.Form):
    """Both tables, the direction, and once the table in Dataverse is known, what a row goes by and the moment of its
    last change.
    """

    table = forms.ChoiceField(label="Table", error_messages={"required": "Choose the table here."})
    direction = forms.ChoiceField(label="Direction", choices=Direction.choices)
    integration_table = forms.ChoiceField(
        label="Integration Table", error_messages={"required": "Choose the table in Dataverse."}
    )
    uid_column = forms.ChoiceField(
        label="Integration Table Unique Identifier Field Name",
        required=False,
        help_text="What a record here is coupled with: a row, by the table's own identifier, or a choice of a column.",
    )
    modified_on = forms.ChoiceField(label="Integration Table Modified On Field Name", required=False)

    def __init__(
        self, data: Any = None, *, initial: dict[str, Any], here: Sequence[Any], there: Sequence[Any], url: str
    ) -> None:
        """Make the form. here, there: the tables to choose from. url: where a change is looked at."""
        super().__init__(data, initial=initial)
        for name, choices in (("table", here), ("integration_table", there)):
            _choose_from(self.fields[name], [("", "(choose)"), *choices])
            self.fields[name].widget.attrs |= {
                "hx-post": url,
                "hx-vals": f'{{"{CHOOSE}": "1"}}',
                "hx-trigger": "change",
                "hx-target": "#main",
                "hx-select": "#main",
                "hx-swap": "outerHTML",
            }

    def read_columns(self, info: TableInfo | None) -> None:
        """Offer the columns with a moment, where the table is known."""
        if info is None:
            del self.fields["modified_on"], self.fields["uid_column"]
            return
        choices = [(name, f"Choices of {one.label or name} ({name})") for name, one in choice_columns(info).items()]
        rows = (info.primary_id, f"Rows, by {info.primary_id}")
        _choose_from(self.fields["uid_column"], [rows, *([("Choices of a column", choices)] if choices else [])])
        known = new_mapping.moment_columns(info)
        _choose_from(self.fields["modified_on"], [(name, f"{one.label} ({name})") for name, one in known.items()])

    def chosen(self, name: str) -> str:
        """Return what is chosen in a field now."""
        return str(self[name].value() or "")


def _choose_from(field: forms.Field, choices: Sequence[Any]) -> None:
    assert isinstance(field, forms.ChoiceField)
    field.choices = choices


def show_tables(situation: Situation, form: TablesForm | None = None) -> StepContent:
    """Return the tables to choose from, with what those that are chosen hold."""
    form = form or _form(situation, None)
    problem, info = None, None
    try:
        info = _chosen_info(situation, form)
    except EXPLAINED as error:
        problem = Notice(error.user_message, "bad", "The table in Dataverse cannot be read")
    form.read_columns(info)
    table = next((one for one in catalog.tables() if one.name == form.chosen("table")), None)
    sides = [
        Field(form_field=form["table"], hint=_about_records(situation, table) if table else ""),
        Field(form_field=form["direction"], hint="A field may go one way alone, never further than the mapping."),
        Field(form_field=form["integration_table"], hint=_about_rows(situation, info) if info else ""),
    ]
    more = [Field(form_field=form["uid_column"], hint=_other_ids(info)), Field(form_field=form["modified_on"])] if (
        info is not None
    ) else []  # fmt: skip
    return StepContent(
        "Which tables belong together?",
        ("Several mappings may share a table: filters then say which record takes part in which.",),
        (
            FastTab(
                "tables", "", template="coupling/mappings/bridge.html",
                context={"fields": sides, "more": more, "button": CHOOSE, "url": situation.url(TABLES)},
                controls=[form[name] for name in form.fields],
            ),
        ),
        [problem] if problem else (),
        next=Action("Next"),
        wide=True,
    )  # fmt: skip


def _other_ids(info: TableInfo) -> str:
    """Return why columns that hold an id are not among what a row may go by, "" where there is none."""
    others = new_mapping.other_ids(info)
    return new_mapping.why_not_by(info, others) if others else ""


def _form(situation: Situation, sent: QueryDict | None) -> TablesForm:
    known = situation.given(TABLES)
    initial = {"table": situation.given(NAME).get("table", ""), "direction": Direction.BIDIRECTIONAL, **known}
    chosen = str(sent.get("table", "") if sent is not None else initial["table"])
    here = {one.name: one for one in catalog.tables() if _has_records(situation, one)}
    there = _dataverse_choices(situation.gateway.table_names(), here.get(chosen))
    mapped = _mappings_by_table(situation)
    choices = [
        (one.name, f"{one.caption_plural}{'' if one.name in mapped else ' (no mapping yet)'}") for one in here.values()
    ]
    return TablesForm(sent, initial=initial, here=choices, there=there, url=situation.url(TABLES))


def _has_records(situation: Situation, table: LocalTable) -> bool:
    return table.columns is None or table.columns.condition(situation.company) is not None


def _dataverse_choices(known: Sequence[TableName], table: LocalTable | None) -> list[Any]:
    """Return the tables of Dataverse to choose from: those called like the table here first, then all."""

    def choice(one: TableName) -> tuple[str, str]:
        return one.name, f"{one.label} ({one.name})"

    near = nearest_tables(table, known) if table is not None else []
    if not near:
        return [choice(one) for one in known]
    others = [choice(one) for one in known if one not in near]
    return [(f"Called like {table.caption_plural}" if table else "", [*map(choice, near)]), ("All others", others)]


def _mappings_by_table(situation: Situation) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    mappings = IntegrationTableMapping.objects.filter(company=situation.company)
    for name, table in mappings.values_list("name", "table"):
        found.setdefault(table, []).append(name)
    return found


def _chosen_info(situation: Situation, form: TablesForm) -> TableInfo | None:
    name = form.chosen("integration_table")
    return new_mapping.read_info(situation.company, name) if name else None


def _about_records(situation: Situation, table: LocalTable) -> str:
    """Return how many records a table has, and what maps it already."""
    count = table.stored(situation.company).count()
    names = _mappings_by_table(situation).get(table.name, [])
    mapped = f"Mapped by {', '.join(names)} too." if names else "No mapping yet."
    return f"{count:,} record{'' if count == 1 else 's'}. {mapped}"


def _about_rows(situation: Situation, info: TableInfo) -> str:
    """Return how many rows a table has, and what they go by."""
    rows = IntegrationTableMapping(
        company=situation.company, integration_table=info.name, entity_set=info.entity_set, uid_column=info.primary_id
    )
    try:
        count = situation.gateway.counts(rows, [filters.EVERYTHING])[0]
    except DataverseError as error:
        return error.user_message
    number = f"{PAGE_SIZE:,} or more rows" if count is None else f"{count:,} row{'' if count == 1 else 's'}"
    called = f", known by {info.primary_name}" if info.primary_name else ""
    return f"{number}. Unique identifier {info.primary_id}{called}."


def take_tables(situation: Situation) -> StepOutcome:
    """Store the tables; what was answered about others is taken back, and told."""
    form = _form(situation, situation.request.POST)
    if CHOOSE in situation.request.POST:
        form.is_bound = False
        form.initial = {name: situation.request.POST.get(name, "") for name in form.fields}
        return show_tables(situation, form)
    try:
        info = _chosen_info(situation, form)
        form.read_columns(info)
    except EXPLAINED as error:
        form.add_error("integration_table", error.user_message)
        return show_tables(situation, form)
    if not form.is_valid() or info is None:
        return show_tables(situation, form)
    given = form.cleaned_data
    try:
        new_mapping.find_table(situation.company, given["table"])
    except Refusal as error:
        form.add_error("table", error.user_message)
        return show_tables(situation, form)
    answered = ("table", "integration_table", "direction", "uid_column", "modified_on")
    answers = {name: given.get(name, "") for name in answered}
    try:
        new_mapping.bare_mapping(situation.company, _asked(answers), info)
    except NotUsable as error:
        form.add_error(error.field, error.user_message)
        return show_tables(situation, form)
    _store(situation, answers)
    return None


def _asked(answers: Mapping[str, str]) -> NewMapping:
    return NewMapping(
        "", answers["table"], answers["integration_table"], Direction(answers["direction"]),
        unique_id=answers["uid_column"],
    )  # fmt: skip


def _store(situation: Situation, answers: dict[str, str]) -> None:
    known = situation.given(TABLES)
    same_tables = all(known.get(name) == answers[name] for name in ("table", "integration_table", "uid_column"))
    outdated = [] if same_tables and known.get("direction") == answers["direction"] else [FIELDS]
    outdated += [] if same_tables else [FILTERS]
    lost = [step for step in outdated if situation.given(step)]
    services.save_answers(draft=situation.draft, step=TABLES, answers=answers, outdated=outdated)
    if lost:
        messages.info(
            situation.request,
            f"What was chosen under {' and '.join(one.capitalize() for one in lost)} was about other tables or another "
            "direction, and was taken back.",
        )
