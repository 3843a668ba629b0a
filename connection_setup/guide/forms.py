"""Forms of the guide's steps. Fields of the setup page's form are taken from there, with their validation."""

from typing import Any

from django import forms

from connection_setup.models import OwnershipModel
from connection_setup.secrets import credentials
from connection_setup.setup.forms import SECRETS, SettingsForm
from core.refusals import Refusal

APPLICATION_FIELDS = (
    "cloud",
    "tenant_id",
    "client_id",
    "authentication_type",
    "client_secret",
    "client_secret_expires_on",
    "certificate_file",
    "user_name",
    "user_password",
    "redirect_url",
)


class ApplicationForm(SettingsForm):
    """The application's registration: all settings except the environment and the ownership model."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields = {name: self.fields[name] for name in APPLICATION_FIELDS if name in self.fields}


class EnvironmentForm(SettingsForm):
    """The environment's address, with the secret where a change of address needs it entered again."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        secret = [name for name in ("client_secret", "user_password") if name in self.fields]
        has_recipient = bool(self.connection.environment_url or self.connection.tenant_id)
        stored = has_recipient and credentials.has_secret(self.connection)
        shown = ["environment_url", *(secret if stored else ()), "cloud"]
        self.fields = {name: self.fields[name] for name in shown}
        self.fields["cloud"].widget = forms.HiddenInput()
        for name in self.fields.keys() & set(secret):
            self.fields[name].help_text = "Needed only for another environment or tenant than before: enter it again."

    @property
    def values(self) -> dict[str, Any]:
        """The address alone."""
        return {"environment_url": self.cleaned_data["environment_url"]}

    def clean_cloud(self) -> str:
        """Return the cloud of the settings, by which the address is checked."""
        return self.connection.cloud

    def with_error(self, refusal: Refusal) -> "EnvironmentForm":
        """Add what a service refused, at the field it is about, and return the form."""
        self.add_error(refusal.field if refusal.field in self.fields else None, refusal.user_message)
        return self


class SignInForm(forms.Form):
    """The environment or tenant of the administrator, where it matters."""

    environment_url = forms.CharField(
        label="Environment URL",
        max_length=250,
        required=False,
        help_text="If you know it. Leave it empty to choose one of your environments after you sign in.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )
    tenant = forms.CharField(
        label="Administrator's tenant",
        max_length=60,
        required=False,
        help_text="Needed only for an environment of another tenant than the application's: its ID or domain.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def take_errors(self, other: EnvironmentForm) -> None:
        """Show what another form refused of the address; the secret that another address needs is asked for here."""
        for name, errors in other.errors.items():
            if name in SECRETS:
                self.fields[name] = other.fields[name]
                self.fields[name].help_text = "Another address needs it once more, so that it is sent nowhere unseen."
            self.add_error(name if name in self.fields else "environment_url", list(errors))


class OwnershipForm(forms.Form):
    """Who owns new rows, and whether the guide ends here."""

    ownership_model = forms.ChoiceField(label="Ownership Model", choices=OwnershipModel.choices)
    without_synchronization = forms.BooleanField(
        label="Complete setup without synchronization",
        required=False,
        help_text="The connection is enabled, but nothing is synchronized yet: you can couple records first.",
    )
