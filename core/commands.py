"""What every command shares: --json, refusals and exit codes.

Exit 0: done, even with failed records; 1: refused or failed; 2: usage. With --json stdout carries JSON alone and
progress goes to stderr.
"""

import json
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID

from auditlog.context import set_actor
from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError, connection

from core.refusals import Explained, Refusal
from core.roles import Can, may

_MAY = {
    Can.READ: "look at",
    Can.PREVIEW: "try criteria out in",
    Can.OPERATE: "start jobs in",
    Can.MAP: "change mappings of",
    Can.ADMINISTER: "administer",
    Can.ADMINISTER_ALL: "administer",
}
"""What somebody may do with a company, as a sentence says it."""


class TandemCommand(BaseCommand):
    """Print JSON when asked. Subclasses fill `arguments` and `run`."""

    as_json = False
    acting: User | None = None
    """Whose rights count; None: all rights."""
    needs: Can = Can.ADMINISTER_ALL
    """What a person named by --user needs; where it depends on the action, see `needed`."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Return a parser that takes names before, between and behind the options: mapping show --company NAME
        CUSTOMER.
        """
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        parser.parse_args = parser.parse_intermixed_args  # type: ignore[method-assign]
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        """Add --json, then the command's own."""
        parser.add_argument("--json", action="store_true", dest="as_json", help="Print JSON for programs.")
        parser.add_argument(
            "--user", dest="acting", metavar="NAME", help="Act with the rights of this person, not with all rights."
        )
        self.arguments(parser)

    def arguments(self, parser: CommandParser) -> None:
        """Add the command's own arguments."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Run; turn a refusal into its document or sentence and exit code 1."""
        try:
            return super().execute(*args, **options)
        except (OperationalError, ProgrammingError) as error:
            if "django_migrations" in connection.introspection.table_names():
                raise
            refusal = Refusal("no_tables", "The database has no tables yet. Make them with: manage.py migrate")
            self._refused(refusal, options)
            raise SystemExit(1) from error
        except Refusal as refusal:
            self._refused(refusal, options)
            raise SystemExit(1) from None

    def _refused(self, refusal: Refusal, options: dict[str, Any]) -> None:
        if options.get("as_json"):
            self.print_json({"error": {"reason": refusal.reason, "message": refusal.message, "fix": refusal.fix}})
        else:
            self.stderr.write(refusal.user_message)

    def handle(self, *_: Any, **options: Any) -> None:
        """Note whether to print JSON and whose rights count, then do the work in that person's name."""
        self.as_json = options["as_json"]
        self.acting = self._person(options["acting"])
        with set_actor(self.acting) if self.acting else nullcontext():
            self.authorize_and_run(options)

    def authorize_and_run(self, options: dict[str, Any]) -> None:
        """Do the work, where the person may. Refusal where they may not."""
        self.authorize(self.needed(options))
        self.run(options)

    def needed(self, options: dict[str, Any]) -> Can:  # noqa: ARG002 - for commands that do several things
        """Return what the person needs for what the options ask for."""
        return self.needs

    def authorize(self, can: Can, company: Any = None) -> None:
        """Refuse where the person of --user may not do this in the company; without one, in all companies."""
        if self.acting is not None and not may(self.acting, can, company):
            everywhere = can is Can.ADMINISTER_ALL or company is None
            giver, where = ("An Administrator in all companies", "") if everywhere else (
                f"An Administrator of {company}", f' --company "{company}"'
            )  # fmt: skip
            role = "Administrator" if can in (Can.ADMINISTER, Can.ADMINISTER_ALL) else "ROLE"
            self.refuse(
                "not_permitted",
                f"{self.acting} may not {_MAY[can]} {'all companies' if everywhere else company}, so nothing was done.",
                f"{giver} can give a role that allows it, on the page People or by: "
                f"manage.py user {self.acting} --role {role}{where}",
            )

    def _person(self, name: str | None) -> User | None:
        if name is None:
            return None
        found = get_user_model().objects.filter(username=name, is_active=True).first()
        if found is None:
            self.refuse("unknown_user", f"There is no active person {name!r}.", "Check the name after --user.")
        return found

    def run(self, options: dict[str, Any]) -> None:
        """Do the command's work."""

    def refuse(self, reason: str, message: str, fix: str = "") -> NoReturn:
        """End with exit code 1: `reason` for programs, `message` (what and why) and `fix` (what next) for people."""
        raise Refusal(reason, message, fix)

    def refuse_for(self, error: Explained) -> NoReturn:
        """End with exit code 1, for the reason of an error that explains itself."""
        raise Refusal(error.reason, error.message, error.fix, detail=error.detail)

    def usage_error(self, message: str) -> NoReturn:
        """End with exit code 2: the arguments make no sense together."""
        raise CommandError(message, returncode=2)

    def print_json(self, content: Mapping[str, Any]) -> None:
        """Print one JSON document on stdout."""
        self.stdout.write(_json(content, indent=2))

    def print_json_lines(self, contents: Iterable[Mapping[str, Any]]) -> None:
        """Print one JSON object per line on stdout."""
        for content in contents:
            self.stdout.write(_json(content))

    def print_text(self, text: str) -> None:
        """Print a line for people; nothing with --json."""
        if not self.as_json:
            self.stdout.write(text)

    def print_progress(self, text: str) -> None:
        """Print a line about work under way, on stderr with --json."""
        if self.as_json:
            self.stderr.write(text, self.style.NOTICE)
        else:
            self.stdout.write(text)


def _json(content: Mapping[str, Any], indent: int | None = None) -> str:
    return json.dumps(content, indent=indent, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, UUID):
        return str(value)
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return str(value)
