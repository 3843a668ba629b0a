"""manage.py rotate_keys."""

from typing import Any

from connection_setup import sealed, services
from masterdata.commands import TandemCommand


class Command(TandemCommand):
    """Seal every stored secret with the first of FIELD_ENCRYPTION_KEYS, so that older keys can be dropped."""

    help = "Seal every stored secret with the first of FIELD_ENCRYPTION_KEYS, so that older keys can be dropped."

    def run(self, options: dict[str, Any]) -> None:  # noqa: ARG002 - the command's shape
        """Do it; all or none."""
        try:
            changed = services.rotate_keys()
        except sealed.SealBroken as broken:
            self.refuse("configuration", broken.user_message)
        if self.as_json:
            self.document({"secrets": changed})
        self.say(f"{changed} stored {'secret is' if changed == 1 else 'secrets are'} sealed with the newest key.")
