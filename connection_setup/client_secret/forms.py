"""Form of Replace Client Secret."""

from typing import Any

from connection_setup.setup.forms import SettingsForm


class SecretForm(SettingsForm):
    """The new secret, and when it expires."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        shown = ("client_secret", "client_secret_expires_on")
        self.fields = {name: self.fields[name] for name in shown if name in self.fields}
        if secret := self.fields.get("client_secret"):
            secret.required = True
            secret.help_text = "The new secret's value. The one in use stays until this one works."
            self.initial["client_secret_expires_on"] = None
