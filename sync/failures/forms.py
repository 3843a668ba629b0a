"""The form that asks why failed records are ignored."""

from typing import Any

from django import forms

from coupling.failures.services import MOST_OF_REASON


class IgnoreForm(forms.Form):
    """Why; and what the question is about, carried along."""

    because = forms.CharField(
        label="Reason", max_length=MOST_OF_REASON, strip=True,
        help_text="Such as: closed branch, stays here alone. The records come back when either side changes.",
        error_messages={"required": "Say why, in a few words."},
    )  # fmt: skip
    selection = forms.CharField(widget=forms.HiddenInput)
    back = forms.CharField(widget=forms.HiddenInput, required=False)

    @classmethod
    def of(cls, given: Any, *, selection: str, back: str) -> "IgnoreForm":
        """Return the form as it was sent, or a new one about a selection."""
        if "because" in given:
            return cls(given)
        return cls(initial={"selection": selection, "back": back})
