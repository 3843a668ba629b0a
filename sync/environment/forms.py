"""Form of Point Back: where the own organization is now, and the secret where it goes to another place."""

from typing import Any

from django import forms

from connection_setup.models import AuthenticationType, DataverseConnection
from connection_setup.secrets import credentials

SECRET_COLUMNS = ("client_secret", "user_password")
"""What a refusal calls the field of the secret."""


class PointBackForm(forms.Form):
    """The address at which the organization answers that the connection was enabled with."""

    environment_url = forms.CharField(
        label="Environment URL",
        max_length=250,
        help_text="Where the organization answers that the couplings belong to. It is asked before anything is saved.",
    )
    secret = forms.CharField(
        label="Client Secret",
        required=False,
        strip=True,
        max_length=4000,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text="Needed where the address is another than the one the stored secret was entered for.",
    )

    def __init__(self, *args: Any, connection: DataverseConnection, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = connection.enabled_settings
        self.initial["environment_url"] = stored.get("environment_url", connection.environment_url)
        kind = AuthenticationType(stored.get("authentication_type", connection.authentication_type))
        self.fields["secret"].label = credentials.LABELS[kind]
        # A private key is never sent anywhere, and what a provider gives is not entered here.
        if kind is AuthenticationType.CERTIFICATE or credentials.provided(connection):
            del self.fields["secret"]

    def refuse(self, field: str, text: str) -> None:
        """Show what was refused at the field it is about, or above the form."""
        name = "secret" if field in SECRET_COLUMNS else field
        self.add_error(name if name in self.fields else None, text)
