"""The form of Select Coupling Criteria: settings and criteria, as stored on the mapping or as a person entered them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.http import HttpRequest

from core.refusals import Refusal
from core.vocabulary import CompareAs, ConflictOption, Direction
from coupling.brakes import Brakes
from coupling.job_parameters import CouplingParameters
from coupling.mappings import services as mappings_services
from coupling.mappings.brakes_form import ON_CREATING, BrakeFields, entered_brakes
from coupling.matching.criteria import available_criteria, field_caption
from coupling.models import IntegrationTableMapping, Selection
from coupling.page_parts import ASK_A_PERSON
from coupling.records import selections
from coupling.rows import Criterion
from ui.kit import Notice


class SettingsForm(BrakeFields):
    """What happens with the matches."""

    synchronize = forms.BooleanField(
        label="Synchronize After Coupling",
        required=False,
        help_text="Brings the data of the coupled records into line as soon as they are coupled.",
    )
    conflicts = forms.ChoiceField(
        label="Resolve Update Conflicts",
        required=False,
        choices=[("", ASK_A_PERSON), *((one.value, one.label) for one in ConflictOption.of_a_mapping())],
        help_text="Which side's data counts where the two differ.",
    )
    create_new = forms.BooleanField(
        label="Create New if Unable to Find a Match",
        required=False,
        help_text="New rows in Dataverse for all records without a unique uncoupled match, those with several or taken "
        "matches too: these are likely duplicates.",
    )

    field_order = ("synchronize", "conflicts", "create_new")

    def __init__(self, mapping: IntegrationTableMapping, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if mapping.direction != Direction.BIDIRECTIONAL:
            del self.fields["conflicts"]
        if mapping.direction == Direction.FROM:
            for name in ("create_new", *ON_CREATING):
                del self.fields[name]


@dataclass
class CriterionRow:
    """One field mapping as the page shows it. error: of its entries; refusal: why its two sides cannot be compared."""

    pk: int
    field: str
    column: str
    caption: str
    use: bool = False
    case: bool = False
    priority: str = ""
    compare: str = "text"
    error: str = ""
    refusal: str = ""
    filled: int | None = None
    distinct: int | None = None
    filled_there: int | None = None
    distinct_there: int | None = None
    unique: int | None = None

    @property
    def compared(self) -> Criterion:
        """How the row compares, whatever its priority."""
        return Criterion(self.field, self.column, 0, self.case, CompareAs(self.compare))

    def to_criterion(self) -> Criterion:
        """Return the row as a criterion."""
        return Criterion(self.field, self.column, int(self.priority or 0), self.case, CompareAs(self.compare))


@dataclass
class CriteriaForm:
    """What the page holds: the settings, a row per field mapping, the records selected, and notices."""

    mapping: IntegrationTableMapping
    settings_form: SettingsForm
    rows: list[CriterionRow]
    selection: Selection | None = None
    notices: list[Notice] = field(default_factory=list)

    @classmethod
    def from_mapping(cls, mapping: IntegrationTableMapping, selection: Selection | None) -> "CriteriaForm":
        """Return the form as stored on the mapping."""
        form = SettingsForm(
            mapping,
            initial={
                "synchronize": mapping.synch_after_coupling,
                "conflicts": mapping.update_conflict,
                "create_new": mapping.create_new,
                **entered_brakes(Brakes.stored(mapping.brakes)),
            },
        )
        rows = [
            CriterionRow(
                one.pk, one.field, one.integration_field, field_caption(mapping, one.field), one.use_for_match,
                one.case_sensitive, str(one.match_priority or ""), one.compare_as,
            )
            for one in available_criteria(mapping)
        ]  # fmt: skip
        return cls(mapping, form, rows, selection)

    @classmethod
    def from_preview(
        cls, mapping: IntegrationTableMapping, asked: CouplingParameters, selection: Selection | None
    ) -> "CriteriaForm":
        """Return the form as it was when a preview was asked for."""
        entered = cls.from_mapping(mapping, selection)
        entered.settings_form = SettingsForm(
            mapping,
            initial={
                "synchronize": asked.synchronize, "conflicts": asked.conflict.value, "create_new": asked.create,
                **entered_brakes(Brakes.asked(asked)),
            },
        )  # fmt: skip
        entered.fill_in(asked.criteria)
        return entered

    @classmethod
    def from_request(cls, mapping: IntegrationTableMapping, request: HttpRequest) -> "CriteriaForm":
        """Return the form as the person filled it in."""
        given = request.POST
        entered = cls.from_mapping(mapping, selections.get_selection(mapping, request.user, given.get("selection", "")))
        entered.settings_form = SettingsForm(mapping, given)
        used, cased = set(given.getlist("use")), set(given.getlist("case"))
        for row in entered.rows:
            row.use, row.case = str(row.pk) in used, str(row.pk) in cased
            row.priority = given.get(f"priority-{row.pk}", "").strip()[:4]
            row.compare = given.get(f"compare-{row.pk}", row.compare)
            if row.compare not in CompareAs.values:
                row.compare = CompareAs.TEXT.value
            if row.priority and not (row.priority.isascii() and row.priority.isdigit()):
                row.error = "A whole number, or nothing."
        return entered

    def mark(self, refusals: Mapping[tuple[str, str], Refusal]) -> None:
        """Mark the rows whose two sides cannot be compared, by field and column."""
        for row in self.rows:
            if row.use and (refusal := refusals.get((row.field, row.column))) is not None:
                row.refusal = refusal.user_message

    def fill_in(self, criteria: Sequence[Criterion]) -> None:
        """Choose just these criteria on the page."""
        by_pair = {(one.local, one.integration): one for one in criteria}
        for row in self.rows:
            one = by_pair.get((row.field, row.column))
            row.use, row.case, row.error, row.refusal = one is not None, one is not None and one.case_sensitive, "", ""
            row.priority = str(one.priority or "") if one else ""
            row.compare = one.compare_as.value if one else CompareAs.TEXT.value

    @property
    def valid(self) -> bool:
        """Whether all that was entered can be used."""
        return self.settings_form.is_valid() and not any(row.error or row.refusal for row in self.rows)

    @property
    def brakes(self) -> Brakes:
        """The brakes that were entered."""
        return self.settings_form.brakes

    @property
    def _values(self) -> Mapping[str, Any]:
        return self.settings_form.cleaned_data if self.settings_form.is_bound else self.settings_form.initial

    def settings(self) -> mappings_services.Settings:
        """Return the settings as the services take them."""
        values = self._values
        return mappings_services.Settings(
            [row.to_criterion() for row in self.rows if row.use],
            bool(values.get("synchronize")),
            bool(values.get("create_new")) and "create_new" in self.settings_form.fields,
            str(values.get("conflicts") or "") if "conflicts" in self.settings_form.fields else "",
            self.brakes,
        )
