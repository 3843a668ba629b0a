"""The checks of Test Connection: one result each, with its cause and its fix. Every judgement is a pure function.

`testing` makes them all; enabling makes them one by one.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from connection_setup.provisioning import solution as solution_module
from connection_setup.provisioning.company_objects import team_name, unit_name
from connection_setup.types import (
    ADDRESS,
    ROLE,
    SIGN_IN,
    SOLUTION,
    Check,
    Dataverse,
    Expectations,
    sentences,
)
from dataverse import odata
from dataverse.errors import DataverseError, Gone, Kind
from dataverse.types import Organization, PartResult, Ping, WhoAmI

CLOCK = "Clock"
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
SYSTEM_ADMINISTRATOR = "System Administrator"

_PLACES = {
    Kind.CONFIGURATION: ADDRESS,
    Kind.SIGN_IN: SIGN_IN,
    Kind.NOT_A_MEMBER: USER,
    Kind.DENIED: USER,
    Kind.DISABLED: ORGANIZATION,
    Kind.ADMINISTRATION_MODE: MODE,
    Kind.THROTTLED: LIMITS,
}


# -- judgements, pure -------------------------------------------------------------------------------------------------


def check_for_error(error: DataverseError, place: str, wanted: Expectations, hint: str = "") -> Check:
    """The check an error belongs to: the first sentence is what happened, the others are what to do.

    hint: what is known about the tenant; it goes with a refused sign-in.
    """
    name = _PLACES.get(error.kind, place)
    if error.kind is Kind.CONFIGURATION and error.reason == "sign_in":
        name = SIGN_IN
    elif error.kind is Kind.UNAVAILABLE and error.status:
        name = ADDRESS  # the environment itself said so
    cause, fix = sentences(error.user_message)
    if error.kind is Kind.SIGN_IN and wanted.secret_is_an_id:
        cause = "The Client Secret is a GUID: that is the secret's ID, not its value."
        fix = (
            "Enter the secret's value, which is shown only when it is created; if it is not at hand, create a new "
            "secret under Certificates & secrets."
        )
    elif error.kind is Kind.SIGN_IN and hint:
        fix = f"{fix} {hint}"
    return Check(name, "error", cause, fix, error.reason)


def tenant_hint(ping: Ping, tenant_id: str) -> str:
    """What to say when the environment names another tenant than the settings."""
    try:
        same = not ping.tenant or UUID(ping.tenant) == UUID(tenant_id)
    except ValueError:
        same = True
    return "" if same else f"The environment belongs to the tenant {ping.tenant}."


def signed_in(wanted: Expectations) -> Check:
    """The sign-in works; how long it still will, where that is known."""
    works = f"The application signs in with {wanted.signs_in_with}."
    if wanted.expires is None or wanted.expires.state == "ok":
        return Check(SIGN_IN, "ok", works)
    cause, fix = sentences(wanted.expires.sentence)
    return Check(SIGN_IN, "warning", f"{works} {cause}", fix)


def address(ping: Ping) -> Check:
    """The Web API answers."""
    return Check(ADDRESS, "ok", f"A Dataverse Web API answers, in {ping.milliseconds:.0f} ms.")


def clock(ping: Ping) -> Check:
    """Tokens are valid for a time: clocks that differ much make sign-ins fail that are right."""
    ahead = ping.clock_ahead_s
    if ahead is None or abs(ahead) < CLOCK_WARNING_S:
        return Check(CLOCK, "ok", "This machine's clock agrees with Dataverse's.")
    way = "behind" if ahead > 0 else "ahead of"
    state = "error" if abs(ahead) >= CLOCK_ERROR_S else "warning"
    return Check(
        CLOCK,
        "error" if state == "error" else "warning",
        f"This machine's clock is {abs(ahead):.0f} seconds {way} Dataverse's.",
        "Set the clock, or let it follow a time server: sign-ins fail when it is off.",
        "sign_in",
    )


def organization(found: Organization, who: WhoAmI, wanted: Expectations) -> Check:
    """The environment is the one that couplings, if there are any, were made with."""
    if wanted.organization_id and wanted.organization_id != who.organization_id:
        known = wanted.organization_name or str(wanted.organization_id)
        if wanted.couplings:
            return Check(
                ORGANIZATION,
                "error",
                f"Another organization answers: {found.name}, while {wanted.couplings:,} couplings belong to {known}.",
                f"Enter the Environment URL of {known}, or remove the couplings first.",
                "wrong_environment",
            )
        if wanted.enabled:
            return Check(
                ORGANIZATION,
                "error",
                f"Another organization answers: {found.name}, while the connection was enabled with {known}.",
                f"Check the Environment URL. To connect to {found.name}, turn Enabled off and on again.",
                "wrong_environment",
            )
    return Check(ORGANIZATION, "ok", f"{found.name}, base currency {found.base_currency_code or 'not known'}.")


def version(text: str) -> Check:
    """The version is one this was built for."""
    numbers = tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())
    if numbers >= OLDEST_VERSION:
        return Check(VERSION, "ok", f"Dataverse {text}.")
    return Check(
        VERSION,
        "warning",
        f"Dataverse {text or 'of an unknown version'} may lack what synchronization needs.",
        "Update the environment to version 9.2 or newer.",
    )


def user(name: str, disabled: bool, roles: Iterable[str]) -> Check:
    """The application user is enabled and has the role, and not more rights than it needs."""
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
    if SYSTEM_ADMINISTRATOR in held:
        return Check(
            USER,
            "warning",
            f"The application user {name} is System Administrator, which is more than synchronization needs.",
            f"Remove that role; {ROLE} is enough.",
        )
    return Check(USER, "ok", f"{name} has the role {ROLE}.")


def solution(versions: Sequence[str]) -> Check:
    """The integration solution is there, and not older than what this version brings."""
    if versions and solution_module.older(versions[0]):
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
        "Ask an administrator of the environment to import it, then test again.",
        "configuration",
    )


def tables(results: Sequence[tuple[str, PartResult]]) -> Check:
    """Every table can be read; the first refusal says why not, the others are named."""
    refused = [(name, result.error) for name, result in results if result.error is not None]
    if not refused:
        return Check(TABLES, "ok", f"All {len(results)} tables can be read.")
    error = refused[0][1]
    text = error.user_message if isinstance(error, DataverseError) else str(error)
    if isinstance(error, Gone):
        text = f"The table is not there. Import the integration solution {SOLUTION}."
    cause, fix = sentences(text)
    return Check(
        TABLES,
        "error",
        f"{len(refused)} of {len(results)} tables cannot be read: {', '.join(n for n, _ in refused)}. {cause}",
        fix,
        getattr(error, "reason", "denied"),
    )


def currency(found: Organization, in_dataverse: bool, wanted: Expectations) -> Check:
    """The local currency is the base currency, or both sides know how to convert; see design section 4, Connection."""
    base, local = found.base_currency_code, wanted.currency
    for company, other in wanted.other_currencies.get(found.id, ()):
        if other != local:
            return Check(
                CURRENCY,
                "error",
                f"The local currency is {local}, but {company}, connected to the same organization, has {other}.",
                "Connect this company to another environment: companies on one organization need the same currency.",
                "configuration",
            )
    if local == base:
        return Check(CURRENCY, "ok", f"{local} on both sides.")
    if base not in wanted.currencies_with_rate:
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
    found: bool, wanted: Expectations, *, roles: Sequence[str] | None = None, unit_id: UUID | None = None
) -> Check:
    """The owning team is there once the connection is enabled, with its role, in the business unit of the settings.

    Before that enabling makes it.
    """
    if not wanted.enabled and (not found or (roles is not None and ROLE not in roles)):
        return Check(TEAM, "ok", "Business unit and owning team are made when the connection is enabled.")
    if not found:
        return Check(
            TEAM,
            "error",
            "The owning team no longer exists in Dataverse, so nothing can be created there.",
            "Turn Enabled off and on again: that makes the team anew.",
            "configuration",
        )
    name = team_name(wanted.business_unit or unit_name(wanted.company_name, wanted.company_id))
    if roles is not None and ROLE not in roles:
        return Check(
            TEAM,
            "error",
            f"The team {name} lacks the role {ROLE}, so it cannot own rows.",
            "Turn Enabled off and on again: that assigns the role.",
            "denied",
        )
    if unit_id is not None and wanted.business_unit_id not in (None, unit_id):
        return Check(
            TEAM,
            "error",
            f"The team {name} belongs to another business unit than {wanted.business_unit}.",
            "Turn Enabled off and on again: that makes a team in the coupled business unit.",
            "configuration",
        )
    return Check(TEAM, "ok", f"{name} owns new rows.")


# -- questions to the environment ------------------------------------------------------------------------------------


def find_user(client: Dataverse, who: WhoAmI) -> Check:
    """The application's user and its roles."""
    row = client.get("systemusers", who.user_id, select=["fullname", "isdisabled"])
    roles = client.first_page(
        f"{odata.key('systemusers', who.user_id)}/systemuserroles_association", select=["name"]
    ).rows
    return user(row.get("fullname") or "without a name", bool(row.get("isdisabled")), [str(r["name"]) for r in roles])


def find_solution(client: Dataverse) -> Check:
    """The integration solution and its version."""
    rows = client.first_page("solutions", select=["version"], filter=odata.eq("uniquename", SOLUTION)).rows
    return solution([str(row.get("version") or "") for row in rows])


def find_currency(client: Dataverse, found: Organization, wanted: Expectations) -> Check:
    """The rule of currencies, with what Dataverse knows of the company's."""
    known = client.first_page(
        "transactioncurrencies", select=["isocurrencycode"], filter=odata.eq("isocurrencycode", wanted.currency)
    )
    return currency(found, bool(known.rows), wanted)


def after(checks: Sequence[Check], failed: Check) -> list[Check]:
    """The checks made so far with one that failed, which takes the place of its own earlier result."""
    return [check for check in checks if check.name != failed.name] + [failed]
