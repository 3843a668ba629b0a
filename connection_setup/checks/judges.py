"""The judges of the connection's checks: one pure judgement each, of the answers in a batch.

Test Connection asks for all of them at once; enabling asks for those that a step needs. Both judge alike.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from connection_setup.captions import ENVIRONMENT_CHANGED
from connection_setup.checks import batch, privileges
from connection_setup.checks.batch import Answers
from connection_setup.provisioning import solution as solution_module
from connection_setup.provisioning.administrators import SYSTEM_ADMINISTRATOR
from connection_setup.provisioning.company_objects import is_own, team_name, unit_name
from connection_setup.types import (
    ADDRESS,
    ROLE,
    SIGN_IN,
    SOLUTION,
    Check,
    Expectations,
)
from dataverse import odata
from dataverse.errors import DataverseError, Gone
from dataverse.types import Organization, PartResult, Ping, WhoAmI

CLOCK = "Clock"
ACCESS = "Access of the application"
MODE = "Administration mode"
ORGANIZATION = "Organization"
VERSION = "Version"
USER = "Integration user and role"
SOLUTION_CHECK = "Integration solution"
TEAM = "Team and business unit"
TABLES = "Tables and privileges"
CURRENCY = "Currency"
CHANGES = "Change tracking"
LIMITS = "Service limits"

CLOCK_WARNING_S = 60
CLOCK_ERROR_S = 300
OLDEST_VERSION = (9, 2)


# -- what is known before the batch ------------------------------------------------------------------------------------


def signed_in(expected: Expectations) -> Check:
    """Return the check of a sign-in that works, with when its credential expires, where that is known."""
    works = f"The application signs in with {expected.credential_name}."
    if expected.expires is None or expected.expires.state == "ok":
        return Check(SIGN_IN, "ok", works)
    return Check(SIGN_IN, "warning", f"{works} {expected.expires.message}", expected.expires.fix)


def address(ping: Ping) -> Check:
    """Return the check of a Web API that answered."""
    return Check(ADDRESS, "ok", f"A Dataverse Web API answers, in {ping.milliseconds:.0f} ms.")


def clock(ping: Ping) -> Check:
    """Compare the clocks: tokens are valid for a time, so sign-ins fail where the clocks differ much."""
    ahead = ping.clock_ahead_s
    if ahead is None or abs(ahead) < CLOCK_WARNING_S:
        return Check(CLOCK, "ok", "This machine's clock agrees with Dataverse's.")
    way = "behind" if ahead > 0 else "ahead of"
    return Check(
        CLOCK,
        "error" if abs(ahead) >= CLOCK_ERROR_S else "warning",
        f"This machine's clock is {abs(ahead):.0f} seconds {way} Dataverse's.",
        "Set the clock, or let it follow a time server: sign-ins fail when it is wrong.",
        "sign_in",
    )


# -- judgements of answers ---------------------------------------------------------------------------------------------


def organization(found: Organization, who: WhoAmI, expected: Expectations) -> Check:
    """Judge whether the environment is the one that couplings, if there are any, were made with."""
    if expected.organization_id and expected.organization_id != who.organization_id:
        # A copy has the name of its original, so both are told by their ids as well.
        known = f"{expected.organization_name} ({expected.organization_id})".strip()
        answers = f"Another organization answers: {found.name} ({who.organization_id}), while"
        fix = f"Choose on {ENVIRONMENT_CHANGED} how to go on."
        if expected.couplings:
            message = f"{answers} {expected.couplings:,} couplings belong to {known}."
            return Check(ORGANIZATION, "error", message, fix, "wrong_environment")
        if expected.enabled:
            message = f"{answers} the connection was enabled with {known}."
            return Check(ORGANIZATION, "error", message, fix, "wrong_environment")
    return Check(ORGANIZATION, "ok", f"{found.name}, base currency {found.base_currency_code or 'not known'}.")


def version(text: str) -> Check:
    """Judge whether the version is one that synchronization supports."""
    numbers = tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())
    if numbers >= OLDEST_VERSION:
        return Check(VERSION, "ok", f"Dataverse {text}.")
    return Check(
        VERSION,
        "warning",
        f"Dataverse {text or 'of an unknown version'} may lack what synchronization needs.",
        "Update the environment to version 9.2 or newer.",
    )


def user(name: str, disabled: bool, roles: Iterable[str], templates: Collection[str] = ()) -> Check:
    """Judge whether the application user is enabled and has the role, and no more rights than it needs.

    templates: ids of its roles' templates, by which a System Administrator is known in every language.
    """
    held = sorted(roles)
    if disabled:
        return Check(
            USER,
            "error",
            f"The application user {name} is disabled.",
            "Enable it in the Power Platform admin center under Users + permissions, Application users.",
            "denied",
        )
    if not held:
        return Check(
            USER,
            "error",
            f"The application user {name} has no security role.",
            f"Assign it the role {ROLE} in the Power Platform admin center.",
            "denied",
        )
    if ROLE not in held:
        return Check(
            USER,
            "warning",
            f"The role {ROLE} is not assigned to the application user {name}; it has {', '.join(held)}.",
            f"Assign the role {ROLE}, so that it has what synchronization needs and no more.",
            "denied",
        )
    if str(SYSTEM_ADMINISTRATOR) in templates:
        return Check(
            USER,
            "warning",
            f"The application user {name} is System Administrator, which is more than synchronization needs.",
            f"Remove that role; {ROLE} is enough.",
        )
    return Check(USER, "ok", f"{name} has the role {ROLE}.")


def solution(versions: Sequence[str]) -> Check:
    """Judge whether the integration solution is installed, and not older than the one this version brings."""
    if versions and solution_module.is_older(versions[0]):
        return Check(
            SOLUTION_CHECK,
            "warning",
            f"{SOLUTION} {versions[0]} is installed, which is older than {solution_module.VERSION}.",
            "Turn Enabled off and choose Redeploy Integration Solution.",
        )
    if versions:
        return Check(SOLUTION_CHECK, "ok", f"{SOLUTION} {versions[0]} is installed.")
    return Check(
        SOLUTION_CHECK,
        "error",
        f"The integration solution {SOLUTION} is not installed in the environment.",
        "Turn Enabled off, if it is on, and choose Redeploy Integration Solution: an administrator signs in once.",
        "configuration",
    )


def tables(results: Sequence[tuple[str, PartResult]]) -> Check:
    """Judge whether every table can be read; the first refusal gives cause and fix, the others are named."""
    refused = [(name, result.error) for name, result in results if result.error is not None]
    if not refused:
        return Check(TABLES, "ok", f"All {len(results)} tables can be read.")
    error = refused[0][1]
    cause, fix, reason = str(error), "", "denied"
    if isinstance(error, DataverseError):
        cause, fix, reason = error.message, error.fix, error.reason
    if isinstance(error, Gone):
        cause, fix = "The table does not exist.", f"Redeploy the integration solution {SOLUTION}."
    names = ", ".join(name for name, _ in refused)
    return Check(
        TABLES, "error", f"{len(refused)} of {len(results)} tables cannot be read: {names}. {cause}", fix, reason
    )


def currency(found: Organization, in_dataverse: bool, expected: Expectations) -> Check:
    """Judge whether the local currency is the base currency, or both sides can convert (design, section 4)."""
    base, local = found.base_currency_code, expected.currency
    # Which company it is only says a page that knows who asks: not everybody sees every company.
    for other in expected.other_currencies.get(found.id, ()):
        if other != local:
            return Check(
                CURRENCY,
                "error",
                f"The local currency is {local}, but another company, connected to the same organization, has {other}.",
                "Connect this company to another environment: companies on one organization need the same currency.",
                "configuration",
            )
    if local == base:
        return Check(CURRENCY, "ok", f"{local} on both sides.")
    if base not in expected.currencies_with_rate:
        return Check(
            CURRENCY,
            "error",
            f"The local currency is {local}, but the base currency of the environment is {base or 'not known'}.",
            f"Add {base or 'the base currency'} to Currencies with an exchange rate, or connect an environment whose "
            f"base currency is {local}.",
            "configuration",
        )
    if not in_dataverse:
        return Check(
            CURRENCY,
            "warning",
            f"{base} has an exchange rate in Currencies, but Dataverse has no currency {local}.",
            f"Add {local} to the currencies of the environment.",
        )
    return Check(CURRENCY, "ok", f"{local} here, {base} in Dataverse; {base} has an exchange rate in Currencies.")


def team(
    found: bool, expected: Expectations, *, roles: Sequence[str] | None = None, unit_id: UUID | None = None
) -> Check:
    """Judge whether the owning team exists once the connection is enabled, with its role, in the chosen business unit.

    Before that nothing is required, since enabling makes the team.
    """
    if not expected.enabled and (not found or (roles is not None and ROLE not in roles)):
        return Check(TEAM, "ok", "Business unit and owning team are made when the connection is enabled.")
    if not found:
        return Check(
            TEAM,
            "error",
            "The owning team no longer exists in Dataverse, so nothing can be created there.",
            "Turn Enabled off and on again: that makes the team again.",
            "configuration",
        )
    name = team_name(expected.business_unit or unit_name(expected.company_name, expected.company_id))
    if roles is not None and ROLE not in roles:
        return Check(
            TEAM,
            "error",
            f"The team {name} lacks the role {ROLE}, so it cannot own rows.",
            "Turn Enabled off and on again: that assigns the role.",
            "denied",
        )
    if unit_id is not None and expected.business_unit_id not in (None, unit_id):
        return Check(
            TEAM,
            "error",
            f"The team {name} belongs to another business unit than {expected.business_unit}.",
            "Turn Enabled off and on again: that makes a team in the coupled business unit.",
            "configuration",
        )
    return Check(TEAM, "ok", f"{name} owns new rows.")


# -- judges of the batch's parts ---------------------------------------------------------------------------------------


def _organization(answers: Answers, expected: Expectations) -> list[Check]:
    return [organization(answers.organization(), answers.who, expected)]


def _version(answers: Answers, _: Expectations) -> list[Check]:
    return [version(str(answers.row("version")["Version"]))]


def _user(answers: Answers, _: Expectations) -> list[Check]:
    row = answers.row("user")
    found = answers.rows("user roles")
    roles = [str(role["name"]) for role in found]
    templates = {str(role.get("_roletemplateid_value") or "").lower() for role in found}
    return [user(row.get("fullname") or "without a name", bool(row.get("isdisabled")), roles, templates)]


def _solution(answers: Answers, _: Expectations) -> list[Check]:
    return [solution([str(row.get("version") or "") for row in answers.rows("solution")])]


def _team(answers: Answers, expected: Expectations) -> list[Check]:
    if not answers.rows("solution"):
        return []  # the check of the solution says it
    if expected.business_unit_id is not None and not expected.enabled:
        there = answers.has("unit")
        named = expected.business_unit
        if not there and not is_own(named, expected.company_id):
            return [Check(
                TEAM, "error", f"The business unit {named} no longer exists in Dataverse.",
                "Choose another one in Coupled Business Unit.", "configuration",
            )]  # fmt: skip
        if there and answers.row("unit").get("isdisabled"):
            return [Check(
                TEAM, "error", f"The business unit {named} is disabled in Dataverse.",
                "Enable it there, or choose another one in Coupled Business Unit.", "configuration",
            )]  # fmt: skip
    if expected.team_id is None or not answers.has("team"):
        return [team(False, expected)]
    roles = [str(role["name"]) for role in answers.rows("team roles")]
    unit = answers.row("team").get(odata.lookup("businessunitid"))
    return [team(True, expected, roles=roles, unit_id=UUID(unit) if unit else None)]


def _tables(answers: Answers, expected: Expectations) -> list[Check]:
    first = tables(answers.tables_read())
    definitions = answers.definitions()
    held = privileges.held_depths(answers.row("held"))
    found = privileges.privilege_checks(TABLES, definitions, held, expected.tables)
    if first.state == "ok" and not found:
        needed = f"The user has every privilege that synchronization needs on {len(definitions)} tables."
        first = replace(first, message=f"{first.message} {needed}")
    return [first, *found]


def _currency(answers: Answers, expected: Expectations) -> list[Check]:
    codes = {str(row.get("isocurrencycode") or "") for row in answers.rows("currencies")}
    return [currency(answers.organization(), expected.currency in codes, expected)]


def _changes(answers: Answers, expected: Expectations) -> list[Check]:
    return [privileges.tracking_check(CHANGES, answers.definitions(), expected.tables)]


@dataclass(frozen=True, slots=True)
class Judge:
    """A check that a batch answers: the parts of the batch it reads (batch.ask), and its judgement of the answers.

    judge returns no check where another one says it already, several where tables are judged one by one. It raises the
    DataverseError of a part that was refused.
    """

    parts: frozenset[str]
    judge: Callable[[Answers, Expectations], list[Check]]


JUDGES: Mapping[str, Judge] = {
    ORGANIZATION: Judge(frozenset({"organization", "currencies"}), _organization),
    VERSION: Judge(frozenset({"version"}), _version),
    USER: Judge(frozenset({"user", "user roles"}), _user),
    SOLUTION_CHECK: Judge(frozenset({"solution"}), _solution),
    TEAM: Judge(frozenset({"solution", "unit", "team", "team roles"}), _team),
    TABLES: Judge(frozenset({batch.READ, batch.DEFINE, "held"}), _tables),
    CURRENCY: Judge(frozenset({"organization", "currencies"}), _currency),
    CHANGES: Judge(frozenset({batch.DEFINE}), _changes),
}
"""Name of the check -> its judge, in the order of a report."""


def parts_of(*names: str) -> frozenset[str]:
    """Return the parts of a batch that these checks read."""
    return frozenset().union(*(JUDGES[name].parts for name in names))
