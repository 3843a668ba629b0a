"""The steps of enabling, in their order; run and services take them.

First what is only read (consent, the address, the sign-in, administration mode), then whether objects are missing that
only an administrator may make, then the rules of organization and currency, then those objects, then those of the
company (business unit, team, role, row), then all requirements once more as the application itself, and at last the
switch. Nothing is written in the environment before the rules are known to be kept.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from connection_setup import hooks, types
from connection_setup.checks import batch, connection_test, judges
from connection_setup.checks import services as checks
from connection_setup.checks.batch import Answers
from connection_setup.connection import clients, settings, state
from connection_setup.models import AdministratorSignIn
from connection_setup.provisioning import company_objects, consent, sign_in
from connection_setup.provisioning import preparation as preparing
from connection_setup.provisioning.preparation import Preparation
from connection_setup.provisioning.steps import Result, Step, StepFailed
from connection_setup.secrets import credentials
from connection_setup.secrets.sealing import CannotDecrypt
from connection_setup.types import SOLUTION, Check, Dataverse, Expectations, Report
from core.refusals import Refusal
from dataverse.errors import AdministrationMode, DataverseError, EnvironmentDisabled, NotAMember
from dataverse.types import Organization, WhoAmI
from masterdata.models import Company

CONSENT, ADMINISTRATOR = "consent", "administrator"
"""What a step waits for: the reason of its report."""


class Enabling:
    """What the steps work with: the settings, clients of the application and of an administrator, what was found.

    values, secret: settings to enable with instead of the stored ones. interactive: whether a person is asked on a
    page; a command asks nobody, so the step fails instead. `found` is plain data, stored from one step to the next,
    which may be separate requests of a browser.
    """

    @sensitive_variables("secret")
    def __init__(
        self,
        company: Company,
        *,
        user: Any,
        values: Any = None,
        secret: str | None = None,
        interactive: bool = False,
        with_defaults: bool = True,
        found: dict[str, Any] | None = None,
        signed_in: AdministratorSignIn | None = None,
    ) -> None:
        self.company, self.user, self.values, self.secret = company, user, values, secret
        self.interactive, self.with_defaults, self.signed_in = interactive, with_defaults, signed_in
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
        """Return the application's user, asked for once. Raises DataverseError."""
        if "who" not in self.found:
            who = self.client.who_am_i()
            self.found["who"] = [str(who.user_id), str(who.business_unit_id), str(who.organization_id)]
        return WhoAmI(*(UUID(one) for one in self.found["who"]))

    @property
    def organization(self) -> Organization:
        """Return the organization behind the environment, as an earlier step found it."""
        row = self.found["organization"]
        currency = row["base_currency_id"]
        return Organization(UUID(row["id"]), row["name"], UUID(currency) if currency else None, row["base_currency"])

    def uuid(self, name: str) -> UUID:
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
        return Preparation(self.signed_in, self.connection) if self.signed_in is not None else None

    @property
    def reader(self) -> Any:
        """Return a client that can read: the application's, and before it has a user, the administrator's."""
        return self.preparation.client if self.missing_objects and self.preparation else self.client

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
        check_for = judges.check_for_refused_part if part else judges.check_for_error
        try:
            yield
        except DataverseError as error:
            self.judge(check_for(error, place, self.expected, self.found.get("hint", "")))
        except CannotDecrypt as error:
            self.judge(Check.for_error(types.SIGN_IN, error))


def _together(*results: Result) -> Result:
    """Return several results as one."""
    needs = any(one.state == "attention" for one in results)
    texts, fixes = (" ".join(filter(None, parts)) for parts in zip(*[(r.message, r.fix) for r in results], strict=True))
    return Result(texts, fixes, "attention" if needs else "done")


# -- what is read ----------------------------------------------------------------------------------------------------


def _consent(work: Enabling) -> Result:
    if not consent.is_given(work.connection):
        if work.interactive:
            return Result("Three permissions are asked for, once.", "Read them and accept.", "waiting", CONSENT)
        consent.record(work.connection, by=consent.user_name(work.user))
    return Result(consent.summary(work.connection))


def _address(work: Enabling) -> Result:
    if incomplete := settings.missing_settings(work.connection):
        work.judge(incomplete)
    with work.errors_as_checks(types.ADDRESS):
        ping = work.client.ping()
    work.found["hint"] = judges.tenant_hint(ping, work.connection.tenant_id)
    return _together(work.judge(judges.address(ping)), work.judge(judges.clock(ping)))


def _sign_in(work: Enabling) -> Result:
    with work.errors_as_checks(types.SIGN_IN):
        work.client.drop_token()
        work.found.pop("who", None)
        # With these errors the sign-in works; the next step says what does not.
        with suppress(NotAMember, AdministrationMode, EnvironmentDisabled):
            work.who  # noqa: B018 - read, and stored
    return work.judge(judges.signed_in(work.expected))


def _mode(work: Enabling) -> Result:
    work.found.pop("missing", None)
    with work.errors_as_checks(types.SIGN_IN):
        try:
            work.who  # noqa: B018 - read, and stored
        except NotAMember as error:
            check = judges.check_for_error(error, types.SIGN_IN, work.expected, work.found.get("hint", ""))
            work.found["missing"] = {**check.document(), "reason": check.reason}
    return work.judge(Check(judges.MODE, "ok", "The environment is not in administration mode."))


def _administrator(work: Enabling) -> Result:
    """Ask for an administrator only where something is missing; a sign-in of anybody else then does no harm."""
    missing = work.missing_objects
    if missing is None:
        answers = work.ask(judges.USER, judges.SOLUTION_CHECK)
        user, solution = work.check(judges.USER, answers), work.check(judges.SOLUTION_CHECK, answers)
        missing = next((one for one in (user, solution) if one.state == "error"), None)
        if missing is None:
            work.record_check(user)
            work.record_check(solution)
            work.found["there"] = {"user": user.document(), "solution": solution.document()}
            return Result("What only an administrator could make is there.", state="skipped")
        work.found["missing"] = {**missing.document(), "reason": missing.reason}
    if work.preparation is not None:
        return preparing.ADMINISTRATOR.run(work.preparation)
    return _wait_for_administrator(work, missing)


def _wait_for_administrator(work: Enabling, missing: Check) -> Result:
    """Return that an administrator is needed. Raises StepFailed where nobody can be asked."""
    if not work.interactive:
        work.judge(missing)
    return Result(
        missing.message,
        "An administrator of the environment signs in once, so that it can be made.",
        "waiting",
        ADMINISTRATOR,
    )


def _organization(work: Enabling) -> Result:
    answers = work.ask(judges.ORGANIZATION, judges.VERSION)
    same = work.judge(work.check(judges.ORGANIZATION, answers))
    found = answers.organization()
    work.found["organization"] = {
        "id": str(found.id), "name": found.name, "base_currency": found.base_currency_code,
        "base_currency_id": str(found.base_currency_id) if found.base_currency_id else "",
    }  # fmt: skip
    return _together(same, work.judge(work.check(judges.VERSION, answers)))


def _currency(work: Enabling) -> Result:
    return work.judge(work.check(judges.CURRENCY, work.ask(judges.CURRENCY)))


# -- what an administrator makes -------------------------------------------------------------------------------------

_THERE = {
    "solution": f"{SOLUTION} is installed.",
    "tables": "They come with the solution; the step Requirements reads them.",
    "role": "It comes with the solution.",
    "user": "The application has its user.",
}


def _prepared(step: Step[Preparation]) -> Step[Enabling]:
    """Return a step of preparing as one of enabling: taken by the administrator where something is missing."""

    def run(work: Enabling) -> Result:
        missing = work.missing_objects
        if work.preparation is None and missing is not None:  # the sign-in was dropped or is over
            return _wait_for_administrator(work, missing)
        if work.preparation is None or "there" in work.found:
            check = work.found.get("there", {}).get(step.name) or {"message": _THERE[step.name]}
            warns = check.get("state") == "warning"
            return Result(check["message"], check.get("fix", ""), "attention" if warns else "skipped")
        found = step.run(work.preparation)
        if step.name == preparing.STEPS[-1].name:  # from here on the application works as its own user
            work.found.pop("missing", None)
            work.found.pop("who", None)
        return found

    return Step(step.name, step.caption, run)


# -- what the company needs ------------------------------------------------------------------------------------------


def _unit(work: Enabling) -> Result:
    company, chosen = work.company, state.chosen_business_unit(work.connection)
    unit_id, unit = company_objects.ensure_business_unit(work.client, work.who, company.name, company.system_id, chosen)
    work.found |= {"unit": str(unit_id), "unit_name": unit}
    return Result(f"{unit}.")


def _team(work: Enabling) -> Result:
    unit = work.found["unit_name"]
    team = company_objects.ensure_owning_team(work.client, work.who, work.uuid("unit"), unit, work.company.system_id)
    work.found["team"] = str(team)
    return Result(f"{company_objects.team_name(unit)} owns new rows.")


def _team_role(work: Enabling) -> Result:
    company_objects.ensure_team_role(work.client, work.uuid("unit"), work.found["unit_name"], work.uuid("team"))
    return Result("The team has the role, so that it can own rows.")


def _row(work: Enabling) -> Result:
    company = work.company
    row = company_objects.ensure_company_row(work.client, work.who, company.name, company.system_id, work.uuid("team"))
    work.found["row"] = str(row)
    return Result(f"{company.name} has its row in tandem_company, with the owning team.")


def _requirements(work: Enabling) -> Result:
    made, who = work.connection, work.who
    made.business_unit_id, made.business_unit_name = work.uuid("unit"), work.found["unit_name"]
    made.owning_team_id = work.uuid("team")
    made.organization_id, made.organization_name = who.organization_id, work.organization.name
    made.enabled = True
    try:
        report = connection_test.run_checks(work.client, work.expected)
    finally:
        made.enabled = False
    work.found["checks"] = [{**one.document(), "reason": one.reason} for one in report.checks]
    if report.failed:
        raise StepFailed(report.failed)
    count = len(report.checks)
    if not report.attention_count:
        return Result(f"All {count} checks are right.")
    first = next(one for one in report.checks if one.state == "warning")
    right = count - report.attention_count
    return Result(f"{right} of {count} checks are right. {first.message}", first.fix, "attention")


# -- the switch ------------------------------------------------------------------------------------------------------


def _switch(work: Enabling) -> Result:
    """Enable the connection with what was found, and call the hooks of the rooms above, in one transaction."""
    found, organization = work.found, work.organization
    with state.audit_as(work.user), transaction.atomic():
        stored = state.lock_connection(work.company)
        if work.was_stored and stored.changed_at != work.version:
            raise Refusal(
                "configuration",
                "The settings were changed meanwhile.",
                "Look at them, then enable again.",
            )
        if work.values is not None:
            settings.apply_settings(stored, work.values, work.secret)
        for name in ("consented_at", "consented_by", "consented_for"):
            setattr(stored, name, getattr(work.connection, name))
        stored.enabled, stored.disable_reason = True, ""
        stored.enabled_at = stored.enabled_at or timezone.now()
        stored.business_unit_id, stored.business_unit_name = work.uuid("unit"), found["unit_name"]
        stored.owning_team_id, stored.company_row_id = work.uuid("team"), work.uuid("row")
        stored.integration_user_id, stored.organization_id = work.who.user_id, work.who.organization_id
        stored.organization_name = organization.name
        stored.base_currency_id, stored.base_currency_code = (
            organization.base_currency_id, organization.base_currency_code,
        )  # fmt: skip
        stored.changed_at = timezone.now()
        stored.save()
        sign_in.drop_preparations(work.company)
        if work.with_defaults:
            found["defaults"] = hooks.apply_default_setup(work.company, schedules=work.interactive)
        hooks.run_enabled(work.company, work.user)
    state.store_report(stored, work.report)
    work.connection = stored
    return Result(f"The connection to {organization.name} is enabled.")


def _defaults(work: Enabling) -> Result:
    if made := work.found.get("defaults"):
        return Result(made)
    if existing := hooks.describe_setup(work.company):
        return Result(f"{existing} Nothing of it was replaced.", state="skipped")
    return Result("Nothing is set up yet. Dataverse Connection Setup asks whether to use the default.", state="skipped")


STEPS: tuple[Step[Enabling], ...] = (
    Step("consent", "Consent", _consent),
    Step("address", "Address and clock", _address),
    Step("sign-in", types.SIGN_IN, _sign_in),
    Step("mode", judges.MODE, _mode),
    Step("administrator", "Administrator", _administrator),
    Step("organization", "Organization and version", _organization),
    Step("currency", "Currency", _currency),
    *(_prepared(step) for step in preparing.STEPS[1:]),
    Step("unit", "Business unit", _unit),
    Step("team", "Owning team", _team),
    Step("team role", "Role of the owning team", _team_role),
    Step("row", "Company", _row),
    Step("requirements", "Requirements", _requirements),
    Step("switch", "Enabled", _switch),
    Step("defaults", "Default mappings and schedules", _defaults),
)
RULES = frozenset(
    {"consent", "address", "sign-in", "mode", "administrator", "organization", "currency", "requirements"}
)
"""Steps that only read: what fails in them is a check."""
PREPARED = frozenset({"administrator", *(step.name for step in preparing.STEPS[1:])})
"""Steps that an administrator takes where something is missing."""
