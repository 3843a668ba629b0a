"""DOC."""

from django import forms
from django.conf import settings

from connection_setup.provisioning import consent
from ui.kit import FastTab, Field


class AcceptForm(forms.Form):
    """The consent, by a tick."""

    consent = forms.BooleanField(
        label="I accept",
        help_text="I have read what is asked for, and may give these permissions on behalf of my organization.",
        error_messages={"required": "Tick this to go on: without the permissions nothing can be prepared."},
    )


def permissions_tab() -> FastTab:
    """The permissions in words, as a FastTab."""
    return FastTab(
        "permissions",
        f"What {settings.PRODUCT_NAME} Integration to Dataverse asks for",
        tuple(Field(name, what) for name, what in consent.PERMISSIONS),
    )
