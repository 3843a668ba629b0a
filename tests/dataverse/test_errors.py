"""Every row of the error table, over the wire: what comes in, which error it becomes, whether it is sent again."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from dataverse.client import DataverseClient
from dataverse.error_rules import RULES, rule_for
from dataverse.errors import (
    AccessDenied,
    AdministrationMode,
    ChangesExpired,
    ConfigurationError,
    CustomizationLocked,
    CustomizationsBlocked,
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
)
from tests.dataverse.server import Reply, Server

SEGMENT = "Resource not found for the segment 'tandem_companies'."
NO_PROPERTY = "Could not find a property named 'foo' on type 'Microsoft.Dynamics.CRM.account'."
OWNER = (
    "RetrievePrivilegeForUser: The user with id 11111111-2222-3333-4444-555555555555 has not been assigned any roles."
)
UNDECLARED = "An undeclared property 'foo' which only has property annotations in the payload"


class Refusal(NamedTuple):
    """What comes over the wire, the error it becomes, and a part of what a person reads."""

    status: int
    code: str
    said: str
    error: type[DataverseError]
    reason: str
    message: str


ROWS = [
    (403, "0x80072560", "The user is not a member of the organization.", NotAMember, "sign_in", "no application user"),
    (403, "0x8004A104", "currently disabled", EnvironmentDisabled, "unreachable", "environment is disabled"),
    (403, "0x8004A113", "Admin Only mode", AdministrationMode, "unreachable", "administration mode"),
    (403, "0x80040225", "The specified user is disabled", AccessDenied, "denied", "application user is disabled"),
    (401, "0x8004A112", "The system user was disabled", SignInError, "sign_in", "application user is disabled"),
    (403, "0x80042F09", "not been assigned any roles", AccessDenied, "denied", "application user has no security role"),
    (403, "0x80042f09", OWNER, AccessDenied, "denied", "11111111-2222-3333-4444-555555555555 has no security role"),
    (403, "0x80095ffc", "Access to Dataverse API is restricted", AccessDenied, "denied", "admits only applications"),
    (403, "0x80095ffe", "access to your ip is blocked", AccessDenied, "denied", "IP firewall does not admit"),
    (403, "0x80042F0A", "The team has not been assigned any roles.", AccessDenied, "denied", "The team that is to own"),
    (403, "0x80072561", "admin restricted location", AccessDenied, "denied", "policy about places"),
    (500, "0x80072325", "The storage limit has been met.", AccessDenied, "refused", "storage is full"),
    (400, "0x8004B057", "quota exceeded", AccessDenied, "refused", "storage is full"),
    (403, "0x80041D66", "no license", AccessDenied, "denied", "no licence"),
    (403, "0x80040299", "CrmCheckPrivilege failed: prvReadLead", AccessDenied, "denied", "privilege prvReadLead"),
    (403, "0x80040299", "CrmCheckPrivilege failed", AccessDenied, "denied", "lacks a privilege"),
    (
        400,
        "0x8004022B",
        "The owner is disabled",
        Invalid,
        "reference_not_coupled",
        "that is to own the row is disabled",
    ),
    (400, "0x80040233", "not in a valid state", Invalid, "value_invalid", "state in Dataverse does not allow"),
    (400, "0x8004022E", "not valid", Invalid, "value_invalid", "state in Dataverse does not allow"),
    (400, "0x80060750", "UI language", Invalid, "configuration", "language is the environment's own"),
    (400, "0x80060751", "UI language", Invalid, "configuration", "language is the environment's own"),
    (403, "0x8004D24B", "not been assigned any License", AccessDenied, "denied", "no licence"),
    (403, "0x80040220", "missing prvReadAccount privilege", AccessDenied, "denied", "privilege prvReadAccount"),
    (403, "0x80040220", "SecLib::CheckPrivilege failed", AccessDenied, "denied", "lacks a privilege"),
    (403, "0x80048306", "Not enough privilege to access", AccessDenied, "denied", "may not use this row"),
    (403, "0x8004F504", "no read permissions to a secured field", AccessDenied, "denied", "may not read it"),
    (403, "0x8004F507", "no AttributePrivilegeUpdate", AccessDenied, "denied", "may not change it"),
    (404, "0x80040217", "account With Id = x Does Not Exist", Gone, "record_gone", "no longer exists"),
    (404, "0x80060891", "A record with the specified key values", Gone, "record_gone", "has that key"),
    (400, "0x8006089D", "More than one record exists", Invalid, "duplicate", "Several rows"),
    (412, "0x80040237", "Cannot insert duplicate key.", Duplicate, "duplicate", "with this id or key"),
    (400, "0x8004700b", "An entity with the specified name already exists.", Duplicate, "duplicate", "table of that"),
    (400, "0x80044363", "The schema name is not unique.", Duplicate, "duplicate", "column or relationship of that"),
    (429, "0x80071151", "Cannot start another [EntityCustomization]", CustomizationLocked, "refused", "one at a time"),
    (503, "0x80071151", "CustomizationLockException: [Import]", CustomizationLocked, "refused", "one at a time"),
    (503, "0x80048d3d", "Could not acquire Write lock", CustomizationLocked, "refused", "busy with other changes"),
    (400, "0x80072042", "doesn't allow unmanaged", CustomizationsBlocked, "refused", "not allow unmanaged"),
    (400, "0x80044195", "The language code 1033 is not valid", Invalid, "configuration", "does not have"),
    (400, "0x80047019", "your language does not match", Invalid, "configuration", "base language"),
    (400, "0x8004F510", "We didn't find that application", ConfigurationError, "sign_in", "consented to it"),
    (400, "0x8004F511", "A second user", Duplicate, "duplicate", "user for this application"),
    (400, "0x80041D48", "cannot not be updated", Invalid, "denied", "be changed"),
    (400, "0x8004F023", "already being used", Duplicate, "duplicate", "solution of that name"),
    (400, "0x80047013", "An attribute with the specified name", Duplicate, "duplicate", "column of that name"),
    (400, "0x8004432B", "already exists", Duplicate, "duplicate", "relationship of that name"),
    (400, "0x80072551", "NavigationPropertyName is not unique", Duplicate, "duplicate", "relationship of that name"),
    (400, "0x80060893", "already exists", Duplicate, "duplicate", "key of that name"),
    (400, "0x80060894", "already exists", Duplicate, "duplicate", "key of these columns"),
    (400, "0x80060890", "same name exists in solution", Duplicate, "duplicate", "in a solution"),
    (400, "0x80044345", "already exists", Duplicate, "duplicate", "choice of that name"),
    (400, "0x80048403", "already exists", Duplicate, "duplicate", "option of that value"),
    (400, "0x80041403", "A role with the specified name", Duplicate, "duplicate", "security role of that name"),
    (
        500,
        "0x80040333",
        "A duplicate of the current record exists.",
        Duplicate,
        "duplicate",
        "duplicate detection rule",
    ),
    (412, "0x80060892", "Entity Key A violated.", Duplicate, "duplicate", "Entity Key A violated."),
    (
        400,
        "0x80043b08",
        "This product and unit combination has a price",
        Duplicate,
        "duplicate",
        "has a price for this",
    ),
    (400, "0x80040230", "The object cannot be updated", Invalid, "value_invalid", "The row is closed in Dataverse"),
    (400, "0x8004F915", "You can't retire this product", Invalid, "value_invalid", "does not retire the product"),
    (412, "0x80040333", "a duplicate of the current record", Duplicate, "duplicate", "duplicate detection rule"),
    (412, "0x80060882", "The version of the existing", VersionMismatch, "update_conflict", "changed in Dataverse"),
    (400, "0x80040227", "is associated with another object", Invalid, "refused", "others refer to it"),
    (400, "0x80044331", "exceeded the maximum allowed length", Invalid, "value_too_long", "longer than its Dataverse"),
    (400, "0x80040200", "Required field missing.", Invalid, "value_invalid", "column that it requires"),
    (400, "0x8004431A", "outside the valid range", Invalid, "unknown_choice", "no such value"),
    (400, "0x8004432F", "outside of the allowed values", Invalid, "value_invalid", "whole number is outside"),
    (400, "0x80044330", "outside of the allowed values", Invalid, "value_invalid", "A number is outside"),
    (400, "0x80048408", "2 is not a valid status code", Invalid, "value_invalid", "does not go with"),
    (400, "0x80060888", NO_PROPERTY, Invalid, "unknown_column", "know the column foo"),
    (400, "0x80048d19", UNDECLARED, Invalid, "unknown_column", "know the column foo"),
    (400, "0x80041103", "The attribute with a name of 'foo'", Invalid, "unknown_column", "know the column foo"),
    (404, "0x80060888", SEGMENT, Invalid, "configuration", "no table tandem_companies"),
    (400, "0x80048d19", "Cannot convert the literal 'x'", Invalid, "value_invalid", "could not read a value"),
    (400, "0x80041103", "does not exist on this entity", Invalid, "unknown_column", "no such column"),
    (404, "0x80041102", "The specified entity was not found.", Invalid, "configuration", "no such table"),
    (400, "0x80040203", "Invalid Argument.", Invalid, "value_invalid", "not valid"),
    (400, "0x80040265", "ISV code aborted the operation.", Invalid, "refused", "plug-in or workflow"),
    (400, "0x80044352", "Version stamp has expired.", ChangesExpired, "refused", "too old"),
    (400, "0x80072491", "isn't enabled for change tracking.", Invalid, "configuration", "not turned on"),
    (429, "0x80072322", "Number of requests exceeded", Throttled, "throttled", "continue by themselves"),
    (429, "0x80072321", "Combined execution time", Throttled, "throttled", "continue by themselves"),
    (429, "0x80072326", "Number of concurrent requests", Throttled, "throttled", "continue by themselves"),
    (429, "0x8005F103", "Too many requests.", Throttled, "throttled", "continue by themselves"),
    (500, "0x80044151", "SQL timeout expired.", Unavailable, "unreachable", "Try again in a few minutes"),
    (500, "0x80044150", "Generic SQL error.", Unavailable, "unreachable", "Try again in a few minutes"),
    (400, "", NO_PROPERTY, Invalid, "unknown_column", "know the column foo"),
    (400, "0x80099999", "whatever", Invalid, "refused", "Dataverse says: whatever"),
    (401, "", "no", SignInError, "sign_in", "did not accept the application's token"),
    (403, "0x80099999", "no", AccessDenied, "denied", "denied access"),
    (404, "0x80099999", "no", Gone, "record_gone", "nothing at that address"),
    (405, "0x80060888", "The HTTP method 'DELETE' is not allowed", Invalid, "refused", "does not allow that operation"),
    (408, "", "late", Unavailable, "unreachable", "Try again in a few minutes"),
    (412, "", "no", VersionMismatch, "update_conflict", "changed in Dataverse"),
    (413, "", "too large", Invalid, "refused", "larger than Dataverse allows"),
    (429, "", "slow down", Throttled, "throttled", "continue by themselves"),
    (500, "0x80040216", "An unexpected error occurred.", Unavailable, "unreachable", "internal error"),
    (501, "0x80060888", "not covered", Invalid, "refused", "does not support"),
    (502, "", "bad gateway", Unavailable, "unreachable", "Try again in a few minutes"),
    (503, "", "unavailable", Unavailable, "unreachable", "Try again in a few minutes"),
    (504, "", "gateway time-out", Unavailable, "unreachable", "Try again in a few minutes"),
]
REFUSALS = [Refusal(*row) for row in ROWS]

SIGN_IN = {
    "AADSTS700016": "does not know the Client ID",
    "AADSTS7000112": "application is disabled",
    "AADSTS90002": "no tenant with this Tenant ID",
    "AADSTS900023": "neither a GUID nor a domain name",
    "AADSTS7000215": "Client Secret is not right",
    "AADSTS7000222": "Client Secret has expired",
    "AADSTS7000218": "asks for a secret or certificate",
    "AADSTS700027": "does not accept the certificate",
    "AADSTS700024": "machine's clock",
    "AADSTS50126": "password is not right",
    "AADSTS50034": "no user with that User Name",
    "AADSTS50057": "user account is disabled",
    "AADSTS50076": "second factor",
    "AADSTS54005": "already used",
    "AADSTS70008": "took too long",
    "AADSTS700082": "not used for a long time",
    "AADSTS50173": "Sign in again",
    "AADSTS50011": "Redirect URLs",
    "AADSTS500011": "does not know the environment",
    "AADSTS65001": "Grant admin consent",
    "AADSTS53003": "conditional access",
}


def reply(status: int, code: str, said: str) -> Reply:
    return Reply(status, {"error": {"code": code, "message": said}}, {"REQ_ID": "r-7"})


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda one: f"{one.status} {one.code} {one.said[:12]}")
def test_a_refusal_becomes_its_error_and_is_sent_again_only_where_that_is_safe(
    server: Server, client: DataverseClient, refusal: Refusal
) -> None:
    server.answer = lambda received: reply(refusal.status, refusal.code, refusal.said)
    with pytest.raises(DataverseError) as caught:
        client.get("accounts", "11111111-2222-3333-4444-555555555555", select=["name"])
    error = caught.value
    assert (type(error), error.reason) == (refusal.error, refusal.reason)
    assert refusal.message in error.user_message
    assert "{" not in error.user_message
    assert "0x" not in error.user_message.replace(refusal.said, "")
    for word in (f"HTTP {refusal.status}", refusal.code, "r-7"):
        assert word in error.detail
    # After a limit that names no wait it is sent until the doubled waits are too long to sleep; chance spreads them.
    times = {Throttled: {4, 5}, Unavailable: {4}}.get(refusal.error, {2 if refusal.status == 401 else 1})
    assert len(server.api) in times


@pytest.mark.parametrize(("code", "says"), SIGN_IN.items())
def test_a_refused_sign_in_says_what_to_do(server: Server, client: DataverseClient, code: str, says: str) -> None:
    def refuse(received: Any) -> Reply:
        if received.method == "GET":
            return server.token(received)
        said = f"{code}: Something was not right. Trace ID: 1 Correlation ID: 2"
        return Reply(400, {"error": "invalid_client", "error_description": said})

    server.sign_in = refuse
    with pytest.raises(SignInError) as caught:
        client.who_am_i()
    assert says in caught.value.user_message
    assert (caught.value.code, caught.value.reason) == (code, "sign_in")
    assert "Trace ID" not in caught.value.detail
    assert server.api == []


def test_every_row_of_the_table_is_tested() -> None:
    tested = {id(rule_for(one.status, one.code, one.said)[0]) for one in REFUSALS}
    tested |= {id(rule_for(0, code, "x")[0]) for code in SIGN_IN}
    assert [rule for rule in RULES if id(rule) not in tested] == []


@pytest.mark.parametrize(("status", "sent"), [(500, 1), (502, 1), (503, 1), (504, 1), (408, 1), (522, 1)])
def test_a_create_without_an_id_is_not_sent_again_when_a_gateway_answered_for_the_service(
    server: Server, client: DataverseClient, status: int, sent: int
) -> None:
    server.answer = lambda received: reply(status, "", "no")
    with pytest.raises(Unavailable) as caught:
        client.create("accounts", {"name": "x"})
    assert len(server.api) == sent
    assert caught.value.outcome_unknown is (sent == 1)


def test_an_unknown_refusal_fails_with_the_service_s_words(
    server: Server, client_of: Callable[..., DataverseClient]
) -> None:
    server.answer = lambda received: reply(418, "0x12345678", "teapot")
    with pytest.raises(Invalid, match="teapot"):
        client_of().who_am_i()
    assert len(server.api) == 1
