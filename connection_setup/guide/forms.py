"""What the guide's steps ask. What belongs to the setup page's form is taken from there, with its judgements."""

from typing import Any

from django import forms

from connection_setup.models import OwnershipModel
from connection_setup.secrets import credentials
from connection_setup.setup.forms import SettingsForm
from core.refusals import Refusal

APPLICATION = (
    "cloud", "tenant_id", "client_id", "authentication_type", "client_secret", "client_secret_expires_on",
    "certificate_file", "user_name", "user_password", "redirect_url",
)  # fmt: skip


class ApplicationForm(SettingsForm):
    """The application's registration: all of the settings but the environment and who owns rows."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields = {name: self.fields[name] for name in APPLICATION if name in self.fields}


class EnvironmentForm(SettingsForm):
    """The environment's address; where another one needs the secret entered again, the secret too."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        secret = [name for name in ("client_secret", "user_password") if name in self.fields]
        placed = self.connection.environment_url or self.connection.tenant_id
        stored = bool(placed) and credentials.has_secret(self.connection)
        shown = ["environment_url", *(secret if stored else ()), "cloud"]
        self.fields = {name: self.fields[name] for name in shown}
        self.fields["cloud"].widget = forms.HiddenInput()
        for name in self.fields.keys() & set(secret):
            self.fields[name].help_text = "Only for another environment or tenant than before: enter it again for that."

    @property
    def values(self) -> dict[str, Any]:
        """The address alone."""
        return {"environment_url": self.cleaned_data["environment_url"]}

    def clean_cloud(self) -> str:
        """That of the settings: the address is judged by it."""
        return self.connection.cloud

    def with_error(self, refusal: Refusal) -> "EnvironmentForm":
        """The form with what a service refused, at the field it is about."""
        self.add_error(refusal.field if refusal.field in self.fields else None, str(refusal))
        return self


class SignInForm(forms.Form):
    """Where the administrator comes from, if it matters."""

    environment_url = forms.CharField(
        label="Environment URL",
        max_length=250,
        required=False,
        help_text="If you know it. Leave it empty to choose among your environments after you sign in.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )
    tenant = forms.CharField(
        label="Administrator's tenant",
        max_length=60,
        required=False,
        help_text="Only for an environment of another tenant than the application's: its id or domain.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


class OwnershipForm(forms.Form):
    """Who owns new rows, and whether the guide ends here."""

    ownership_model = forms.ChoiceField(label="Ownership Model", choices=OwnershipModel.choices)
    without_synchronization = forms.BooleanField(
        label="Complete setup without synchronization",
        required=False,
        help_text="The connection is enabled, and nothing is synchronized yet: couple records first, or look around.",
    )
