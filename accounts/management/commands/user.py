"""manage.py user NAME --role Operator [--company NAME] [--password-file F]: who may sign in, and what they may do."""

from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandParser

from accounts import decisions, roles
from accounts.people import find_person, save_user
from core.commands import TandemCommand
from core.roles import Can, Held, Role
from masterdata.commands import company_named
from masterdata.models import Company


class Command(TandemCommand):
    """Create a person who may sign in, or change their role or password."""

    help = "Create a person who may sign in, or change their role or password."
    company: Company | None = None

    def arguments(self, parser: CommandParser) -> None:
        """Add the name, the role, the password's file."""
        parser.add_argument("name", metavar="NAME", help="What the person signs in with.")
        parser.add_argument("--role", required=True, choices=[role.value for role in Role])
        parser.add_argument(
            "--company",
            metavar="NAME",
            help="Where the role counts; without it in all companies, alone.",
        )
        parser.add_argument(
            "--password-file",
            type=Path,
            metavar="F",
            help="A file with the password. Without it a new person gets one that is printed once, "
            "a known one keeps theirs.",
        )
        parser.add_argument(
            "--e-mail", metavar="ADDRESS", help="Where a link goes by which the person sets a new password."
        )

    def authorize_and_run(self, options: dict[str, Any]) -> None:
        """Do the work where the person may: who administers one company gives roles in it, and nothing else."""
        self.company = company_named(options["company"], self.acting) if options["company"] else None
        person = find_person(options["name"])
        role_alone = options["password_file"] is None and options["e_mail"] is None and person and person.is_active
        if self.company and role_alone:
            self.authorize(Can.ADMINISTER, self.company)
        else:
            self.authorize(Can.ADMINISTER_ALL)
        self.run(options)

    def run(self, options: dict[str, Any]) -> None:
        """Save the person and print what they sign in with."""
        password = self._password(options["password_file"])
        before = self._roles(options["name"])
        try:
            user, created, made = save_user(
                name=options["name"], role=Role(options["role"]), password=password, company=self.company,
                e_mail=options["e_mail"], by=self.acting,
            )  # fmt: skip
        except ValidationError as error:
            self.refuse("invalid", f"{' '.join(error.messages)} Nothing was changed.")
        where = self.company.slug if self.company else None
        taken = sorted(one for one in before - self._roles(user.username) if one.company != where)
        names = dict(Company.objects.values_list("slug", "name"))
        lost = [decisions.describe_role(one, names) for one in taken]
        if self.as_json:
            document = {"user": user.username, "role": options["role"], "created": created, "password": made or None}
            more = {"company": self.company.name} if self.company else {}
            self.print_json(document | more | ({"taken": lost} if lost else {}))
            return
        role = f"{options['role']}{f' in {self.company}' if self.company else ''}"
        self.print_text(f"{user.username} {'is now' if not created else 'was created as'} {role}.")
        if lost:
            self.print_text(f"No longer: {', '.join(lost)}.")
        if made:
            self.print_text(f"Password (shown only now): {made}")

    def _roles(self, name: str) -> frozenset[Held]:
        person = find_person(name)
        return roles.stored_roles(person) if person else frozenset()

    def _password(self, path: Path | None) -> str | None:
        if path is None:
            return None
        try:
            password = path.read_text(encoding="utf-8-sig").strip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not text"
            self.refuse("unreadable_file", f"The password file {path} cannot be read: {why}.")
        if not password:
            self.refuse("invalid", f"The password file {path} is empty.", "Write the password into it.")
        return password
