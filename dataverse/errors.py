"""What Dataverse and its sign-in refuse, as exceptions, and the one table that tells them apart.

Every error keeps its parts apart: `message` (what happened, and why), `fix` (what to do next) and `detail` (service
code, request id, the service's own words) for support. `reason` is a word of the closed list that job outcomes use. A
refusal the table does not know fails; it is not repeated.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class Kind(StrEnum):
    """The family of an error."""

    CONFIGURATION = "configuration"
    SIGN_IN = "sign_in"
    NOT_A_MEMBER = "not_a_member"
    DENIED = "denied"
    DISABLED = "disabled"
    ADMINISTRATION_MODE = "administration_mode"
    GONE = "gone"
    VERSION = "version"
    DUPLICATE = "duplicate"
    INVALID = "invalid"
    CHANGES_EXPIRED = "changes_expired"
    THROTTLED = "throttled"
    UNAVAILABLE = "unavailable"
    ANSWER = "answer"


class DataverseError(Exception):
    """A request that did not do what was asked.

    message: what happened and why; fix: what to do next, "" where nothing can be done; said: the service's own words;
    reason: a word of the outcomes' closed list; retry_after: seconds the service asks to wait, when it said so;
    repeat: whether the same request may succeed unchanged later; outcome_unknown: the request may have been carried out
    although no answer arrived.
    """

    kind: ClassVar[Kind]
    default_reason: ClassVar[str] = "refused"

    def __init__(
        self,
        message: str,
        fix: str = "",
        *,
        status: int = 0,
        code: str = "",
        said: str = "",
        request_id: str = "",
        retry_after: float | None = None,
        reason: str = "",
        repeat: bool = False,
        outcome_unknown: bool = False,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.status = status
        self.code = code
        self.said = said
        self.request_id = request_id
        self.retry_after = retry_after
        self.reason = reason or self.default_reason
        self.repeat = repeat
        self.outcome_unknown = outcome_unknown

    @property
    def user_message(self) -> str:
        """Return what happened, why, and what to do next, as one text."""
        return f"{self.message} {self.fix}".strip()

    def __str__(self) -> str:
        """Return what a person reads."""
        return self.user_message

    @property
    def detail(self) -> str:
        """One line for support: status, service code, request id and the service's own words."""
        parts = [
            f"HTTP {self.status}" if self.status else "",
            self.code,
            f"request {self.request_id}" if self.request_id else "",
            self.said,
        ]
        return " · ".join(part for part in parts if part)


class ConfigurationError(DataverseError):
    """The address, the cloud or another setting cannot be right."""

    kind = Kind.CONFIGURATION
    default_reason = "unreachable"


class SignInError(DataverseError):
    """No token: the sign-in refused the application, or the environment refused its token."""

    kind = Kind.SIGN_IN
    default_reason = "sign_in"


class NotAMember(DataverseError):
    """The token is good, but the environment has no application user for it."""

    kind = Kind.NOT_A_MEMBER
    default_reason = "sign_in"


class AccessDenied(DataverseError):
    """A privilege, role or licence is missing."""

    kind = Kind.DENIED
    default_reason = "denied"


class EnvironmentDisabled(DataverseError):
    """The environment is switched off."""

    kind = Kind.DISABLED
    default_reason = "unreachable"


class AdministrationMode(DataverseError):
    """The environment lets only administrators in."""

    kind = Kind.ADMINISTRATION_MODE
    default_reason = "unreachable"


class Gone(DataverseError):
    """The row does not exist."""

    kind = Kind.GONE
    default_reason = "record_gone"


class VersionMismatch(DataverseError):
    """The row changed since the version the request named."""

    kind = Kind.VERSION
    default_reason = "update_conflict"


class Duplicate(DataverseError):
    """A row with that id or key is already there."""

    kind = Kind.DUPLICATE
    default_reason = "duplicate"


class Invalid(DataverseError):
    """The request or one of its values was refused; `reason` tells which way."""

    kind = Kind.INVALID


class ChangesExpired(DataverseError):
    """The delta link is too old: compare everything again."""

    kind = Kind.CHANGES_EXPIRED


class Throttled(DataverseError):
    """A service limit is reached; `retry_after` is set. Nothing was carried out."""

    kind = Kind.THROTTLED
    default_reason = "throttled"


class Unavailable(DataverseError):
    """No answer, or the service says it cannot answer now."""

    kind = Kind.UNAVAILABLE
    default_reason = "unreachable"


class InvalidAnswer(DataverseError):
    """An answer that cannot be what the Web API says; never taken for an empty one."""

    kind = Kind.ANSWER
    default_reason = "unreachable"


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table. It applies when code, status and the pattern `says` (searched in the service's words) fit.

    `message` may name {said} (the service's words) and {name} (what `says` captured). outcome_unknown: something
    between here and the service answered in its place, so the request may have been carried out.
    """

    error: type[DataverseError]
    message: str
    fix: str = ""
    status: int | None = None
    code: str = ""
    says: str = ""
    reason: str = ""
    repeat: bool = False
    outcome_unknown: bool = False


_UNKNOWN_COLUMN = (
    "Dataverse does not know the column {name}. It may have been renamed or deleted there, or belong to a solution "
    "that is not installed.",
    "Choose another column in the field mapping, or disable that field.",
)
_TRY_LATER = (
    "Dataverse is busy or being updated.",
    "The request can be repeated: try again in a few minutes.",
)
_LIMIT = (
    "Dataverse limits how much one user may ask in five minutes, and that limit is reached.",
    "Work goes on by itself.",
)
_DISABLED_USER = (
    "The application user is disabled in Dataverse.",
    "Enable it in the Power Platform admin center under Users + permissions, Application users.",
)

RULES: tuple[Rule, ...] = (
    # -- who is asking -------------------------------------------------------------------------------------------
    Rule(
NotAMember,
"The sign-in worked, but this environment has no application user for the Client ID.",
"Add one in the Power Platform admin center under Users + permissions, Application users, and assign "
"it the security role Tandem Dataverse Integration.",
code='0x80072560',
),
    Rule(
EnvironmentDisabled,
"The Dataverse environment is disabled.",
"Ask its administrator to enable it in the Power Platform admin center, then test the connection "
"again.",
code='0x8004A104',
),
    Rule(
AdministrationMode,
"The Dataverse environment is in administration mode: only administrators may work in it.",
"Turn administration mode off in the Power Platform admin center, then test the connection again.",
code='0x8004A113',
),
    Rule(AccessDenied, *_DISABLED_USER, code="0x80040225"),
    Rule(SignInError, *_DISABLED_USER, code="0x8004A112"),
    Rule(
AccessDenied,
"The application user has no security role.",
"Assign it the role Tandem Dataverse Integration in the Power Platform admin center.",
code='0x80042F09',
),
    Rule(
AccessDenied,
"The user has no licence for this environment.",
"Assign one in the Microsoft 365 admin center.",
code='0x8004D24B',
),
    Rule(
AccessDenied,
"The application user lacks the privilege {name}.",
"Add it to the security role Tandem Dataverse Integration, or assign that role to the user.",
code='0x80040220',
says='\\b(prv\\w+)',
),
    Rule(
AccessDenied,
"The application user lacks a privilege in Dataverse. Dataverse says: {said}",
"Assign it the security role Tandem Dataverse Integration.",
code='0x80040220',
),
    Rule(
AccessDenied,
"The application user may not use this row in Dataverse. Dataverse says: {said}",
"Give its role access at organization level.",
code='0x80048306',
),
    Rule(
AccessDenied,
"A column is secured in Dataverse and the application user may not read it. Dataverse says: {said}",
"Add the user to the column's security profile.",
code='0x8004F504',
),
    Rule(
AccessDenied,
"A column is secured in Dataverse and the application user may not change it. Dataverse says: {said}",
"Add the user to the column's security profile.",
code='0x8004F507',
),
    # -- rows ----------------------------------------------------------------------------------------------------
    Rule(
Gone,
"The row no longer exists in Dataverse.",
"It was deleted there, or never created.",
code='0x80040217',
),
    Rule(Gone, "No row in Dataverse has that key.", code="0x80060891"),
    Rule(Invalid, "Several rows in Dataverse have that key, so none can be chosen.", code="0x8006089D",
         reason="duplicate"),
    Rule(Duplicate, "Dataverse already has a row with this id or key.", code="0x80040237"),
    Rule(Duplicate, "Dataverse already has a row with the same key. Dataverse says: {said}", code='0x80060892'),
    Rule(
Duplicate,
"A duplicate detection rule in Dataverse refused the row.",
"Couple it with the existing one, or change the rule.",
code='0x80040333',
),
    Rule(Duplicate, "Dataverse already has a table of that name.", code="0x8004700b"),
    Rule(Duplicate, "Dataverse already has a column or relationship of that name.", code="0x80044363"),
    Rule(
VersionMismatch,
"The row was changed in Dataverse meanwhile, so nothing was written.",
"It will be read and compared again.",
code='0x80060882',
),
    Rule(
Invalid,
"Dataverse does not delete the row because others refer to it. Dataverse says: {said}",
code='0x80040227',
),
    # -- values --------------------------------------------------------------------------------------------------
    Rule(
Invalid,
"A value is longer than its Dataverse column allows. Dataverse says: {said}",
"Shorten it, or map the field to a longer column.",
code='0x80044331',
reason='value_too_long',
),
    Rule(
Invalid,
"A choice has no such value in Dataverse. Dataverse says: {said}",
"Map the option to one that exists.",
code='0x8004431A',
reason='unknown_choice',
),
    Rule(
Invalid,
"A whole number is outside the range its Dataverse column allows. Dataverse says: {said}",
code='0x8004432F',
reason='value_invalid',
),
    Rule(
Invalid,
"A number is outside the range its Dataverse column allows. Dataverse says: {said}",
code='0x80044330',
reason='value_invalid',
),
    Rule(
Invalid,
"The status does not go with the row's state in Dataverse. Dataverse says: {said}",
code='0x80048408',
reason='value_invalid',
),
    Rule(Invalid, *_UNKNOWN_COLUMN, code="0x80060888", says=r"property named '([^']+)'", reason="unknown_column"),
    Rule(Invalid, *_UNKNOWN_COLUMN, code="0x80048d19", says=r"(?:undeclared|Invalid) property '([^'@]+)",
         reason="unknown_column"),
    Rule(Invalid, *_UNKNOWN_COLUMN, code="0x80041103", says=r"attribute[^']*'([^']+)'", reason="unknown_column"),
    Rule(
Invalid,
"Dataverse has no table {name}.",
"It may belong to a solution that is not installed.",
code='0x80060888',
says="segment '([^']+)'",
reason='configuration',
),
    Rule(
Invalid,
"Dataverse could not read a value. Dataverse says: {said}",
code='0x80048d19',
reason='value_invalid',
),
    Rule(
Invalid,
"Dataverse has no such column. Dataverse says: {said}",
code='0x80041103',
reason='unknown_column',
),
    Rule(
Invalid,
"Dataverse has no such table. Dataverse says: {said}",
"It may belong to a solution that is not installed.",
code='0x80041102',
reason='configuration',
),
    Rule(
Invalid,
"Dataverse refused a value as not valid. Dataverse says: {said}",
code='0x80040203',
reason='value_invalid',
),
    Rule(
Invalid,
"A plug-in or workflow in Dataverse refused the change. Dataverse says: {said}",
code='0x80040265',
),
    # -- changes -------------------------------------------------------------------------------------------------
    Rule(ChangesExpired, "The mark of the last synchronization is too old for Dataverse. All rows are compared again.",
         code="0x80044352"),
    Rule(
Invalid,
"Change tracking is not switched on for this table in Dataverse.",
"Switch it on in the table's advanced options.",
code='0x80072491',
reason='configuration',
),
    # -- limits --------------------------------------------------------------------------------------------------
    Rule(Throttled, *_LIMIT, code="0x80072322", repeat=True),
    Rule(Throttled, *_LIMIT, code="0x80072321", repeat=True),
    Rule(Throttled, *_LIMIT, code="0x80072326", repeat=True),
    Rule(Throttled, *_LIMIT, code="0x8005F103", repeat=True),
    Rule(Unavailable, *_TRY_LATER, code="0x80044151", repeat=True),
    Rule(Unavailable, *_TRY_LATER, code="0x80044150", repeat=True),
    # -- the application's sign-in -------------------------------------------------------------------------------
    Rule(
SignInError,
"The sign-in does not know the Client ID in this tenant.",
"Compare Client ID and Tenant ID with the Overview of the application's registration.",
code='AADSTS700016',
),
    Rule(
SignInError,
"The application is disabled in its tenant.",
"Ask the tenant's administrator to enable sign-in for it.",
code='AADSTS7000112',
),
    Rule(
SignInError,
"There is no tenant with this Tenant ID.",
"Copy the Directory (tenant) ID from the Overview of the application's registration, and check the "
"field Cloud.",
code='AADSTS90002',
),
    Rule(
SignInError,
"The Tenant ID is neither a GUID nor a domain name.",
"Copy the Directory (tenant) ID from the application's registration.",
code='AADSTS900023',
),
    Rule(
SignInError,
"The Client Secret is not right.",
"Enter the secret's value, which is shown only when it is created (not its Secret ID), or create a "
"new one under Certificates & secrets.",
code='AADSTS7000215',
),
    Rule(
SignInError,
"The Client Secret has expired.",
"Create a new one under Certificates & secrets in the application's registration and enter its value "
"here.",
code='AADSTS7000222',
),
    Rule(
SignInError,
"The sign-in asks for a secret or certificate.",
"Enter the Client Secret.",
code='AADSTS7000218',
),
    Rule(
SignInError,
"The sign-in does not accept the certificate.",
"Upload its public part under Certificates & secrets in the application's registration.",
code='AADSTS700027',
),
    Rule(
SignInError,
"The sign-in refused the certificate's signature because of its time.",
"Check this machine's clock.",
code='AADSTS700024',
),
    Rule(
SignInError,
"The sign-in does not know that user name, or the user name or the password is not right.",
"Enter them again.",
code='AADSTS50126',
),
    Rule(
SignInError,
"The tenant has no user with that User Name.",
"Enter it as it stands in the Microsoft 365 admin center, like name@contoso.com.",
code='AADSTS50034',
),
    Rule(
SignInError,
"The user account is disabled in its tenant.",
"Ask the tenant's administrator to enable it.",
code='AADSTS50057',
),
    Rule(
SignInError,
"The tenant asks this user for a second factor, which a user name and password alone cannot give.",
"Use OAuth 2.0 with a client secret or a certificate instead.",
code='AADSTS50076',
),
    Rule(SignInError, "The sign-in was already used.", "Begin the sign-in again.", code='AADSTS54005'),
    Rule(SignInError, "The sign-in took too long.", "Begin the sign-in again.", code='AADSTS70008'),
    Rule(
SignInError,
"The sign-in is over, since it was not used for a long time.",
"Sign in again.",
code='AADSTS700082',
),
    Rule(
SignInError,
"The sign-in was ended, for example because the password was changed.",
"Sign in again.",
code='AADSTS50173',
),
    Rule(
SignInError,
"This site's address is not among the Redirect URLs of the application's registration.",
"Add it there under Authentication.",
code='AADSTS50011',
),
    Rule(
SignInError,
"The sign-in does not know the environment in this tenant.",
"Check that the Environment URL is spelled right and belongs to the tenant of the Tenant ID.",
code='AADSTS500011',
),
    Rule(
SignInError,
"Nobody has given the application consent to use Dataverse.",
"Grant admin consent under API permissions in the application's registration.",
code='AADSTS65001',
),
    Rule(
SignInError,
"A conditional access policy of the tenant refuses the application.",
"Ask the tenant's administrator to exclude it.",
code='AADSTS53003',
),
    # -- what is left, by status ---------------------------------------------------------------------------------
    Rule(Invalid, *_UNKNOWN_COLUMN, status=400, says=r"property named '([^']+)'", reason="unknown_column"),
    Rule(Invalid, "Dataverse refused the request. Dataverse says: {said}", status=400),
    Rule(
SignInError,
"Dataverse did not accept the application's token.",
"Check that Client ID, Tenant ID and Environment URL belong together, and that this machine's clock "
"is right.",
status=401,
),
    Rule(
AccessDenied,
"Dataverse denied access. Dataverse says: {said}",
"Assign the application user the security role Tandem Dataverse Integration.",
status=403,
),
    Rule(
Gone,
"Dataverse has nothing at that address: the row or table does not exist. Dataverse says: {said}",
status=404,
),
    Rule(Invalid, "Dataverse does not allow that operation. Dataverse says: {said}", status=405),
    Rule(Unavailable, *_TRY_LATER, status=408, repeat=True, outcome_unknown=True),
    Rule(VersionMismatch, "The row was changed in Dataverse meanwhile, so nothing was written.", status=412),
    Rule(Invalid, "The request is larger than Dataverse allows. Dataverse says: {said}", status=413),
    Rule(Throttled, *_LIMIT, status=429, repeat=True),
    Rule(
Unavailable,
"Dataverse reports an internal error.",
"Try again; if it stays, give the detail to its support.",
status=500,
repeat=True,
),
    Rule(Invalid, "Dataverse does not support that request. Dataverse says: {said}", status=501),
    Rule(Unavailable, *_TRY_LATER, status=502, repeat=True, outcome_unknown=True),
    Rule(Unavailable, *_TRY_LATER, status=503, repeat=True),
    Rule(Unavailable, *_TRY_LATER, status=504, repeat=True, outcome_unknown=True),
)  # fmt: skip

_UNKNOWN = Rule(
    Invalid,
    "Dataverse refused the request in a way that is not known here. Dataverse says: {said}",
)


def rule_for(status: int, code: str, message: str) -> tuple[Rule, str]:
    """The table's row for a refusal, and what its pattern captured. Codes count before statuses; order decides."""
    wanted = code.lower()
    for by_code in (True, False):
        for rule in RULES:
            if bool(rule.code) is not by_code:
                continue
            if rule.code.lower() != wanted if by_code else rule.status != status:
                continue
            found = re.search(rule.says, message) if rule.says else None
            if rule.says and not found:
                continue
            return rule, found.group(1) if found else ""
    return _UNKNOWN, ""


def error_for(
    status: int, code: str, message: str, *, request_id: str = "", retry_after: float | None = None
) -> DataverseError:
    """The exception for a refusal: HTTP status, service code ("0x80040217", "AADSTS7000215"), the service's words."""
    rule, name = rule_for(status, code, message)
    # The service's words go in last and are never taken for a template.
    said = message.strip()[:500] or f"HTTP {status}"
    return rule.error(
        rule.message.replace("{name}", name).replace("{said}", said),
        rule.fix.replace("{name}", name),
        status=status,
        code=code,
        said=message.strip()[:2000],
        request_id=request_id,
        retry_after=retry_after,
        reason=rule.reason,
        repeat=rule.repeat,
        outcome_unknown=rule.outcome_unknown,
    )
