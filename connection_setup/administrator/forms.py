"""Forms of Administrator Sign-In: what the sign-in is for, with the consent where nobody has given it yet."""

from collections.abc import Mapping
from typing import Any

from django import forms

from connection_setup.models import DataverseConnection
from connection_setup.provisioning import consent, preparation
from connection_setup.provisioning.consent_form import AcceptForm


class PurposeForm(forms.Form):
    """Before the sign-in; `purpose` is what it is for."""

    purpose = forms.ChoiceField(choices=[(name, name) for name in preparation.PURPOSES], widget=forms.HiddenInput)


class ConsentForm(AcceptForm, PurposeForm):
    """Before the sign-in, where nobody has consented yet."""


def purpose_form(
    connection: DataverseConnection, data: Mapping[str, Any] | None = None, *, purpose: str = "prepare"
) -> PurposeForm:
    """Return the form to show before the sign-in; consent that was given is not asked for again."""
    purpose = str(data.get("purpose") or "prepare") if data is not None else purpose
    consented = purpose in ("prepare", "team", preparation.WEB_HOOK) and consent.is_given(connection)
    return (PurposeForm if consented else ConsentForm)(data, initial={"purpose": purpose})
