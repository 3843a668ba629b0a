"""The step Schedule and conflicts: how often it runs, what it creates, and what happens where both sides differ."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.http import QueryDict

from core.refusals import NotUsable
from coupling.mappings import edit
from coupling.mappings.card_form import ANSWER, MappingForm
from coupling.mappings.card_page import taken_back
from coupling.mappings.guide import services
from coupling.mappings.guide.situation import SCHEDULE, Situation
from coupling.models import IntegrationTableMapping
from ui.guides import StepContent, StepOutcome
from ui.kit import Action, FastTab, Field

_ASKED = ("every_minutes", "synch_only_coupled", "multi_company", "update_conflict", "deletion_conflict", "blanks")


class ScheduleForm(MappingForm):
    """The settings of a mapping's card that the guide asks for, and whether a schedule runs it."""

    def __init__(
        self, mapping: IntegrationTableMapping, data: QueryDict | None, initial: Mapping[str, Any] | None = None
    ) -> None:
        """Make the form of a new mapping: rows belong to companies where their table has the column for it."""
        super().__init__(mapping, data)
        self.initial = {**self.initial, **(initial or {})}
        left_out = set() if mapping.company_column else {"multi_company"}
        if mapping.uid_kind == "option":  # a choice has a caption alone, which goes one way
            left_out |= {"update_conflict", "blanks"}
        asked = [one for one in _ASKED if one not in left_out]
        self.fields = {name: self.fields[name] for name in ("scheduled", *asked)}


def show_schedule(situation: Situation, form: ScheduleForm | None = None) -> StepContent:
    """Return the settings, with the values that a mapping has by default."""
    mapping = situation.mapping()
    if form is None:
        form = ScheduleForm(mapping, None, {"scheduled": True, **situation.given(SCHEDULE)})

    def fields(*names: str) -> list[Field]:
        address = situation.request.get_full_path()
        return [form.field(name, address) for name in names if name in form.fields]

    return StepContent(
        "When does it run, and what happens to conflicts?",
        (),
        (
            FastTab("schedule", "Schedule", fields("scheduled", *_ASKED[:3])),
            FastTab("conflicts", "Conflicts", fields(*_ASKED[3:])),
        ),
        next=Action("Next"),
    )


def take_schedule(situation: Situation) -> StepOutcome:
    """Store the settings, once what they mean is agreed to."""
    mapping, request = situation.mapping(), situation.request
    for name, value in situation.given(SCHEDULE).items():
        setattr(mapping, name, value)  # what was agreed to before is not asked again
    if (given := taken_back(request, mapping)) is not None:
        return show_schedule(situation, ScheduleForm(mapping, given))
    form = ScheduleForm(mapping, request.POST)
    if not form.is_valid():
        return show_schedule(situation, form)
    changes = form.changes()
    asked = edit.question(mapping, changes)
    if asked is not None and not asked.is_agreed(request.POST.get(ANSWER, "")):
        form.ask(asked)
        return show_schedule(situation, form)
    try:
        edit.apply_changes(mapping, replace(changes, scheduled=None), None)
    except NotUsable as error:
        form.add_error(error.field if error.field in form.fields else None, error.user_message)
        return show_schedule(situation, form)
    kept = {name: value for name, value in form.cleaned_data.items() if value is not None}
    services.save_answers(draft=situation.draft, step=SCHEDULE, answers=kept)
    return None
