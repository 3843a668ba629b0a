"""The limits above which a coupling stops, as fields of the forms that keep them on a mapping."""

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


BRAKE_NAMES = ("stop_above", "stop_above_percent", "stop_coupled_above")
"""The names of these fields, in the order of the limits."""
ON_CREATING = BRAKE_NAMES[:2]
"""Those about rows that are created."""


def entered_brakes(brakes: Brakes) -> dict[str, Any]:
    """Return the values of the fields that stand for some brakes."""
    return dict(zip(BRAKE_NAMES, (brakes.created, brakes.created_percent, brakes.coupled), strict=True))
