"""Test Connection: all checks in three requests.

`run` asks whether the environment answers and lets the application in, then all else at once (asking). A check that
needs a failed one is left out instead of failing too; one part that is refused leaves the others as they are.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

from connection_setup import types
from connection_setup.checks import batch, judges, privileges
from connection_setup.checks.batch import Answers
from connection_setup.provisioning.company_objects import is_own
from connection_setup.types import Check, Dataverse, Expectations, Findings, Report
from dataverse import odata
from dataverse.errors import DataverseError, Kind
from dataverse.types import WhoAmI


def run(client: Dataverse, wanted: Expectations) -> tuple[Report, Findings]:
    """Make all checks, in three requests. Raises nothing: a DataverseError becomes the check it belongs to.

    What answers at all is asked the rest at once, and one part that is refused leaves the others as they are.
    """
    made: list[Check] = []
    findings = Findings()
    place, hint = types.ADDRESS, ""
    try:
        ping = client.ping()
        hint = judges.tenant_hint(ping, wanted.tenant_id)
        made += [judges.address(ping), judges.clock(ping)]
        place = types.SIGN_IN
        who = client.who_am_i()
        made += [
            judges.signed_in(wanted),
            Check(judges.MODE, "ok", "The environment is not in administration mode."),
        ]
        findings = Findings(who)
        place = judges.ORGANIZATION
        answers = batch.ask(client, who, wanted)
    except DataverseError as error:
        return Report(tuple(judges.after(made, judges.check_for_error(error, place, wanted, hint)))), findings
    for place, judge in _JUDGES:
        try:
            if (judged := judge(answers, who, wanted)) is None:
                continue
            made += judged if isinstance(judged, list) else [judged]
        except DataverseError as error:
            failed = judges.check_for_error(error, place, wanted, hint)
            # The environment answers and lets the user in: what is refused now is refused where it is needed.
            made.append(failed if error.kind is Kind.THROTTLED else replace(failed, name=place))
        if place == judges.ORGANIZATION and made[-1].name == judges.ORGANIZATION:
            with suppress(DataverseError):
                findings = Findings(who, answers.organization())
    return Report(tuple(made)), findings


def _solution_part(answers: Answers, _: WhoAmI, __: Expectations) -> Check:
    return judges.solution([str(row.get("version") or "") for row in answers.rows("solution")])


def _user_part(answers: Answers, _: WhoAmI, __: Expectations) -> Check:
    row = answers.row("user")
    roles = [str(role["name"]) for role in answers.rows("user roles")]
    return judges.user(row.get("fullname") or "without a name", bool(row.get("isdisabled")), roles)


def _team_part(answers: Answers, _: WhoAmI, wanted: Expectations) -> Check | None:
    if not answers.rows("solution"):
        return None  # it says all
    if wanted.business_unit_id is not None and not wanted.enabled:
        there = answers.has("unit")
        named = wanted.business_unit
        if not there and not is_own(named, wanted.company_id):
            return Check(
                judges.TEAM, "error", f"The business unit {named} is no longer in Dataverse.",
                "Choose another one in Coupled Business Unit.", "configuration",
            )  # fmt: skip
        if there and answers.row("unit").get("isdisabled"):
            return Check(
                judges.TEAM, "error", f"The business unit {named} is disabled in Dataverse.",
                "Enable it there, or choose another one in Coupled Business Unit.", "configuration",
            )  # fmt: skip
    if wanted.team_id is None or not answers.has("team"):
        return judges.team(False, wanted)
    roles = [str(role["name"]) for role in answers.rows("team roles")]
    unit = answers.row("team").get(odata.lookup("businessunitid"))
    return judges.team(True, wanted, roles=roles, unit_id=UUID(unit) if unit else None)


def _tables_part(answers: Answers, _: WhoAmI, wanted: Expectations) -> list[Check]:
    first = judges.tables(answers.read)
    definitions = answers.definitions
    found = privileges.checks(judges.TABLES, definitions, privileges.held(answers.row("held")), wanted.tables)
    if first.state == "ok" and not found:
        needed = f"Every privilege that synchronization needs on {len(definitions)} tables is there."
        first = replace(first, message=f"{first.message} {needed}")
    return [first, *found]


def _currency_part(answers: Answers, _: WhoAmI, wanted: Expectations) -> Check:
    codes = {str(row.get("isocurrencycode") or "") for row in answers.rows("currencies")}
    return judges.currency(answers.organization(), wanted.currency in codes, wanted)


def _changes_part(answers: Answers, _: WhoAmI, wanted: Expectations) -> Check:
    return privileges.tracking(judges.CHANGES, answers.definitions, wanted.tables)


_JUDGES: tuple[tuple[str, Callable[[Answers, WhoAmI, Expectations], Check | list[Check] | None]], ...] = (
    (judges.ORGANIZATION, lambda answers, who, wanted: judges.organization(answers.organization(), who, wanted)),
    (judges.VERSION, lambda answers, _, __: judges.version(str(answers.row("version")["Version"]))),
    (judges.USER, _user_part),
    (judges.SOLUTION_CHECK, _solution_part),
    (judges.TEAM, _team_part),
    (judges.TABLES, _tables_part),
    (judges.CURRENCY, _currency_part),
    (judges.CHANGES, _changes_part),
)
