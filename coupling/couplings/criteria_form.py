"""What the page Select Coupling Criteria holds: the settings and the rows, as kept on the mapping or as typed."""

from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.http import HttpRequest

from core.vocabulary import CompareAs, ConflictOption, Direction
from coupling.mappings import services as mappings_services
from coupling.matching import criteria
from coupling.models import IntegrationTableMapping, Selection
from coupling.records import selections
from coupling.rows import Criterion
from ui.kit import Notice


class SettingsForm(forms.Form):
    """What happens with the matches."""

    synchronize = forms.BooleanField(
        label="Synchronize After Coupling",
        required=False,
        help_text="Brings the data of the coupled records into line as soon as they are coupled.",
    )
    conflicts = forms.ChoiceField(
        label="Resolve Update Conflicts",
        required=False,
        choices=[("", "Ask a person"), *((value, label) for value, label in ConflictOption.choices if value)],
        help_text="Which side's data counts where the two differ.",
    )
    create_new = forms.BooleanField(
        label="Create New If Unable to Find a Match",
        required=False,
        help_text="New rows in Dataverse for all records without a unique uncoupled match, those with several or taken "
        "matches too: these are likely duplicates.",
    )

    def __init__(self, mapping: IntegrationTableMapping, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if mapping.direction != Direction.BIDIRECTIONAL:
            del self.fields["conflicts"]
        if mapping.direction == Direction.FROM:
            del self.fields["create_new"]


@dataclass
class Row:
    """One field mapping as the page shows it."""

    pk: int
    field: str
    column: str
    caption: str
    use: bool = False
    case: bool = False
    priority: str = ""
    compare: str = "text"
    error: str = ""
    filled: int | None = None
    distinct: int | None = None

    def criterion(self) -> Criterion:
        """The row as a criterion."""
        return Criterion(self.field, self.column, int(self.priority or 0), self.case, CompareAs(self.compare))


@dataclass
class Chosen:
    """What the page holds: the header's settings and the rows, as stored or as typed."""

    mapping: IntegrationTableMapping
    form: SettingsForm
    rows: list[Row]
    selection: Selection | None = None
    notices: list[Notice] = field(default_factory=list)

    @classmethod
    def stored(cls, mapping: IntegrationTableMapping, selection: Selection | None) -> "Chosen":
        """As kept on the mapping."""
        form = SettingsForm(
            mapping,
            initial={
                "synchronize": mapping.synch_after_coupling,
                "conflicts": mapping.update_conflict,
                "create_new": mapping.create_new,
            },
        )
        rows = [
            Row(
                one.pk, one.field, one.integration_field, criteria.field_caption(mapping, one.field), one.use_for_match,
                one.case_sensitive, str(one.match_priority or ""), one.compare_as,
            )
            for one in criteria.available_criteria(mapping)
        ]  # fmt: skip
        return cls(mapping, form, rows, selection)

    @classmethod
    def typed(cls, mapping: IntegrationTableMapping, request: HttpRequest) -> "Chosen":
        """As the person filled it in."""
        given = request.POST
        chosen = cls.stored(mapping, selections.get_selection(mapping, request.user, given.get("selection", "")))
        chosen.form = SettingsForm(mapping, given)
        used, cased = set(given.getlist("use")), set(given.getlist("case"))
        for row in chosen.rows:
            row.use, row.case = str(row.pk) in used, str(row.pk) in cased
            row.priority = given.get(f"priority-{row.pk}", "").strip()[:4]
            row.compare = given.get(f"compare-{row.pk}", row.compare)
            if row.compare not in CompareAs.values:
                row.compare = CompareAs.TEXT.value
            if row.priority and not (row.priority.isascii() and row.priority.isdigit()):
                row.error = "A whole number, or nothing."
        return chosen

    @property
    def valid(self) -> bool:
        """Whether all that was typed can be used."""
        return self.form.is_valid() and not any(row.error for row in self.rows)

    def settings(self) -> mappings_services.Settings:
        """What the services take."""
        values = self.form.cleaned_data if self.form.is_bound else self.form.initial
        return mappings_services.Settings(
            [row.criterion() for row in self.rows if row.use],
            bool(values.get("synchronize")),
            bool(values.get("create_new")) and "create_new" in self.form.fields,
            str(values.get("conflicts") or "") if "conflicts" in self.form.fields else "",
        )
