"""manage.py user NAME --role Operator [--password-file F]: who may sign in, and what they may do."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandParser

from accounts.people import save_user
from core.commands import TandemCommand
from core.roles import Role


class Command(TandemCommand):
    """Create a person who may sign in, or change their role or password."""

    help = "Create a person who may sign in, or change their role or password."

    def arguments(self, parser: CommandParser) -> None:
        """Add the name, the role, the password's file."""
        parser.add_argument("name", metavar="NAME", help="What the person signs in with.")
        parser.add_argument("--role", required=True, choices=[role.value for role in Role])
        parser.add_argument(
            "--password-file",
            type=Path,
            metavar="F",
            help="A file with the password. Without it a new person gets one that is printed once, "
            "a known one keeps theirs.",
        )

    def run(self, options: dict[str, Any]) -> None:
        """Save the person and print what they sign in with."""
        password = self._password(options["password_file"])
        try:
            user, created, made = save_user(name=options["name"], role=Role(options["role"]), password=password)
        except ValidationError as error:
            self.refuse("invalid", f"{' '.join(error.messages)} Nothing was changed.")
        if self.as_json:
            self.print_json(
                {"user": user.username, "role": options["role"], "created": created, "password": made or None}
            )
            return
        self.print_text(f"{user.username} {'is now' if not created else 'was created as'} {options['role']}.")
        if made:
            self.print_text(f"Password (shown only now): {made}")

    def _password(self, path: Path | None) -> str | None:
        if path is None:
            return None
        try:
            password = path.read_text(encoding="utf-8").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            self.refuse("unreadable_file", f"The password file {path} cannot be read: {why}.")
        if not password:
            self.refuse("invalid", f"The password file {path} is empty.", "Write the password into it.")
        return password
