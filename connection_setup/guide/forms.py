"""What the guide's steps ask. What belongs to the setup page's form is taken from there, with its judgements."""

from typing import Any

from django import forms

from connection_setup.forms import SettingsForm
from connection_setup.models import OwnershipModel

APPLICATION = (
    "cloud", "tenant_id", "client_id", "authentication_type", "client_secret", "client_secret_expires_on",
    "certificate_file", "user_name", "user_password", "redirect_url",
)  # fmt: skip


class ConsentForm(forms.Form):
    """The consent, before anything is asked of Microsoft."""

    consent = forms.BooleanField(
        label="I accept",
        help_text="I have read what is asked for, and may give these permissions on behalf of my organization.",
        error_messages={"required": "Tick this to go on: without the permissions nothing can be set up."},
    )


class ApplicationForm(SettingsForm):
    """The application's registration: all of the settings but the environment and who owns rows."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields = {name: self.fields[name] for name in APPLICATION if name in self.fields}


class EnvironmentForm(SettingsForm):
    """The environment's address alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in [name for name in self.fields if name != "environment_url"]:
            del self.fields[name]


class OwnershipForm(forms.Form):
    """Who owns new rows, and whether the guide ends here."""

    ownership_model = forms.ChoiceField(label="Ownership Model", choices=OwnershipModel.choices)
    without_synchronization = forms.BooleanField(
        label="Complete setup without synchronization",
        required=False,
        help_text="The connection is enabled, and nothing is synchronized yet: couple records first, or look around.",
    )
