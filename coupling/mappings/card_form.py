"""The form of a mapping's card: the settings that a person changes there, and the questions that come first."""

from collections.abc import Sequence

from django import forms
from django.http import QueryDict

from core.refusals import NotUsable
from core.vocabulary import BlankPolicy, ConflictOption, DeletionOption, Direction
from coupling.brakes import Brakes
from coupling.mappings import questions
from coupling.mappings.brakes_form import BRAKE_NAMES, DELETION_NAMES, ON_CREATING, DeletionBrakeFields, entered_brakes
from coupling.mappings.card_state import AGAIN, stored_state
from coupling.mappings.edit import LEAST_MINUTES, MOST_MINUTES, Changes
from coupling.mappings.insert_values import lines_of, parse_lines
from coupling.models import IntegrationTableMapping
from coupling.page_parts import ASK_A_PERSON
from masterdata import record_templates
from ui.kit import Field, Question

BRAKES = (*BRAKE_NAMES, *DELETION_NAMES)
"""The names of the fields with the limits that the mapping keeps."""
ANSWER = "sure"
"""The name by which the answer to a question comes back."""


class MappingForm(DeletionBrakeFields):
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
        choices=[("", ASK_A_PERSON), *((one.value, one.label) for one in ConflictOption.of_a_mapping())],
        help_text="What happens to a field that was changed on both sides.",
    )
    deletion_conflict = forms.ChoiceField(
        label="Resolve Deletion Conflicts",
        required=False,
        choices=[("", ASK_A_PERSON), *((value, label) for value, label in DeletionOption.choices if value)],
        help_text="What happens when one side of a pair was deleted.",
    )
    blanks = forms.ChoiceField(
        label="Blank Values",
        required=False,
        choices=[(value, label) for value, label in BlankPolicy.choices if value],
        help_text="What a blank on one side does to a value on the other; a field may have a choice of its own.",
    )
    blank_is_no_match = forms.BooleanField(
        label="Blank values: don't match",
        required=False,
        help_text="Off: a field that is blank here does not count when matching.",
    )
    day_zone = forms.CharField(
        label="Time Zone of Dates",
        required=False,
        max_length=60,
        help_text="Whose midnights dates are that Dataverse keeps as moments, like Europe/Berlin; blank: the site's.",
        widget=forms.TextInput(attrs={"spellcheck": "false"}),
    )
    scheduled = forms.BooleanField(
        label="Runs by itself",
        required=False,
        help_text="Off: it is synchronized when somebody starts it. A running job goes on.",
    )
    every_minutes = forms.IntegerField(
        label="Synchronize every (minutes)", min_value=LEAST_MINUTES, max_value=MOST_MINUTES
    )

    template = forms.ChoiceField(
        label="Template",
        required=False,
        help_text="What records that come from Dataverse begin with in fields that no column fills.",
    )

    insert_values = forms.CharField(
        label="New Dataverse rows get",
        required=False,
        widget=forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "class": "input"}),
        help_text="One a line, COLUMN=VALUE: what a new row gets beside the mapped columns.",
    )

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    asked: questions.Question | None = None
    """What has to be answered before anything is stored."""

    def __init__(self, mapping: IntegrationTableMapping, data: QueryDict | None) -> None:
        stored = {name: getattr(mapping, name) for name in self.base_fields if name not in (*BRAKES, "seen")}
        limits = entered_brakes(Brakes.stored(mapping.brakes))
        shown = {"insert_values": lines_of(mapping.insert_values), "seen": stored_state(mapping)}
        super().__init__(data, initial=stored | limits | shown)
        if mapping.direction == Direction.FROM:
            for name in ON_CREATING:
                del self.fields[name]
        known = record_templates.codes_for(mapping.company_id, mapping.table)
        if mapping.template:
            known.setdefault(mapping.template, "which is not there any more")
        self.fields["template"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            ("", "None"),
            *((code, f"{code} {text}".strip()) for code, text in known.items()),
        ]

    def refuse_changed(self, mapping: IntegrationTableMapping, told: Sequence[str]) -> None:
        """Tell what somebody changed since the page was opened; sent once more, the form replaces it."""
        self.data = {**{name: self.data[name] for name in self.data}, "seen": stored_state(mapping)}
        self.add_error(None, " ".join([*told, AGAIN]))

    def ask(self, question: questions.Question) -> None:
        """Show a question by the first field that it is about: yes stores what was typed, no takes it back."""
        self.asked = question
        self.add_error(self._asked_by, question.text)

    @property
    def _asked_by(self) -> str | None:
        """The field by which the question is shown: the first that it is about and that the form has."""
        about = self.asked.fields if self.asked is not None else ()
        return next((name for name in about if name in self.fields), None)

    def field(self, name: str, address: str) -> Field:
        """Return a field as it is shown, with the question by it. address: where the answer is sent."""
        asked = self.asked if name == self._asked_by else None
        return Field(form_field=self[name], question=Question(ANSWER, asked.answers, address) if asked else None)

    def changes(self) -> Changes:
        """Return what the form, which is valid, is to change."""
        values = {name: value for name, value in self.cleaned_data.items() if name not in (*BRAKES, "seen")}
        sent = any(name in self.data for name in BRAKES)
        return Changes(**values, brakes=self.brakes.dump() if sent else None)

    def clean_template(self) -> str | None:
        """Return the choice; None where none was sent, which leaves it as it is."""
        return self.cleaned_data["template"] if "template" in self.data else None

    def clean_insert_values(self) -> dict[str, str] | None:
        """Return the values by column; None where none were sent, which leaves them as they are."""
        if "insert_values" not in self.data:
            return None
        try:
            return parse_lines(self.cleaned_data["insert_values"])
        except NotUsable as error:
            raise forms.ValidationError(error.user_message) from None

    def clean_day_zone(self) -> str | None:
        """Return the zone; None where none was sent, which leaves it as it is."""
        return self.cleaned_data["day_zone"] if "day_zone" in self.data else None

    def clean_blanks(self) -> str | None:
        """Return the choice; None where none was sent, which leaves it as it is."""
        return self.cleaned_data["blanks"] or None
