"""The limits above which a coupling stops, as fields of the forms that keep them on a mapping."""

from dataclasses import replace
from typing import Any

from django import forms

from coupling.brakes import LIMITS, Brakes


def _limit(label: str, of: str, text: str) -> forms.IntegerField:
    return forms.IntegerField(label=label, required=False, min_value=0, max_value=LIMITS[of][1], help_text=text)


class BrakeFields(forms.Form):
    """The fields of the brakes; a form with them has more."""

    stop_above = _limit("Stop if more than", "created", "would be created. Then none is; what was coupled stays.")
    stop_above_percent = _limit(
        "Stop if more than (%)", "created_percent", "of the records that take part would be created."
    )
    stop_coupled_above = _limit("Stop coupling if more than", "coupled", "would be coupled. Then none is.")

    @property
    def brakes(self) -> Brakes:
        """The brakes that were entered, or that a form that was not sent begins with."""
        values = self.cleaned_data if self.is_bound else self.initial
        return Brakes(*(values.get(name) for name in BRAKE_NAMES))


class DeletionBrakeFields(BrakeFields):
    """The same with the limits on deletions, above which a run waits for a person."""

    stop_deleted_above = _limit(
        "Stop deletions if more than", "deleted",
        "pairs have lost one side. Then nothing is done about them by itself. Blank in both: more than 100, and 10 %.",
    )  # fmt: skip
    stop_deleted_above_percent = _limit(
        "Stop deletions if more than (%)", "deleted_percent", "of the mapping's pairs have lost one side."
    )

    @property
    def brakes(self) -> Brakes:
        """The brakes that were entered, or that a form that was not sent begins with."""
        values = self.cleaned_data if self.is_bound else self.initial
        on_deleting, percent = (values.get(name) for name in DELETION_NAMES)
        return replace(super().brakes, deleted=on_deleting, deleted_percent=percent)


BRAKE_NAMES = ("stop_above", "stop_above_percent", "stop_coupled_above")
"""The names of these fields, in the order of the limits."""
ON_CREATING = BRAKE_NAMES[:2]
"""Those about rows that are created."""


DELETION_NAMES = ("stop_deleted_above", "stop_deleted_above_percent")
"""Those about deletions."""


def entered_brakes(brakes: Brakes) -> dict[str, Any]:
    """Return the values of the fields that stand for some brakes."""
    limits = (brakes.created, brakes.created_percent, brakes.coupled, brakes.deleted, brakes.deleted_percent)
    return dict(zip((*BRAKE_NAMES, *DELETION_NAMES), limits, strict=True))
