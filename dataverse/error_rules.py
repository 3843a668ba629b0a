"""The table from refusals of Dataverse and its sign-in service to errors.

Codes and their meaning: Web API service error codes (learn.microsoft.com, power-apps/developer/data-platform/
reference/web-service-error-codes) and Microsoft Entra error codes (identity-platform/reference-error-codes). A refusal
the table does not know fails; it is not repeated.
"""

import re

from dataverse.customizing_rules import CUSTOMIZING_RULES
from dataverse.error_rule import Rule
from dataverse.errors import (
    AccessDenied,
    AdministrationMode,
    ChangesExpired,
    DataverseError,
    Duplicate,
    EnvironmentDisabled,
    Gone,
    Invalid,
    NotAMember,
    SignInError,
    Throttled,
    Unavailable,
    VersionMismatch,
    as_sentence,
)

_DISABLED_USER = (
    "The application user is disabled in Dataverse.",
    "Enable it in the Power Platform admin center under Users + permissions, Application users.",
)
OWN_ROLE = (
    "The application user has no security role.",
    "Assign it the role Tandem Dataverse Integration in the Power Platform admin center.",
)
_LICENCE = (
    "The user has no licence for this environment.",
    "Assign one in the Microsoft 365 admin center; a guest needs one of the environment's own tenant.",
)
_PRIVILEGE = (
    "The application user lacks the privilege {name}.",
    "Add it to the security role Tandem Dataverse Integration, or assign that role to the user.",
)
_SOME_PRIVILEGE = (
    "The application user lacks a privilege in Dataverse. Dataverse says: {said}",
    "Assign it the security role Tandem Dataverse Integration.",
)
_STATE = (
    "The row's state in Dataverse does not allow the change. Dataverse says: {said}",
    "Change its state there, or leave such records out by the mapping's filters.",
)
_LANGUAGE = (
    "Dataverse takes rows with translated columns only from a user whose language is the environment's own.",
    "Set the application user's language to the environment's base language, then retry.",
)
_STORAGE = (
    "The environment's storage is full, or its trial has ended, so Dataverse takes no new rows.",
    "Have an administrator of the tenant free or buy capacity, in the Power Platform admin center under Licensing, "
    "then start the job again.",
)
_UNKNOWN_COLUMN = (
    "Dataverse does not know the column {name}. It may have been renamed or deleted there, or belong to a solution "
    "that is not installed.",
    "Where it was made a moment ago, try again in a few minutes; otherwise choose another column in the field mapping, "
    "or disable that field.",
)
UNKNOWN_TENANT = (
    "There is no tenant with this Tenant ID.",
    "Copy the Directory (tenant) ID from the Overview of the application's registration, and check the field Cloud.",
)
_CHANGED_MEANWHILE = (
    "The row was changed in Dataverse meanwhile, so nothing was written. It will be read and compared again.",
    "",
)
_LIMIT = (
    "Dataverse limits how much one user may request in five minutes, and that limit is reached. Jobs wait and continue "
    "by themselves.",
    "Try anything else again in a few minutes.",
)
_BUSY = (
    "Dataverse is busy or being updated.",
    "Try again in a few minutes.",
)

# fmt: off
RULES: tuple[Rule, ...] = (
    # -- who is asking -------------------------------------------------------------------------------------------
    Rule("0x80072560", NotAMember,
         "The sign-in worked, but this environment has no application user for the Client ID.",
         "Add one in the Power Platform admin center under Users + permissions, Application users, and assign it the "
         "security role Tandem Dataverse Integration."),
    Rule("0x8004A104", EnvironmentDisabled,
         "The Dataverse environment is disabled.",
         "Ask its administrator to enable it in the Power Platform admin center, then test the connection again."),
    Rule("0x8004A113", AdministrationMode,
         "The Dataverse environment is in administration mode: only administrators may work in it.",
         "Turn administration mode off in the Power Platform admin center, then test the connection again."),
    Rule("0x80040225", AccessDenied, *_DISABLED_USER),
    Rule("0x8004A112", SignInError, *_DISABLED_USER),
    Rule("0x80095FFC", AccessDenied,
         "The environment admits only applications that its administrators allow, and this one is not among them. "
         "Roles have nothing to do with it.",
         "Have an administrator of the environment allow the application under App access control in the Power "
         "Platform admin center; it may take an hour to count."),
    Rule("0x80095FFE", AccessDenied,
         "The environment's IP firewall does not admit the address that this site calls from.",
         "Have an administrator of the environment add the address of this site's server under IP firewall in the "
         "Power Platform admin center. Allow access for all application users there admits the application by itself, "
         "not people."),
    Rule("0x80072561", AccessDenied,
         "A policy about places of the tenant does not admit the address that this site calls from.",
         "Have an administrator of the tenant add the address of this site's server to the named locations that the "
         "conditional access policy admits."),
    Rule("0x80042F09", AccessDenied,
         "The user {name} has no security role in Dataverse. Where a person is to own the row, it is that person's "
         "user.",
         "Assign the user a security role in the Power Platform admin center, couple the salesperson with another "
         "user or choose another owner; to the application user assign the role Tandem Dataverse Integration.",
         pattern=r"RetrievePrivilegeForUser.*user with id ([0-9A-Fa-f-]{36})"),
    Rule("0x80042F09", AccessDenied, *OWN_ROLE),
    Rule("0x80042F0A", AccessDenied,
         "The team that is to own the row has no security role.",
         "Have an administrator assign the team a role; Owning Team Roles on Dataverse Connection Setup shows which it "
         "lacks."),
    Rule("0x8004D24B", AccessDenied, *_LICENCE),
    Rule("0x80041D66", AccessDenied, *_LICENCE),
    Rule("0x80040220", AccessDenied, *_PRIVILEGE, r"\b(prv\w+)"),
    Rule("0x80040299", AccessDenied, *_PRIVILEGE, r"\b(prv\w+)"),
    Rule("0x80040220", AccessDenied, *_SOME_PRIVILEGE),
    Rule("0x80040299", AccessDenied, *_SOME_PRIVILEGE),
    Rule("0x80048306", AccessDenied,
         "The application user may not use this row in Dataverse. Dataverse says: {said}",
         "Give its security role access at organization level."),
    Rule("0x8004F504", AccessDenied,
         "A column is secured in Dataverse and the application user may not read it. Dataverse says: {said}",
         "Add the user to the column's security profile."),
    Rule("0x8004F507", AccessDenied,
         "A column is secured in Dataverse and the application user may not change it. Dataverse says: {said}",
         "Add the user to the column's security profile."),

    # -- rows ----------------------------------------------------------------------------------------------------
    Rule("0x80040217", Gone, "The row no longer exists in Dataverse: it was deleted there, or never created."),
    Rule("0x80060891", Gone, "No row in Dataverse has that key."),
    Rule("0x8006089D", Invalid,
         "Several rows in Dataverse have that key, so none can be chosen.",
         "Delete or merge all but one of them in Dataverse.",
         reason="duplicate"),
    Rule("0x80040237", Duplicate, "Dataverse already has a row with this id or key."),
    Rule("0x80060892", Duplicate,
         "Dataverse already has a row with the same key. Dataverse says: {said}",
         "Couple the record with that row, or change its key."),
    Rule("0x80040333", Duplicate,
         "A duplicate detection rule of the environment found another row that is nearly the same, so this one was not "
         "taken.",
         "Couple the record with the row that is there, merge the two in Dataverse, or change the rule there."),
    Rule("0x80043b08", Duplicate,
         "The price list in Dataverse has a price for this product and unit already.",
         "Keep one price for an item, a unit and a group here, or leave the others out by the mapping's table filter."),
    Rule("0x80060882", VersionMismatch, *_CHANGED_MEANWHILE),
    Rule("0x80040227", Invalid,
         "Dataverse does not delete the row because others refer to it. Dataverse says: {said}",
         "Delete or change those that refer to it first."),

    # -- values --------------------------------------------------------------------------------------------------
    Rule("0x80044331", Invalid,
         "A value is longer than its Dataverse column allows. Dataverse says: {said}",
         "Shorten it, or map the field to a longer column.",
         reason="value_too_long"),
    Rule("0x80040200", Invalid,
         "Dataverse takes no row without a value in a column that it requires. Dataverse says: {said}",
         "Map a field to that column, or have it no longer required in Dataverse.",
         reason="value_invalid"),
    Rule("0x8004431A", Invalid,
         "A choice has no such value in Dataverse. Dataverse says: {said}",
         "Map the option to one that exists.",
         reason="unknown_choice"),
    Rule("0x8004432F", Invalid,
         "A whole number is outside the range its Dataverse column allows. Dataverse says: {said}",
         "Change the value.",
         reason="value_invalid"),
    Rule("0x80044330", Invalid,
         "A number is outside the range its Dataverse column allows. Dataverse says: {said}",
         "Change the value.",
         reason="value_invalid"),
    Rule("0x80048408", Invalid,
         "The status does not go with the row's state in Dataverse. Dataverse says: {said}",
         "Map the status to one of that state.",
         reason="value_invalid"),
    Rule("0x80040230", Invalid,
         "The row is closed in Dataverse, or inactive, and takes no more changes.",
         "Activate or open it again there, couple with the row it was merged into, or leave such records out by the "
         "mapping's filters.",
         reason="value_invalid"),
    Rule("0x80040233", Invalid, *_STATE, reason="value_invalid"),
    Rule("0x8004022E", Invalid, *_STATE, reason="value_invalid"),
    Rule("0x8004022B", Invalid,
         "The user that is to own the row is disabled in Dataverse.",
         "Enable the user in the Power Platform admin center under Users + permissions, or couple the salesperson with "
         "another one.",
         reason="reference_not_coupled"),
    Rule("0x80060750", Invalid, *_LANGUAGE, reason="configuration"),
    Rule("0x80060751", Invalid, *_LANGUAGE, reason="configuration"),
    Rule("0x80072325", AccessDenied, *_STORAGE, reason="refused"),
    Rule("0x8004B057", AccessDenied, *_STORAGE, reason="refused"),
    Rule("0x8004F915", Invalid,
         "Dataverse does not retire the product, because price lists or bundles have it.",
         "Take it out of them in Dataverse, or leave its state as it is.",
         reason="value_invalid"),
    Rule("0x80060888", Invalid, *_UNKNOWN_COLUMN, r"property named '([^']+)'", "unknown_column"),
    Rule("0x80048d19", Invalid, *_UNKNOWN_COLUMN, r"(?:undeclared|Invalid) property '([^'@]+)", "unknown_column"),
    Rule("0x80041103", Invalid, *_UNKNOWN_COLUMN, r"attribute[^']*'([^']+)'", "unknown_column"),
    Rule("0x80060888", Invalid,
         "Dataverse has no table {name}. It may belong to a solution that is not installed.",
         "Where it was made a moment ago, try again in a few minutes; otherwise install that solution in the "
         "environment.",
         pattern=r"segment '([^']+)'", reason="configuration"),
    Rule("0x80048d19", Invalid,
         "Dataverse could not read a value. Dataverse says: {said}",
         "Change the value or the field mapping.",
         reason="value_invalid"),
    Rule("0x80041103", Invalid,
         "Dataverse has no such column. Dataverse says: {said}",
         "Choose another column in the field mapping, or disable that field.",
         reason="unknown_column"),
    Rule("0x80041102", Invalid,
         "Dataverse has no such table. It may belong to a solution that is not installed. Dataverse says: {said}",
         "Where it was made a moment ago, try again in a few minutes; otherwise install that solution in the "
         "environment.",
         reason="configuration"),
    Rule("0x80040203", Invalid,
         "Dataverse refused a value as not valid. Dataverse says: {said}",
         "Change the value or the field mapping.",
         reason="value_invalid"),
    Rule("0x80040265", Invalid,
         "A plug-in or workflow of this environment refused the change. Dataverse says: {said}",
         "Change what it objects to, or ask whoever looks after the plug-in in the environment."),

    # -- changes -------------------------------------------------------------------------------------------------
    Rule("0x80044352", ChangesExpired,
         "The last synchronization is too old for Dataverse to name only the changes since then, so all rows are "
         "compared again."),
    Rule("0x80072491", Invalid,
         "Change tracking is not turned on for this table in Dataverse.",
         "Turn on Track changes in the table's advanced options.",
         reason="configuration"),

    # -- limits --------------------------------------------------------------------------------------------------
    Rule("0x80072322", Throttled, *_LIMIT, repeat=True),
    Rule("0x80072321", Throttled, *_LIMIT, repeat=True),
    Rule("0x80072326", Throttled, *_LIMIT, repeat=True),
    Rule("0x8005F103", Throttled, *_LIMIT, repeat=True),
    Rule("0x80044151", Unavailable, *_BUSY, repeat=True),
    Rule("0x80044150", Unavailable, *_BUSY, repeat=True),

    # -- the sign-in service -------------------------------------------------------------------------------------
    Rule("AADSTS700016", SignInError,
         "The sign-in service does not know the Client ID in this tenant.",
         "Compare Client ID and Tenant ID with the Overview of the application's registration."),
    Rule("AADSTS7000112", SignInError,
         "The application is disabled in its tenant.",
         "Ask the tenant's administrator to enable sign-in for it."),
    Rule("AADSTS90002", SignInError, *UNKNOWN_TENANT),
    Rule("AADSTS900023", SignInError,
         "The Tenant ID is neither a GUID nor a domain name.",
         "Copy the Directory (tenant) ID from the Overview of the application's registration."),
    Rule("AADSTS7000215", SignInError,
         "The Client Secret is not right.",
         "Enter the secret's value, which is shown only when it is created (not its Secret ID), or create a new one "
         "under Certificates & secrets."),
    Rule("AADSTS7000222", SignInError,
         "The Client Secret has expired.",
         "Create a new one under Certificates & secrets in the application's registration and enter its value here."),
    Rule("AADSTS7000218", SignInError,
         "The sign-in service asks for a secret or certificate.",
         "Enter the Client Secret."),
    Rule("AADSTS700027", SignInError,
         "The sign-in service does not accept the certificate.",
         "Upload its public part under Certificates & secrets in the application's registration."),
    Rule("AADSTS50126", SignInError,
         "The user name or the password is not right.",
         "Enter them again."),
    Rule("AADSTS50034", SignInError,
         "The tenant has no user with that User Name.",
         "Enter it as it stands in the Microsoft 365 admin center, like name@contoso.com."),
    Rule("AADSTS50057", SignInError,
         "The user account is disabled in its tenant.",
         "Ask the tenant's administrator to enable it."),
    Rule("AADSTS54005", SignInError, "This sign-in was already used.", "Start the sign-in again."),
    Rule("AADSTS70008", SignInError, "The sign-in took too long and has expired.", "Start the sign-in again."),
    Rule("AADSTS700082", SignInError,
         "The sign-in has expired, since it was not used for a long time.",
         "Sign in again."),
    Rule("AADSTS50011", SignInError,
         "This site's address is not among the Redirect URLs of the application's registration.",
         "Add it there under Authentication."),
    Rule("AADSTS500011", SignInError,
         "The sign-in service does not know the environment in this tenant.",
         "Check that the Environment URL is spelled right and belongs to the tenant of the Tenant ID."),

    *CUSTOMIZING_RULES,

    # -- what no code decides, by status -------------------------------------------------------------------------
    Rule(400, Invalid, *_UNKNOWN_COLUMN, r"property named '([^']+)'", "unknown_column"),
    Rule(400, Invalid, "Dataverse refused the request. Dataverse says: {said}"),
    Rule(401, SignInError,
         "Dataverse did not accept the application's token. Dataverse says: {said}"),
    Rule(403, AccessDenied,
         "Dataverse denied access. Dataverse says: {said}"),
    Rule(404, Gone,
         "Dataverse has nothing at that address: the row or table does not exist. Dataverse says: {said}"),
    Rule(405, Invalid, "Dataverse does not allow that operation. Dataverse says: {said}"),
    Rule(408, Unavailable, *_BUSY, repeat=True, outcome_unknown=True),
    Rule(412, VersionMismatch, *_CHANGED_MEANWHILE),
    Rule(413, Invalid, "The request is larger than Dataverse allows. Dataverse says: {said}"),
    Rule(429, Throttled, *_LIMIT, repeat=True),
    Rule(500, Unavailable,
         "Dataverse reports an internal error.",
         "Try again. If the error persists, give the detail to Microsoft support.",
         repeat=True),
    Rule(501, Invalid, "Dataverse does not support that request. Dataverse says: {said}"),
    Rule(502, Unavailable, *_BUSY, repeat=True, outcome_unknown=True),
    Rule(503, Unavailable, *_BUSY, repeat=True),
    Rule(504, Unavailable, *_BUSY, repeat=True, outcome_unknown=True),
)
# fmt: on

_UNKNOWN = Rule(
    "", Invalid, "Dataverse refused the request for a reason that is not known here. Dataverse says: {said}"
)


def rule_for(status: int, code: str, said: str) -> tuple[Rule, str]:
    """Return the first row that fits a refusal, and what its pattern captured. Codes count before statuses."""
    # Statuses beyond the usual ones (520 to 527 of front ends) say no more than that something failed on the way.
    for key in (code.lower(), status if status < 505 else 502):
        for rule in RULES:
            if (rule.key.lower() if isinstance(rule.key, str) else rule.key) != key:
                continue
            found = re.search(rule.pattern, said)
            if found is not None:
                return rule, found.group(1) if found.groups() else ""
    return _UNKNOWN, ""


def error_for(
    status: int, code: str, said: str, *, request_id: str = "", retry_after: float | None = None
) -> DataverseError:
    """Return the error for a refusal: HTTP status, service code ("0x80040217", "AADSTS7000215"), the service's words.

    retry_after: the wait in seconds that the service names.
    """
    rule, name = rule_for(status, code, said)
    # The service's words go in last and are never taken for a template.
    message = rule.message.replace("{name}", name).replace("{said}", as_sentence(said.strip() or f"HTTP {status}"))
    return rule.error(
        message,
        rule.fix.replace("{name}", name),
        status=status,
        code=code,
        said=said.strip()[:2000],
        request_id=request_id,
        retry_after=retry_after,
        reason=rule.reason,
        repeat=rule.repeat,
        outcome_unknown=rule.outcome_unknown,
    )
