"""The step Fields of a mapping of choices: which field here holds what a choice is called there."""

from typing import Any

from django import forms

from coupling.mappings.guide import services
from coupling.mappings.guide.situation import FIELDS, TABLES, Situation
from coupling.mappings.new_mapping import choice_columns
from ui.guides import StepContent, StepOutcome
from ui.kit import Action, Cell, FastTab, Field, Notice, Status, Table

_QUESTION = "What are the choices called here?"
_SAMPLED = 200
"""Records that are looked at for what they are called."""


class CaptionForm(forms.Form):
    """The field that goes with the choices' captions."""

    field = forms.ChoiceField(
        label="Field Name", help_text="What it holds is the caption of the choice that a record is coupled with."
    )

    def __init__(self, situation: Situation, data: Any = None) -> None:
        """Make the form, with the field that is chosen, or that records are known by."""
        known = [row["field"] for row in situation.given(FIELDS).get("rows", ()) if row["field"]]
        super().__init__(data, initial={"field": known[0] if known else situation.table.key})
        field = self.fields["field"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(one.name, one.caption) for one in situation.table.fields if one.type in ("text", "code")]


def show_caption(situation: Situation, form: CaptionForm | None = None) -> StepContent:
    """Return the field to choose, and which choices there are called like a record here."""
    form = form or CaptionForm(situation)
    column = choice_columns(situation.info).get(situation.choices)
    if column is None:
        return _column_is_gone(situation)
    name = str(form["field"].value() or "")
    fields = {one.name for one in situation.table.fields}
    records = situation.table.records(situation.company)
    here = {_plain(value) for value in records.values_list(name, flat=True)[:_SAMPLED]} if name in fields else set()
    here -= {""}
    rows: list[tuple[Cell, ...]] = [
        (value, caption, Status("Called like a record", "ok") if _plain(caption) in here else Status("No record"))
        for value, caption in column.choices.items()
    ]
    alike = here & {_plain(caption) for caption in column.choices.values()}
    return StepContent(
        _QUESTION,
        (
            f"{situation.table.caption_plural} are coupled with the choices of {column.label or column.name} in "
            f"{situation.info.name}. Afterwards Match-Based Coupling couples those that are called alike, and can add "
            "choices for the others.",
        ),
        (
            FastTab("caption", "Field", [Field(form_field=form["field"])]),
            FastTab(
                "choices", f"Choices: {len(column.choices)}, {len(alike)} of {len(here)} records are called like one",
                table=Table("Choices", ("Option Value", "Option Value Caption", "Here"), rows, stack=True),
            ),
        ),
        next=Action("Next"),
    )  # fmt: skip


def _column_is_gone(situation: Situation) -> StepContent:
    """Return the way back to the tables: somebody deleted the column since it was chosen, or made it another type."""
    return StepContent(
        _QUESTION,
        ("What was answered until now is kept.",),
        notices=[
            Notice(
                f"{situation.info.name} has no column {situation.choices} that holds choices any more: it was chosen "
                "here as the unique identifier, and has changed in Dataverse since. Go back to the tables and choose "
                "another one.",
                "bad",
            )
        ],
        next=Action("Choose the tables again", situation.url(TABLES)),
    )


def _plain(text: object) -> str:
    return str(text or "").strip().casefold()


def take_caption(situation: Situation) -> StepOutcome:
    """Store the field."""
    form = CaptionForm(situation, situation.request.POST)
    if not form.is_valid() or situation.choices not in choice_columns(situation.info):
        return show_caption(situation, form)
    row = {"field": form.cleaned_data["field"], "column": situation.choices, "direction": str(situation.direction)}
    services.save_answers(draft=situation.draft, step=FIELDS, answers={"rows": [row]})
    return None
