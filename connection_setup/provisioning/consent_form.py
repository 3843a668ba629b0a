"""The form that accepts the consent, and the permissions it asks for as a FastTab."""

from django import forms
from django.conf import settings

from connection_setup.provisioning import consent
from ui.kit import FastTab, Field


class AcceptForm(forms.Form):
    """The consent, as a check box."""

    consent = forms.BooleanField(
        label="I accept",
        help_text="I have read what is asked for, and may give these permissions on behalf of my organization.",
        error_messages={"required": "Tick this to go on: without the permissions nothing can be prepared."},
    )


def permissions_tab() -> FastTab:
    """Return the permissions with what each is used for, as a FastTab."""
    return FastTab(
        "permissions",
        f"What {settings.PRODUCT_NAME} Integration to Dataverse asks for",
        tuple(Field(name, purpose) for name, purpose in consent.PERMISSIONS),
    )
