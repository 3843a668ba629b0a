"""The steps of enabling, in their order; enabling runs them.

First what is only asked (consent, the address, the sign-in, administration mode), then what only an administrator may
make and is made only where it is missing, then the rules of organization and currency, then what the company needs
(business unit, team, role, row), then all requirements once more as the application itself, and the switch at last.
Nothing is written in the environment before the rules are known to be kept.
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
from connection_setup.checks import connection_test, judges
from connection_setup.checks import services as checks_services
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
"""What a step that asks is about: `Told.reason`."""


class Enabling:
    """What the steps work with: the settings, clients of the application and of an administrator, what was found.

    asks: whether somebody sits before a page who can be asked; a command cannot, so that it fails instead. `found` is
    plain data: it is kept from one step to the next, be they requests of a browser.
    """

    @sensitive_variables("secret")
    def __init__(
        self,
        company: Company,
        *,
        user: Any,
        values: Any = None,
        secret: str | None = None,
        asks: bool = False,
        with_defaults: bool = True,
        found: dict[str, Any] | None = None,
        signed_in: AdministratorSignIn | None = None,
    ) -> None:
        self.company, self.user, self.values, self.secret = company, user, values, secret
        self.asks, self.with_defaults, self.signed_in = asks, with_defaults, signed_in
        self.found: dict[str, Any] = found if found is not None else {}
        self.connection = state.connection_of(company)
        self.known, self.version = self.connection.pk, self.connection.changed_at
        if values is not None:
            settings.apply_settings(self.connection, values, secret)
        # Enabling makes the team and may take another organization, so it is tested as not enabled.
        self.connection.enabled = False

    # -- what was found so far ---------------------------------------------------------------------------------------

    @property
    def report(self) -> Report:
        """The checks made so far."""
        return Report(tuple(Check(**one) for one in self.found.get("checks", [])))

    @property
    def missing_objects(self) -> Check | None:
        """What only an administrator can mend, as the check that failed."""
        found = self.found.get("lacks")
        return Check(**found) if found else None

    @property
    def who(self) -> WhoAmI:
        """The application's user."""
        if "who" not in self.found:
            who = self.client.who_am_i()
            self.found["who"] = [str(who.user_id), str(who.business_unit_id), str(who.organization_id)]
        return WhoAmI(*(UUID(one) for one in self.found["who"]))

    @property
    def organization(self) -> Organization:
        """The organization behind the environment, as the step before found it."""
        row = self.found["organization"]
        currency = row["base_currency_id"]
        return Organization(UUID(row["id"]), row["name"], UUID(currency) if currency else None, row["base_currency"])

    def uuid(self, name: str) -> UUID:
        """An id that a step before found."""
        return UUID(self.found[name])

    # -- who acts ----------------------------------------------------------------------------------------------------

    @cached_property
    def client(self) -> Dataverse:
        """A client of the application. Raises SealBroken, ConfigurationError."""
        return clients.settings_client(self.connection, credentials.open_credential(self.connection), None)

    @cached_property
    def preparation(self) -> Preparation | None:
        """The administrator who signed in, where one did."""
        return Preparation(self.signed_in, self.connection) if self.signed_in is not None else None

    @property
    def reader(self) -> Any:
        """A client that can read: the application's, and before it has a user, the administrator's."""
        return self.preparation.client if self.missing_objects and self.preparation else self.client

    # -- judging -----------------------------------------------------------------------------------------------------

    @property
    def wanted(self) -> Expectations:
        """The company's side of the checks."""
        try:
            credential = credentials.open_credential(self.connection)
        except CannotDecrypt:
            credential = None
        return checks_services.wanted(self.connection, credential)

    def tell(self, check: Check) -> None:
        """Keep a check's result."""
        rows = [one for one in self.found.get("checks", []) if one["name"] != check.name]
        self.found["checks"] = [*rows, {**check.document(), "reason": check.reason}]

    def judge(self, check: Check) -> Result:
        """A check's result as the step's. Raises Stopped where it stands in the way."""
        self.tell(check)
        if check.state == "error":
            raise StepFailed(check)
        return Result(check.message, check.fix, "done" if check.state == "ok" else "attention")

    @contextmanager
    def explaining(self, place: str) -> Iterator[None]:
        """What Dataverse refuses inside stops the step, as the check that it belongs to."""
        try:
            yield
        except DataverseError as error:
            self.judge(judges.check_for_error(error, place, self.wanted, self.found.get("hint", "")))
        except CannotDecrypt as error:
            cause, fix = types.sentences(error.user_message)
            self.judge(Check(types.SIGN_IN, "error", cause, fix, error.reason))


def _together(*results: Result) -> Result:
    """Several results as one."""
    needs = any(one.state == "attention" for one in results)
    texts, fixes = (" ".join(filter(None, parts)) for parts in zip(*[(r.message, r.fix) for r in results], strict=True))
    return Result(texts, fixes, "attention" if needs else "done")


# -- what is asked ---------------------------------------------------------------------------------------------------


def _consent(work: Enabling) -> Result:
    if not consent.given(work.connection):
        if work.asks:
            return Result("Three permissions are asked for, once.", "Read them and accept.", "asks", CONSENT)
        consent.record(work.connection, by=consent.name_of(work.user))
    return Result(consent.sentence(work.connection))


def _address(work: Enabling) -> Result:
    if lacking := settings.missing(work.connection):
        work.judge(lacking)
    with work.explaining(types.ADDRESS):
        ping = work.client.ping()
    work.found["hint"] = judges.tenant_hint(ping, work.connection.tenant_id)
    return _together(work.judge(judges.address(ping)), work.judge(judges.clock(ping)))


def _sign_in(work: Enabling) -> Result:
    with work.explaining(types.SIGN_IN):
        work.client.drop_token()
        work.found.pop("who", None)
        # Where these are said the sign-in works; the next step says what does not.
        with suppress(NotAMember, AdministrationMode, EnvironmentDisabled):
            work.who  # noqa: B018 - asked for, and kept
    return work.judge(judges.signed_in(work.wanted))


def _mode(work: Enabling) -> Result:
    work.found.pop("lacks", None)
    with work.explaining(types.SIGN_IN):
        try:
            work.who  # noqa: B018 - asked for, and kept
        except NotAMember as error:
            check = judges.check_for_error(error, types.SIGN_IN, work.wanted, work.found.get("hint", ""))
            work.found["lacks"] = {**check.document(), "reason": check.reason}
    return work.judge(Check(judges.MODE, "ok", "The environment is not in administration mode."))


def _administrator(work: Enabling) -> Result:
    """Who signed in is needed only where something is lacking: anybody's sign-in may stand beside what is there."""
    lacks = work.missing_objects
    if lacks is None:
        with work.explaining(judges.USER):
            user = judges.find_user(work.client, work.who)
            solution = judges.find_solution(work.client)
        lacks = next((one for one in (user, solution) if one.state == "error"), None)
        if lacks is None:
            work.tell(user)
            work.tell(solution)
            work.found["there"] = {"user": user.document(), "solution": solution.document()}
            return Result("What only an administrator could make is there.", state="skipped")
        work.found["lacks"] = {**lacks.document(), "reason": lacks.reason}
    if work.preparation is not None:
        return preparing.ADMINISTRATOR.run(work.preparation)
    return _asked_for(work, lacks)


def _asked_for(work: Enabling, lacks: Check) -> Result:
    """That an administrator is needed. Raises Stopped where nobody can be asked."""
    if not work.asks:
        work.judge(lacks)
    return Result(
        lacks.message,
        "An administrator of the environment signs in once, so that it can be made.",
        "asks",
        ADMINISTRATOR,
    )


def _organization(work: Enabling) -> Result:
    with work.explaining(judges.ORGANIZATION):
        found = work.reader.organization()
        who = work.reader.who_am_i() if work.missing_objects else work.who
    work.found["organization"] = {
        "id": str(found.id), "name": found.name, "base_currency": found.base_currency_code,
        "base_currency_id": str(found.base_currency_id) if found.base_currency_id else "",
    }  # fmt: skip
    told = work.judge(judges.organization(found, who, work.wanted))
    with work.explaining(judges.VERSION):
        version = work.reader.version()
    return _together(told, work.judge(judges.version(version)))


def _currency(work: Enabling) -> Result:
    with work.explaining(judges.CURRENCY):
        check = judges.find_currency(work.reader, work.organization, work.wanted)
    return work.judge(check)


# -- what an administrator makes -------------------------------------------------------------------------------------

_THERE = {
    "solution": f"{SOLUTION} is installed.",
    "tables": "They come with the solution; the step Requirements reads them.",
    "role": "It comes with the solution.",
    "user": "The application has its user.",
}


def _prepared(step: Step[Preparation]) -> Step[Enabling]:
    """A step of preparing, taken by the administrator where something is lacking."""

    def run(work: Enabling) -> Result:
        lacks = work.missing_objects
        if work.preparation is None and lacks is not None:  # the sign-in was forgotten or is over
            return _asked_for(work, lacks)
        if work.preparation is None or "there" in work.found:
            seen = work.found.get("there", {}).get(step.name) or {"message": _THERE[step.name]}
            needs = seen.get("state") == "warning"
            return Result(seen["message"], seen.get("fix", ""), "attention" if needs else "skipped")
        found = step.run(work.preparation)
        if step.name == preparing.STEPS[-1].name:  # from here on the application works as its own user
            work.found.pop("lacks", None)
            work.found.pop("who", None)
        return found

    return Step(step.name, step.caption, run)


# -- what the company needs ------------------------------------------------------------------------------------------


def _unit(work: Enabling) -> Result:
    company, chosen = work.company, state.units_choice(work.connection)
    unit_id, unit = company_objects.business_unit(work.client, work.who, company.name, company.system_id, chosen)
    work.found |= {"unit": str(unit_id), "unit_name": unit}
    return Result(f"{unit}.")


def _team(work: Enabling) -> Result:
    unit = work.found["unit_name"]
    team = company_objects.owning_team(work.client, work.who, work.uuid("unit"), unit, work.company.system_id)
    work.found["team"] = str(team)
    return Result(f"{company_objects.team_name(unit)} owns new rows.")


def _team_role(work: Enabling) -> Result:
    company_objects.team_role(work.client, work.uuid("unit"), work.found["unit_name"], work.uuid("team"))
    return Result("The team has the role, so that it can own rows.")


def _row(work: Enabling) -> Result:
    company = work.company
    row = company_objects.company_row(work.client, work.who, company.name, company.system_id, work.uuid("team"))
    work.found["row"] = str(row)
    return Result(f"{company.name} has its row in tandem_company, with the owning team.")


def _requirements(work: Enabling) -> Result:
    made, who = work.connection, work.who
    made.business_unit_id, made.business_unit_name = work.uuid("unit"), work.found["unit_name"]
    made.owning_team_id = work.uuid("team")
    made.organization_id, made.organization_name = who.organization_id, work.organization.name
    made.enabled = True
    try:
        report, _ = connection_test.run(work.client, work.wanted)
    finally:
        made.enabled = False
    work.found["checks"] = [{**one.document(), "reason": one.reason} for one in report.checks]
    if report.failed:
        raise StepFailed(report.failed)
    count = len(report.checks)
    if not report.attention:
        return Result(f"All {count} checks are right.")
    first = next(one for one in report.checks if one.state == "warning")
    return Result(f"{count - report.attention} of {count} checks are right. {first.message}", first.fix, "attention")


# -- the switch ------------------------------------------------------------------------------------------------------


def _switch(work: Enabling) -> Result:
    """Switch it on, with what was found, and have the rooms above follow, in one transaction."""
    found, organization = work.found, work.organization
    with state.audited(work.user), transaction.atomic():
        stored = state.locked(work.company)
        if work.known and stored.changed_at != work.version:
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
            found["defaults"] = hooks.apply_default_setup(work.company, schedules=work.asks)
        hooks.run_enabled(work.company, work.user)
    state.keep_report(stored, work.report)
    work.connection = stored
    return Result(f"The connection to {organization.name} is enabled.")


def _defaults(work: Enabling) -> Result:
    if made := work.found.get("defaults"):
        return Result(made)
    if standing := hooks.standing_setup(work.company):
        return Result(f"{standing} Nothing of it was replaced.", state="skipped")
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
"""Steps that only ask: what fails in them is a check."""
PREPARED = frozenset({"administrator", *(step.name for step in preparing.STEPS[1:])})
"""Steps that an administrator takes where something is lacking."""
