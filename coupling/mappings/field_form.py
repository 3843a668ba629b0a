"""Form of one field mapping: what a person says about it, and as what change of the model that counts."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from core.vocabulary import BlankPolicy, ConflictOption, Direction
from coupling import local_records
from coupling.mappings.card_state import AGAIN, field_state
from coupling.mappings.field_checks import MAX_CONSTANT
from coupling.mappings.field_edit import FieldChanges
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from dataverse.types import ColumnInfo
from masterdata.catalog import LocalField

_CONSTANT = "(a constant value)"
CONFLICTS = [("", "As the mapping says"), *((one.value, one.label) for one in ConflictOption if one)]
"""What a field may say about changes on both sides."""
Columns = Mapping[str, ColumnInfo]


RULES_HELP = "One rule a line, in their order: trim, or replace=OLD,NEW."


class RuleWords(forms.CharField):
    """Transformation rules, one a line; blank lines are none. Its value is the words in their order."""

    def __init__(self, **how: Any) -> None:
        """Make the field. how: what other fields take, such as its label."""
        box = forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "input"})
        super().__init__(required=False, strip=False, max_length=10_100, widget=box, **{"help_text": RULES_HELP, **how})

    def clean(self, value: Any) -> Any:
        """Return the rules. Raises ValidationError for a text that is too long."""
        return tuple(line for line in super().clean(value).splitlines() if line.strip())


class FieldForm(forms.Form):
    """What can be said about a field mapping; a new one also says which field and column it is about."""

    field = forms.ChoiceField(label="Field Name", required=False)
    integration_field = forms.ChoiceField(label="Integration Field Name", required=False)
    enabled = forms.BooleanField(label="Enabled", required=False)
    direction = forms.ChoiceField(label="Direction", choices=Direction.choices)
    constant = forms.CharField(
        label="Constant Value",
        required=False,
        max_length=MAX_CONSTANT,
        help_text="What the column gets where no field is named, or the field where no column is; else what stands for "
        "a blank local value.",
    )
    rules = RuleWords(label="Transformation Rules", help_text=f"{RULES_HELP} Rules below says what there is.")
    transformation_direction = forms.ChoiceField(
        label="Transformation Direction",
        choices=[(one.value, one.label) for one in (Direction.TO, Direction.FROM)],
        help_text="Which way the rules rewrite values. A one-way field's rules go its way.",
    )
    blanks = forms.ChoiceField(label="Blank values", required=False, choices=BlankPolicy.choices)
    update_conflict = forms.ChoiceField(
        label="Resolve Update Conflicts",
        required=False,
        choices=CONFLICTS,
    )
    clear_on_failed = forms.BooleanField(
        label="Clear Value on Failed Sync",
        required=False,
        help_text="A value whose related record is not coupled becomes blank, instead of failing the record.",
    )
    not_null = forms.BooleanField(
        label="Not Null", required=False, help_text="For columns that hold an id: a blank one is never sent."
    )
    validate_field = forms.BooleanField(
        label="Validate Field",
        required=False,
        help_text="A value from Dataverse that breaks a rule of the field here fails the record. Off: it is written.",
    )
    validate_integration_field = forms.BooleanField(
        label="Validate Integration Table Fld",
        required=False,
        help_text="Kept, and part of mappings as files. Dataverse checks every value that it gets, on or off.",
    )

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(
        self,
        data: Any = None,
        *,
        mapping: IntegrationTableMapping,
        columns: Columns,
        known: IntegrationFieldMapping | None = None,
    ) -> None:
        """Make the form of a new field mapping, or of the known one. `columns`: those of the table in Dataverse."""
        initial: dict[str, Any] = {"enabled": True, "validate_field": True}
        if known is not None:
            initial = {name: getattr(known, name) for name in self.base_fields if name != "seen"}
            initial["seen"] = field_state(known)
        initial["rules"] = "\n".join(known.rules) if known is not None else ""
        super().__init__(data, initial={"direction": mapping.direction, **initial})
        if known is not None:
            del self.fields["field"], self.fields["integration_field"]
            return
        table = local_records.get_table(mapping)
        self._choices("field", [(one.name, local_label(one)) for one in table.fields])
        by_label = sorted(columns.values(), key=lambda column: (column.label.casefold() or column.name, column.name))
        self._choices("integration_field", [(one.name, column_label(one)) for one in by_label])

    def _choices(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _CONSTANT), *choices]

    def refuse_changed(self, known: IntegrationFieldMapping, told: Sequence[str]) -> None:
        """Tell what somebody changed since the page was opened; sent once more, the form replaces it."""
        self.data = {**{name: self.data[name] for name in self.data}, "seen": field_state(known)}
        self.add_error(None, " ".join([*told, AGAIN]))

    def changes(self) -> FieldChanges:
        """Return what the form says. Call once it is valid."""
        given = self.cleaned_data
        direction = Direction(given["direction"])
        rewrites = Direction(given["transformation_direction"])
        return FieldChanges(
            direction=direction,
            constant=given["constant"],
            rules=given["rules"],
            transformation_direction=rewrites if direction == Direction.BIDIRECTIONAL else direction,
            update_conflict=ConflictOption(given["update_conflict"]),
            blanks=BlankPolicy(given["blanks"]),
            clear_on_failed=given["clear_on_failed"],
            not_null=given["not_null"],
            validate_field=given["validate_field"],
            validate_integration_field=given["validate_integration_field"],
            enabled=given["enabled"],
        )


def local_label(field: LocalField) -> str:
    """Return a local field with its type and length, as a choice."""
    return f"{field.caption} ({field.name}, {_sized(field.type, field.max_length)})"


def column_label(column: ColumnInfo) -> str:
    """Return a column with its type and length, as a choice."""
    sized = _sized(column.type, column.max_length)
    read_only = "" if column.for_create or column.for_update else ", read-only"
    return f"{column.label or column.name} ({column.name}, {sized}{read_only})"


def _sized(kind: str, length: int | None) -> str:
    return kind if length is None else f"{kind} {length}"
