"""What the steps of enabling work with: settings, clients, what was found so far, and the judging of checks."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from uuid import UUID

from django.views.decorators.debug import sensitive_variables

from connection_setup import types
from connection_setup.checks import batch, error_checks, judges
from connection_setup.checks import services as checks
from connection_setup.checks.batch import Answers
from connection_setup.connection import clients, settings, state
from connection_setup.models import AdministratorSignIn
from connection_setup.provisioning.client import Definer
from connection_setup.provisioning.preparation import Preparation
from connection_setup.provisioning.steps import Result, StepFailed
from connection_setup.secrets import credentials
from connection_setup.secrets.sealing import CannotDecrypt
from connection_setup.types import Check, Dataverse, Expectations, Report
from dataverse.errors import DataverseError
from dataverse.types import Organization, WhoAmI
from masterdata.models import Company


class Enabling:
    """What the steps work with: the settings, clients of the application and of an administrator, what was found.

    values, secret: settings to enable with instead of the stored ones. interactive: whether a person is asked on a
    page; a command asks nobody, so the step fails instead. in_job: nobody waits for an answer. `found` is plain data,
    stored from one step to the next, which may be separate requests of a browser.
    """

    @sensitive_variables("secret")
    def __init__(
        self,
        company: Company,
        *,
        user: Any,
        values: Mapping[str, Any] | None = None,
        secret: str | None = None,
        interactive: bool = False,
        with_defaults: bool = True,
        found: dict[str, Any] | None = None,
        signed_in: AdministratorSignIn | None = None,
        in_job: bool = False,
    ) -> None:
        self.company, self.user, self.values, self.secret = company, user, values, secret
        self.interactive, self.with_defaults, self.signed_in = interactive, with_defaults, signed_in
        self.in_job = in_job
        self.found: dict[str, Any] = found if found is not None else {}
        self.connection = state.connection_of(company)
        self.was_stored, self.version = self.connection.pk is not None, self.connection.changed_at
        if values is not None:
            settings.apply_settings(self.connection, values, secret)
        # Enabling makes the team and may take another organization, so it is tested as not enabled.
        self.connection.enabled = False

    # -- what was found so far ---------------------------------------------------------------------------------------

    @property
    def report(self) -> Report:
        """Return the checks made so far."""
        return Report(tuple(Check(**one) for one in self.found.get("checks", [])))

    @property
    def missing_objects(self) -> Check | None:
        """Return the check that failed because of objects that only an administrator can make; None without one."""
        found = self.found.get("missing")
        return Check(**found) if found else None

    @property
    def who(self) -> WhoAmI:
        """Return the application's user, asked for where no step has. Raises DataverseError."""
        if "who" not in self.found:
            self.ask_who()
        return WhoAmI(*(UUID(one) for one in self.found["who"]))

    @property
    def organization(self) -> Organization:
        """Return the organization behind the environment, as an earlier step found it."""
        row = self.found["organization"]
        currency = row["base_currency_id"]
        return Organization(UUID(row["id"]), row["name"], UUID(currency) if currency else None, row["base_currency"])

    def found_id(self, name: str) -> UUID:
        """Return an id that an earlier step found."""
        return UUID(self.found[name])

    # -- who acts ----------------------------------------------------------------------------------------------------

    @cached_property
    def client(self) -> Dataverse:
        """Return a client of the application. Raises CannotDecrypt, ConfigurationError."""
        return clients.settings_client(self.connection, credentials.open_credential(self.connection), None)

    @cached_property
    def preparation(self) -> Preparation | None:
        """Return what an administrator's steps work with; None where nobody signed in."""
        if self.signed_in is None:
            return None
        memory = self.found.setdefault("preparation", {})
        return Preparation(self.signed_in, self.connection, memory, patient=self.in_job)

    @property
    def reader(self) -> Dataverse | Definer:
        """Return a client that can read: the application's, and before it has a user, the administrator's."""
        return self.preparation.client if self.missing_objects and self.preparation else self.client

    def ask_who(self) -> None:
        """Ask as whom the application is signed in, and store it with what was found. Raises DataverseError."""
        who = self.client.who_am_i()
        self.found["who"] = [str(who.user_id), str(who.business_unit_id), str(who.organization_id)]

    def ask(self, *names: str) -> Answers:
        """Ask in one batch what these checks need. Raises StepFailed where the request as a whole is refused."""
        with self.errors_as_checks(names[0]):
            who = self.reader.who_am_i() if self.missing_objects else self.who
            return batch.ask(self.reader, who, self.expected, only=judges.parts_of(*names))

    # -- judging -----------------------------------------------------------------------------------------------------

    @property
    def expected(self) -> Expectations:
        """Return what the checks expect of the environment."""
        try:
            credential = credentials.open_credential(self.connection)
        except CannotDecrypt:
            credential = None
        return checks.expectations(self.connection, credential)

    def record_check(self, check: Check) -> None:
        """Add a check to those found; it replaces an earlier one of its name."""
        rows = [one for one in self.found.get("checks", []) if one["name"] != check.name]
        self.found["checks"] = [*rows, {**check.document(), "reason": check.reason}]

    def judge(self, check: Check) -> Result:
        """Record a check and return it as the result of the step. Raises StepFailed when it is an error."""
        self.record_check(check)
        if check.state == "error":
            raise StepFailed(check)
        return Result(check.message, check.fix, "done" if check.state == "ok" else "attention")

    def check(self, name: str, answers: Answers) -> Check:
        """Return a check, judged by its answers. Raises StepFailed where what it needs was refused."""
        with self.errors_as_checks(name, part=True):
            (found,) = judges.JUDGES[name].judge(answers, self.expected)
        return found

    @contextmanager
    def errors_as_checks(self, place: str, *, part: bool = False) -> Iterator[None]:
        """Turn an error of Dataverse inside into StepFailed, with the check it belongs to.

        part: it is about a part that was refused after the environment let the application in.
        """
        check_for = error_checks.check_for_refused_part if part else error_checks.check_for_error
        try:
            yield
        except DataverseError as error:
            self.judge(check_for(error, place, self.expected, self.found.get("hint", "")))
        except CannotDecrypt as error:
            self.judge(Check.for_error(types.SIGN_IN, error))
