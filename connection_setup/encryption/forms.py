"""Form of Enable Encryption and Change Encryption Key."""

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.views.decorators.debug import sensitive_variables

from connection_setup.encryption.services import MAX_FILE_BYTES, parse_key


class KeyForm(forms.Form):
    """An encryption key: made here unless one is given. It is written, never shown."""

    key = forms.CharField(
        label="Encryption Key",
        required=False,
        max_length=200,
        help_text="Leave this empty to have a key made, or paste one of your own: 44 characters that end with =.",
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    key_file = forms.FileField(
        label="Key File",
        required=False,
        help_text="Or choose the file that holds the key.",
        widget=forms.FileInput(attrs={"accept": ".txt,.key,text/plain"}),
    )

    @sensitive_variables()
    def given_key(self) -> str:
        """Return the key that was pasted, or that of the file; "" without one. Raises Refusal."""
        pasted: str = self.cleaned_data["key"]
        return pasted or _read_key(self.cleaned_data["key_file"])


@sensitive_variables()
def _read_key(file: "UploadedFile[bytes] | None") -> str:
    """Return the key in an uploaded file, "" without one. Raises Refusal."""
    if not file:
        return ""
    raw = file.read(MAX_FILE_BYTES + 1)
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = ""
    return parse_key(text if len(raw) <= MAX_FILE_BYTES else "")
