"""`manage.py rotate_keys`."""

from typing import Any

from connection_setup.encryption import services as encryption
from core.commands import TandemCommand


class Command(TandemCommand):
    """Encrypt every stored secret with the newest key, so that older keys can be removed."""

    help = "Encrypt every stored secret with the newest key (the first of FIELD_ENCRYPTION_KEYS where that is set)."

    def run(self, options: dict[str, Any]) -> None:  # noqa: ARG002 - the command's shape
        """Encrypt all secrets, or none."""
        changed = encryption.rotate(user=self.acting).resealed
        if self.as_json:
            self.print_json({"secrets": changed})
        stored = "secret is" if changed == 1 else "secrets are"
        self.print_text(f"{changed} stored {stored} encrypted with the newest key.")
