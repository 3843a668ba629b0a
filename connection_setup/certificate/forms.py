"""Form of Use Certificate Authentication."""

import uuid

from django import forms


class CertificateForm(forms.Form):
    """A certificate to change to: made here unless a file is chosen."""

    certificate_file = forms.FileField(
        label="Certificate",
        required=False,
        help_text="Leave this empty to have a key and a certificate made here, or choose a PEM or PFX file with both.",
        widget=forms.FileInput(attrs={"accept": ".pem,.crt,.cer,.key,.pfx,.p12"}),
    )
    client_id = forms.CharField(
        label="Client ID",
        max_length=60,
        required=False,
        help_text="Leave this empty to keep the application. Another application gets its own user in Dataverse.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def clean_client_id(self) -> str:
        """Return the id as a GUID in its usual form, or ""."""
        value: str = self.cleaned_data["client_id"]
        try:
            return str(uuid.UUID(value)) if value else ""
        except ValueError:
            raise forms.ValidationError("The Client ID is a GUID: the Application (client) ID.") from None
