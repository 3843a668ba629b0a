"""The form of the page Retention Policies."""

from typing import ClassVar

from django import forms

from jobs.models import RetentionPolicy


class PolicyForm(forms.ModelForm):  # type: ignore[type-arg]  # the class takes none when it runs
    """How long a company keeps its jobs."""

    class Meta:
        model = RetentionPolicy
        fields: ClassVar = ["days", "idle_days", "most", "history_days"]
