"""The steps of enabling, in their order; run and services take them.

First what is only read (consent, the address, the sign-in, administration mode), then whether objects are missing that
only an administrator may make, then the rules of organization and currency, then those objects, then those of the
company (business unit, team, role, row), then all requirements once more as the application itself, and at last the
switch. Nothing is written in the environment before the rules are known to be kept.
"""

from contextlib import suppress

from django.db import transaction
from django.utils import timezone

from connection_setup import hooks, types
from connection_setup.checks import connection_test, error_checks, judges
from connection_setup.connection import organization, settings, state
from connection_setup.enabling.work import Enabling
from connection_setup.provisioning import company_objects, consent, sign_in
from connection_setup.provisioning import preparation as preparing
from connection_setup.provisioning.preparation import Preparation
from connection_setup.provisioning.steps import ADMINISTRATOR as ADMINISTRATOR
from connection_setup.provisioning.steps import SIGN_IN_OVER, Result, Step, StepFailed
from connection_setup.types import SOLUTION, Check
from core.refusals import Refusal
from dataverse.errors import AdministrationMode, EnvironmentDisabled, NotAMember

CONSENT = "consent"
"""What a step waits for, beside ADMINISTRATOR: the reason of its report."""


def _together(*results: Result) -> Result:
    """Return several results as one."""
    needs = any(one.state == "attention" for one in results)
    texts, fixes = (" ".join(filter(None, parts)) for parts in zip(*[(r.message, r.fix) for r in results], strict=True))
    return Result(texts, fixes, "attention" if needs else "done")


# -- what is read ----------------------------------------------------------------------------------------------------


def _consent(work: Enabling) -> Result:
    # Nobody is asked to consent before the fields are there that it is about.
    asks = work.interactive and not consent.is_given(work.connection)
    if asks and (incomplete := settings.missing_settings(work.connection)):
        work.judge(incomplete)
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
    work.found["hint"] = error_checks.tenant_hint(ping, work.connection.tenant_id)
    return _together(work.judge(judges.address(ping)), work.judge(judges.clock(ping)))


def _sign_in(work: Enabling) -> Result:
    with work.errors_as_checks(types.SIGN_IN):
        work.client.drop_token()
        work.found.pop("who", None)
        # With these errors the sign-in works; the next step says what does not.
        with suppress(NotAMember, AdministrationMode, EnvironmentDisabled):
            work.ask_who()
    return work.judge(judges.signed_in(work.expected))


def _mode(work: Enabling) -> Result:
    work.found.pop("missing", None)
    with work.errors_as_checks(types.SIGN_IN):
        try:
            if "who" not in work.found:
                work.ask_who()
        except NotAMember as error:
            check = error_checks.check_for_error(error, types.SIGN_IN, work.expected, work.found.get("hint", ""))
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
    with work.errors_as_checks(judges.ORGANIZATION, part=True):
        found = answers.organization()
    if work.values is None:
        organization.record_answer(work.connection, answers.who.organization_id, lambda: found.name)
    same = work.judge(work.check(judges.ORGANIZATION, answers))
    work.found["organization"] = {
        "id": str(found.id), "name": found.name, "base_currency": found.base_currency_code,
        "base_currency_id": str(found.base_currency_id) if found.base_currency_id else "",
    }  # fmt: skip
    return _together(same, work.judge(work.check(judges.VERSION, answers)))


def _currency(work: Enabling) -> Result:
    return work.judge(work.check(judges.CURRENCY, work.ask(judges.CURRENCY)))


# -- what an administrator makes -------------------------------------------------------------------------------------

_THERE = {
    "customizations": "Nothing has to be customized.",
    "solution": f"{SOLUTION} is installed.",
    "tables": "They come with the solution; the step Requirements reads them.",
    "role": "It comes with the solution.",
    "user": "The application has its user.",
    "check": "Nothing was made.",
    "self-test": "The step Requirements asks the same.",
}


def _prepared(step: Step[Preparation]) -> Step[Enabling]:
    """Return a step of preparing as one of enabling: taken by the administrator where something is missing."""

    def run(work: Enabling) -> Result:
        missing = work.missing_objects
        if work.preparation is None and missing is not None:  # the sign-in was dropped or is over
            if "preparation" in work.found:
                return Result(*SIGN_IN_OVER, "waiting", ADMINISTRATOR)
            return _wait_for_administrator(work, missing)
        if work.preparation is None or "there" in work.found:
            check = work.found.get("there", {}).get(step.name) or {"message": _THERE[step.name]}
            warns = check.get("state") == "warning"
            return Result(check["message"], check.get("fix", ""), "attention" if warns else "skipped")
        found = step.run(work.preparation)
        if step.name == preparing.USER:  # from here on the application works as its own user
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
    team = company_objects.ensure_owning_team(
        work.client, work.who, work.found_id("unit"), unit, work.company.system_id
    )
    work.found["team"] = str(team)
    return Result(f"{company_objects.team_name(unit)} owns new rows.")


def _team_role(work: Enabling) -> Result:
    company_objects.ensure_team_role(work.client, work.found_id("unit"), work.found["unit_name"], work.found_id("team"))
    return Result("The team has the role, so that it can own rows.")


def _row(work: Enabling) -> Result:
    company = work.company
    row = company_objects.ensure_company_row(
        work.client, work.who, company.name, company.system_id, work.found_id("team")
    )
    work.found["row"] = str(row)
    return Result(f"{company.name} has its row in tandem_company, with the owning team.")


def _requirements(work: Enabling) -> Result:
    made, who = work.connection, work.who
    made.business_unit_id, made.business_unit_name = work.found_id("unit"), work.found["unit_name"]
    made.owning_team_id = work.found_id("team")
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
    found, own = work.found, work.organization
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
        stored.business_unit_id, stored.business_unit_name = work.found_id("unit"), found["unit_name"]
        stored.owning_team_id, stored.company_row_id = work.found_id("team"), work.found_id("row")
        stored.integration_user_id = work.who.user_id
        moved = stored.organization_id not in (None, work.who.organization_id)
        organization.belong_to(stored, organization.KnownOrganization(work.who.organization_id, own.name))
        stored.base_currency_id, stored.base_currency_code = (
            own.base_currency_id, own.base_currency_code,
        )  # fmt: skip
        stored.changed_at = timezone.now()
        stored.save()
        sign_in.drop_preparations(work.company)
        if moved:
            hooks.run_moved(work.company, work.user)
        if work.with_defaults:
            found["defaults"] = hooks.apply_default_setup(work.company, schedules=True)
        hooks.run_enabled(work.company, work.user)
    state.store_report(stored, work.report)
    work.connection = stored
    return Result(f"The connection to {own.name} is enabled.")


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
BY_JOB = PREPARED - {"administrator"}
"""Steps that make something with an administrator's sign-in, which takes minutes: a job takes them."""
