"""The step Finish: everything once more, then the mapping is made."""

from django.contrib import messages

from core.refusals import Refusal
from coupling.mappings import edit, new_mapping, overlaps
from coupling.mappings.filter_words import integration_filter_text, table_filter_text
from coupling.mappings.guide import services
from coupling.mappings.guide.situation import Situation
from coupling.models import IntegrationTableMapping
from coupling.page_parts import ASK_A_PERSON, mapping_url
from dataverse.errors import DataverseError
from ui import render
from ui.guides import StepContent, StepOutcome
from ui.kit import Action, FastTab, Field, Notice, Table


def show_finish(situation: Situation, problem: Refusal | DataverseError | None = None) -> StepContent:
    """Return what will be made, and what a person should know before."""
    mapping, asked = situation.mapping(), situation.asked
    told = [*edit.apply_changes(mapping, asked.settings, situation.info.columns).advice]
    told += new_mapping.advice_about(mapping, situation.info)
    if not situation.choices:
        told += new_mapping.required_sentences(situation.sides, asked.fields)
    notices = [Notice(problem.user_message, "bad", "The mapping was not made")] if problem is not None else []
    return StepContent(
        f"Make the mapping {mapping.name}?",
        ("Nothing is coupled or synchronized by that: afterwards, choose what to match records on.",),
        (
            FastTab("tables", "Tables", _tables(situation, mapping)),
            FastTab("fields", f"Fields: {len(asked.fields)}", table=_fields(situation)),
            FastTab("filters", "Filters", _filters(mapping)),
            FastTab("schedule", "Schedule and conflicts", _settings(mapping, asked.scheduled)),
        ),
        [*notices, *(Notice(text, "warn") for text in told)],
        next=Action("Finish"),
    )


def _tables(situation: Situation, mapping: IntegrationTableMapping) -> list[Field]:
    return [
        Field("Name", mapping.name),
        Field("Table", situation.table.caption_plural),
        Field("Direction", str(mapping.get_direction_display())),
        Field("Integration Table", mapping.integration_table),
        Field("Integration Table Unique Identifier Field Name", mapping.uid_column),
        *(
            [Field("Integration Table Modified On Field Name", mapping.modified_on_column)]
            if mapping.uid_kind != "option"
            else []
        ),
        *(Field(caption, " ".join(said)) for caption, said in overlaps.texts(mapping).items()),
    ]


def _fields(situation: Situation) -> Table:
    captions = {one.name: one.caption for one in situation.table.fields}
    rows = [
        (
            captions.get(one.local, "") or f"constant {one.changes.constant}",
            one.changes.direction.label if one.changes.direction is not None else "",
            one.column,
        )
        for one in situation.fields
    ]
    return Table("Field pairs", ("Field Name", "Direction", "Integration Field Name"), rows, stack=True)


def _filters(mapping: IntegrationTableMapping) -> list[Field]:
    here = Field("Table Filter", table_filter_text(mapping))
    if mapping.uid_kind == "option":
        return [here]
    return [here, Field("Integration Table Filter", integration_filter_text(mapping))]


def _settings(mapping: IntegrationTableMapping, scheduled: bool) -> list[Field]:
    runs = f"Every {mapping.every_minutes} minutes" if scheduled else "When somebody starts it"
    settings = [
        Field("Runs", runs),
        Field("Synch. Only Coupled Records", mapping.synch_only_coupled),
        Field("Resolve Deletion Conflicts", mapping.get_deletion_conflict_display() or ASK_A_PERSON),
    ]
    if mapping.uid_kind == "option":
        return settings
    settings.insert(2, Field("Resolve Update Conflicts", mapping.get_update_conflict_display() or ASK_A_PERSON))
    return [*settings, Field("Blank Values", str(mapping.get_blanks_display()))]


def take_finish(situation: Situation) -> StepOutcome:
    """Make the mapping, and lead to its card."""
    try:
        made = services.finish(draft=situation.draft, asked=situation.asked)
    except (Refusal, DataverseError) as error:
        return show_finish(situation, error)
    count = len(situation.fields)
    messages.success(
        situation.request,
        f"{made.mapping.name} is made with {count} field{'' if count == 1 else 's'}. Match-Based Coupling couples what "
        "is the same on both sides; then it is synchronized.",
    )
    for sentence in made.advice:
        messages.warning(situation.request, sentence)
    return render.redirect(situation.request, mapping_url("mapping", made.mapping))
