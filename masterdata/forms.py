"""Forms of records that two people may have open at once."""

from typing import Any

from django import forms
from django.utils.dateparse import parse_datetime

from masterdata import catalog
from masterdata.models import normal_code

STALE = "stale"
"""What the refusal of a change over another one is known by."""


class SeenForm(forms.ModelForm):  # type: ignore[type-arg]  # made for any registered model
    """A record's form that knows when the record was last changed as it was shown, and refuses if it was since."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.changes = not self.instance._state.adding
        if self.changes:
            self.fields["seen"].initial = self.instance.modified_at.isoformat()
            fixed = catalog.table_of(self._meta.model).fixed_field
            if fixed in self.fields:
                self.fields[fixed].disabled = True

    def clean(self) -> dict[str, Any]:
        """Refuse a change over one made meanwhile."""
        cleaned: dict[str, Any] = super().clean() or {}
        for name in catalog.table_of(self._meta.model).code_fields & cleaned.keys():
            if isinstance(code := cleaned[name], str):
                cleaned[name] = normal_code(code)
        if self.changes:
            rows = catalog.table_of(self._meta.model).everywhere().filter(pk=self.instance.pk)
            try:
                seen = parse_datetime(cleaned.get("seen") or "")
            except ValueError:
                seen = None
            if seen is None or rows.values_list("modified_at", flat=True).first() != seen:
                raise forms.ValidationError(
                    "Somebody changed this record while you were editing, so nothing was saved. "
                    "Open it again to see the new values, then enter yours.",
                    code=STALE,
                )
        return cleaned
