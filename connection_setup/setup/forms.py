"""Form of Dataverse Connection Setup: what may be entered, and a sentence for what may not."""

import uuid
from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict
from django.views.decorators.debug import sensitive_variables

from connection_setup.captions import CLOUDS
from connection_setup.connection import redirect_url as redirect_urls
from connection_setup.models import AuthenticationType, DataverseConnection, OwnershipModel
from connection_setup.secrets import certificates, credentials
from connection_setup.secrets.credentials import looks_like_a_secret_id
from core.refusals import Refusal
from dataverse import clouds, pem_files
from dataverse.errors import ConfigurationError

STORED_HINT = (
    "A secret is stored. Leave this empty to keep it. After a change of environment, cloud or tenant, enter it again."
)
MAX_CERTIFICATE_BYTES = 100_000
FIELDS_BY_TYPE = {
    AuthenticationType.CLIENT_SECRET: ("client_secret", "client_secret_expires_on"),
    AuthenticationType.CERTIFICATE: ("certificate_file",),
    AuthenticationType.OFFICE365: ("user_name", "user_password"),
}
"""The fields that belong to one authentication type alone."""
SECRETS = ("client_secret", "certificate_file", "user_password")
ENTER_AGAIN_HINT = "Enter it again: a secret is never sent back to the page."
VALUE_HINT = "The secret's value, which the registration shows only when the secret is created."


@sensitive_variables("content", "found")
def read_certificate_file(file: "UploadedFile[bytes] | None") -> str:
    """Return key and certificate in an uploaded PEM or PFX file as PEM text, "" without one. Raises Refusal."""
    if not file:
        return ""
    if (file.size or 0) > MAX_CERTIFICATE_BYTES:
        raise Refusal(
            "configuration",
            "The file is too large for a certificate.",
            "Choose the PEM or PFX file of the private key and the certificate.",
            field="certificate_file",
        )
    content = file.read()
    try:
        found = pem_files.pem_of(content).strip()
    except pem_files.Unreadable as unreadable:
        raise Refusal("configuration", unreadable.message, unreadable.fix, field="certificate_file") from None
    if not found:
        raise Refusal(
            "configuration", "This is not a PEM file.", "Choose a PEM or PFX file with key and certificate.",
            field="certificate_file",
        )  # fmt: skip
    return found


def is_bad_address(typed: str, cloud: str) -> bool:
    """Return whether an environment's address cannot be saved as it was typed."""
    if not typed.strip():
        return False
    try:
        return clouds.check_address(
            typed, cloud=cloud or CLOUDS[0][0], loopback_allowed=settings.SANDBOX_ALLOWED
        ).suggested
    except ConfigurationError:
        return True


class SettingsForm(forms.Form):
    """The settings of a connection that is not enabled. The secret is written, never shown.

    For an address that can be corrected the form asks: `suggestion` then holds what it would be replaced with, and the
    answer comes back as `replace`, yes or no.
    """

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
    client_secret_expires_on = forms.DateField(
        label="Secret Expires On",
        required=False,
        help_text="As Certificates & secrets shows it. With it, this page warns before the secret expires.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    certificate_file = forms.FileField(
        label="Certificate",
        required=False,
        help_text="A PEM file that holds the private key and the certificate.",
        widget=forms.FileInput(attrs={"accept": ".pem,.crt,.cer,.key"}),
    )
    redirect_url = forms.CharField(
        label="Redirect URL",
        max_length=250,
        required=False,
        help_text="Register this under Authentication in the application's registration. Clear it to use the default "
        "again.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )
    user_name = forms.CharField(
        label="User Name",
        max_length=250,
        required=False,
        help_text="That of the integration user, such as integration@contoso.com; not an administrator's.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    user_password = forms.CharField(
        label="Password",
        max_length=500,
        required=False,
        strip=False,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "new-password"}),
    )
    authentication_type = forms.ChoiceField(
        label="Authentication Type", choices=AuthenticationType.choices, required=False
    )
    ownership_model = forms.ChoiceField(label="Ownership Model", choices=OwnershipModel.choices, required=False)

    def __init__(
        self,
        data: "QueryDict | None" = None,
        files: "MultiValueDict[str, UploadedFile[bytes]] | None" = None,
        *,
        connection: DataverseConnection,
        typed: "Mapping[str, Any] | None" = None,
    ) -> None:
        """Make the form; `typed`: what stands on the page now, shown again as it is, without validation."""
        stored = [name for name in self.base_fields if name not in SECRETS]
        initial = {name: getattr(connection, name) for name in stored}
        initial["redirect_url"] = redirect_urls.effective_url(connection)
        if typed is not None:
            initial |= {name: typed[name] for name in stored if name in typed}
        super().__init__(data, files, initial=initial)
        self.connection = connection
        self.suggestion = ""
        self.kind = self._kind(data if data is not None else initial)
        others = {name for kind, names in FIELDS_BY_TYPE.items() if kind is not self.kind for name in names}
        if credentials.provided(connection):
            others |= {"client_id", "client_secret", "client_secret_expires_on", "certificate_file"}
        for name in others:
            del self.fields[name]
        for name in set(SECRETS) & self.fields.keys():
            if credentials.has_secret(connection) and self.kind == connection.authentication_type:
                self.fields[name].help_text = STORED_HINT
        if "client_secret" in self.fields and not self.fields["client_secret"].help_text:
            self.fields["client_secret"].help_text = VALUE_HINT

    def _kind(self, given: Mapping[str, Any]) -> AuthenticationType:
        chosen = given.get("authentication_type")
        known = AuthenticationType.values
        return AuthenticationType(chosen if chosen in known else self.connection.authentication_type)

    @property
    @sensitive_variables()
    def secret(self) -> str:
        """The secret that was typed or uploaded, of whichever type; "" to keep the stored one."""
        return str(next((self.cleaned_data[name] for name in SECRETS if self.cleaned_data.get(name)), ""))

    @property
    @sensitive_variables()
    def values(self) -> dict[str, Any]:
        """What was typed, without the secret."""
        return {name: value for name, value in self.cleaned_data.items() if name not in SECRETS}

    def clean_authentication_type(self) -> str:
        """Return the stored type unless another is chosen."""
        return self.cleaned_data["authentication_type"] or self.connection.authentication_type

    @sensitive_variables("text")
    def clean_certificate_file(self) -> str:
        """Return the file's text if it is a usable key and certificate."""
        try:
            text = read_certificate_file(self.cleaned_data["certificate_file"])
            if text:
                certificates.read_pair(text)
        except Refusal as refusal:
            raise forms.ValidationError(str(refusal)) from None
        return text

    def clean_redirect_url(self) -> str:
        """Return an address of this site; "" for the default."""
        if "redirect_url" not in self.data:
            return self.connection.redirect_url
        try:
            return redirect_urls.clean(self.cleaned_data["redirect_url"])
        except redirect_urls.InvalidRedirectUrl as error:
            raise forms.ValidationError(str(error)) from None

    def clean_user_name(self) -> str:
        """Return the name if it is a sign-in address."""
        value: str = self.cleaned_data["user_name"]
        if value and "@" not in value:
            raise forms.ValidationError(
                "The user name is the user's sign-in address, such as integration@contoso.com. Enter it with the @."
            )
        return value

    def clean_cloud(self) -> str:
        """Return the chosen cloud, Commercial by default."""
        return self.cleaned_data["cloud"] or CLOUDS[0][0]

    def clean_ownership_model(self) -> str:
        """Return the chosen ownership model, Team by default."""
        return self.cleaned_data["ownership_model"] or OwnershipModel.TEAM.value

    def clean_client_id(self) -> str:
        """Return the id as a GUID in its usual form, or ""."""
        value: str = self.cleaned_data["client_id"]
        try:
            return str(uuid.UUID(value)) if value else ""
        except ValueError:
            raise forms.ValidationError(
                "A Client ID is a GUID. Copy the Application (client) ID from the Overview of the registration."
            ) from None

    def clean_client_secret(self) -> str:
        """Return the value, unless it is the secret's ID."""
        value: str = self.cleaned_data["client_secret"]
        if looks_like_a_secret_id(value):
            raise forms.ValidationError(
                "This is a GUID: the secret's ID, not its value. Enter the value, which is shown only when the secret "
                "is created; if it is not at hand, create a new secret under Certificates & secrets."
            )
        return value

    def clean(self) -> dict[str, Any]:
        """Check address and tenant against the cloud; a correction of the address is suggested, not made unseen."""
        values: dict[str, Any] = super().clean() or {}
        typed = values.get("environment_url", "")
        cloud = values.get("cloud") if "cloud" in self.fields else self.connection.cloud
        if typed and cloud:
            self._check_address(typed, cloud)
        tenant = values.get("tenant_id", "")
        if tenant:
            try:
                clouds.authority("commercial", tenant, "")
            except ConfigurationError as error:
                self.add_error("tenant_id", error.user_message)
        if self.errors:
            for name in set(SECRETS) & self.fields.keys():
                if self.data.get(name) or self.files.get(name):
                    self[name].help_text = ENTER_AGAIN_HINT
        return values

    def _check_address(self, typed: str, cloud: str) -> None:
        try:
            address = clouds.check_address(typed, cloud=cloud, loopback_allowed=settings.SANDBOX_ALLOWED)
        except ConfigurationError as error:
            self.add_error("environment_url", error.user_message)
            return
        if not address.suggested:
            self.cleaned_data["environment_url"] = address.url
        elif self.data.get("replace") == "yes":
            self.cleaned_data["environment_url"] = address.url
            data = self.data.copy() if isinstance(self.data, QueryDict) else dict(self.data)
            data["environment_url"] = address.url
            self.data = data
        elif self.data.get("replace") == "no":
            self.add_error(
                "environment_url",
                f"{typed} is kept in the field, but cannot be saved: an environment's address is https:// and the host "
                "alone. Correct it.",
            )
        else:
            self.suggestion = address.url
            self.add_error(
                "environment_url",
                f"An environment's address is https:// and the host alone. Replace {typed} with the suggested "
                f"{address.url}?",
            )
