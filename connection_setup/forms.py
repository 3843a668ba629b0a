"""The form of Dataverse Connection Setup: what may be typed, and a sentence for what may not."""

import uuid
from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict

from connection_setup.models import DataverseConnection, OwnershipModel
from connection_setup.services import looks_like_a_secret_id
from dataverse import clouds
from dataverse.errors import ConfigurationError

CLOUDS = [(cloud.name, cloud.label) for cloud in clouds.CLOUDS.values()]
STORED = "A secret is stored. Leave this empty to keep it; another environment, cloud or tenant needs it entered again."
AGAIN = "Enter it again: a secret is never sent back to the page."
VALUE = "The secret's value, which the registration shows only when the secret is created."


class SettingsForm(forms.Form):
    """The settings of a connection that is not enabled. The secret is written, never shown."""

    environment_url = forms.CharField(
        label="Environment URL",
        max_length=250,
        required=False,
        help_text="Such as https://contoso.crm4.dynamics.com; the Power Platform admin center shows it.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )
    cloud = forms.ChoiceField(label="Cloud", choices=CLOUDS, required=False)
    tenant_id = forms.CharField(
        label="Tenant ID",
        max_length=60,
        required=False,
        help_text="Directory (tenant) ID on the Overview of the application's registration.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    client_id = forms.CharField(
        label="Client ID",
        max_length=60,
        required=False,
        help_text="Application (client) ID on the same page.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    client_secret = forms.CharField(
        label="Client Secret",
        max_length=500,
        required=False,
        strip=True,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
    )
    ownership_model = forms.ChoiceField(label="Ownership Model", choices=OwnershipModel.choices, required=False)

    def __init__(self, data: "QueryDict | None" = None, *, connection: DataverseConnection) -> None:
        initial = {name: getattr(connection, name) for name in self.base_fields if name != "client_secret"}
        super().__init__(data, initial=initial)
        self.fields["client_secret"].help_text = STORED if connection.client_secret else VALUE

    def clean_cloud(self) -> str:
        """Commercial unless another is chosen."""
        return self.cleaned_data["cloud"] or CLOUDS[0][0]

    def clean_ownership_model(self) -> str:
        """Team unless another is chosen."""
        return self.cleaned_data["ownership_model"] or OwnershipModel.TEAM.value

    def clean_client_id(self) -> str:
        """A GUID."""
        value: str = self.cleaned_data["client_id"]
        if not value:
            return ""
        try:
            return str(uuid.UUID(value))
        except ValueError:
            raise forms.ValidationError(
                "The Client ID is a GUID. Copy the Application (client) ID from the Overview of the registration."
            ) from None

    def clean_client_secret(self) -> str:
        """Not the secret's ID."""
        value: str = self.cleaned_data["client_secret"]
        if looks_like_a_secret_id(value):
            raise forms.ValidationError(
                "This is a GUID: the secret's ID, not its value. Enter the value, which is shown only when the secret "
                "is created; if it is not at hand, create a new secret under Certificates & secrets."
            )
        return value

    def clean(self) -> dict[str, Any]:
        """Address and tenant against the cloud; an address that can be mended is suggested, not changed unseen."""
        values: dict[str, Any] = super().clean() or {}
        typed = values.get("environment_url", "")
        if typed and "cloud" in values:
            self._check_address(typed, values["cloud"])
        tenant = values.get("tenant_id", "")
        if tenant:
            try:
                clouds.authority("commercial", tenant, "")
            except ConfigurationError as error:
                self.add_error("tenant_id", error.user_message)
        if self.errors and self.data.get("client_secret"):
            self["client_secret"].help_text = AGAIN
        return values

    def _check_address(self, typed: str, cloud: str) -> None:
        try:
            address = clouds.check_address(typed, cloud=cloud, loopback_allowed=settings.SANDBOX_ALLOWED)
        except ConfigurationError as error:
            self.add_error("environment_url", error.user_message)
            return
        if address.suggested:
            data: Any = self.data.copy()  # type: ignore[attr-defined]
            data["environment_url"] = address.url
            self.data = data
            self.add_error(
                "environment_url",
                f"An environment's address is https and the host alone. {typed} was replaced by the suggested "
                f"{address.url}: check it and save again.",
            )
        self.cleaned_data["environment_url"] = address.url
