"""Each refusal says whom it is about and who can help: a row of a table each, judged without a network."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataverse.error_rules import error_for
from dataverse.errors import AccessDenied, Duplicate, Gone, Invalid, NotAMember, VersionMismatch
from dataverse.refusal_words import Asked, read_named
from dataverse.whose_fault import about

OWN, OTHER, ROW = (str(UUID(int=n, version=4)) for n in (1, 2, 3))
APPLICATION = {"own": UUID(OWN)}
PERSON = {"own": UUID(OWN), "person": True}
NOBODY_KNOWN: dict[str, Any] = {}
ADMIN = "Power Platform admin center"
LONG = (
    "Principal user (Id={}, type=8, roleCount=6, privilegeCount=1491, accessMode='0 Read-Write', AADObjectId='x', "
    "MetadataCachePrivilegesCount=5214, businessUnitId=b), is missing prvWriteaccount privilege (Id=p) on OTC=1 for "
    "entity 'account'. context.Caller={}. Or identityUser.SystemUserId=x, identityUser.Roles.Count=3 is missing y"
)
SHORT = "Principal user (Id={}, type=8) is missing prvReadworkflow privilege (Id=p)"
NO_ROLE = "RetrievePrivilegeForUser: The user with id {} has not been assigned any roles. They need a role with prvX."
ACCESS = "Principal with id {} does not have WriteAccess right(s) for record with id {} of entity account"
CHECK_EX = (
    "SecLib::AccessCheckEx failed. Returned hr = -2147187962, ObjectID: {1}, OwnerId: o, OwnerIdType: 8 and "
    "CallingUser: {0}. ObjectTypeCode: 1, objectBusinessUnitId: b, AccessRights: ReadAccess"
)
CHECK = "SecLib::CheckPrivilege failed. User: {}, PrivilegeName: prvReadLead, PrivilegeId: p, Required Depth: Basic"
CRM_CHECK = "SecLib::CrmCheckPrivilege failed. Returned hr = -2147220839 on UserId: {} and Privilege: prvReadLead"
COLUMN = "User with ID {} does not have Update permissions for the creditlimit attribute in the account entity. The accountid of the record is {}"  # noqa: E501
VERIFY = (
    "RoleService::VerifyCallerPrivileges failed. User: {}, UserBU: b, PrivilegeName: prvCreateAccount, PrivilegeId: p"
)

Case = tuple[str, int, str, str, dict[str, Any], type, str, str]
CASES: list[Case] = [
    # name, status, code, the service's words, who asks, kind, part of the message, part of the remedy
    ("own privilege", 403, "0x80040220", LONG.format(OWN, OWN), APPLICATION, AccessDenied,
     "The application user lacks the privilege prvWriteaccount", "Tandem Dataverse Integration"),
    ("owner's privilege", 403, "0x80040220", LONG.format(OTHER, OTHER), APPLICATION, AccessDenied,
     f"The user {OTHER} lacks the privilege prvWriteaccount on the table account; probably the one who is to own",
     "couple the salesperson with another user"),
    ("privilege, nobody known", 403, "0x80040220", SHORT.format(OTHER), NOBODY_KNOWN, AccessDenied,
     f"The user {OTHER} lacks the privilege prvReadworkflow", "Look who that is"),
    ("a person's privilege", 403, "0x80040220", SHORT.format(OWN), PERSON, AccessDenied,
     "The user who signed in lacks", "Sign in as a System Administrator"),
    ("check privilege", 403, "0x80040220", CHECK.format(OTHER), APPLICATION, AccessDenied, "prvReadLead", ADMIN),
    ("crm check privilege", 403, "0x80040299", CRM_CHECK.format(OTHER), APPLICATION, AccessDenied, OTHER, ADMIN),
    ("own crm check", 403, "0x80040299", CRM_CHECK.format(OWN), APPLICATION, AccessDenied,
     "The application user lacks the privilege prvReadLead", "Tandem Dataverse Integration"),
    ("giving what one lacks", 403, "0x80040220", VERIFY.format(OWN), PERSON, AccessDenied,
     "nobody gives what they do not have", "System Administrator"),
    ("own role", 403, "0x80042F09", NO_ROLE.format(OWN), APPLICATION, AccessDenied,
     "The application user has no security role.", "Tandem Dataverse Integration"),
    ("owner's role", 403, "0x80042F09", NO_ROLE.format(OTHER), APPLICATION, AccessDenied,
     f"The user {OTHER} has no security role", "couple the salesperson with another user"),
    ("a person's role", 403, "0x80042F09", NO_ROLE.format(OWN), PERSON, AccessDenied,
     "The user who signed in has no security role", "Sign in as a System Administrator"),
    ("owner team's role", 403, "0x80042F0A", "The team has not been assigned any roles.", APPLICATION, AccessDenied,
     "The team that is to own the row", "Owning Team Roles"),
    ("own depth", 403, "0x80048306", ACCESS.format(OWN, ROW), APPLICATION, AccessDenied,
     f"the row {ROW} of account", "organization level"),
    ("other's depth", 403, "0x80048306", CHECK_EX.format(OTHER, ROW), APPLICATION, AccessDenied,
     f"Another user than the caller (user {OTHER})", "choose another owner"),
    ("secured column", 403, "0x8004F507", COLUMN.format(OWN, ROW), APPLICATION, AccessDenied,
     "may not update the column creditlimit of account", "Column security profiles"),
    ("no member", 403, "0x80072560", "The user is not a member of the organization.", APPLICATION, NotAMember,
     "no application user for the Client ID", "Application users"),
    ("a person is no member", 403, "0x80072560", "The user is not a member.", PERSON, NotAMember,
     "does not know who signed in", "a guest needs a licence of the environment's own tenant"),
    ("application restricted", 403, "0x80095ffc", f"restricted for this application Id : '{OTHER}'.", PERSON,
     AccessDenied, f"for people who sign in through them, and this one ({OTHER})", "App access control"),
    ("IP firewall", 403, "0x80095ffe", "access to your ip is blocked.", PERSON, AccessDenied,
     "IP firewall", "the address of this site's server"),
    ("restricted place", 403, "0x80072561", "The user is in an admin restricted location.", PERSON, AccessDenied,
     "policy about places", "named locations"),
    ("licence", 403, "0x8004d24b", "The user has not been assigned any License", PERSON, AccessDenied,
     "no licence", "a guest needs one of the environment's own tenant"),
    ("storage", 500, "0x80072325", "The storage limit for the database has been met.", APPLICATION, AccessDenied,
     "storage is full", "free or buy capacity"),
    ("something between", 403, "", "", APPLICATION, AccessDenied, "without saying why", "proxy or firewall"),
    ("owner disabled", 400, "0x8004022B", "The specified owner has been disabled.", APPLICATION, Invalid,
     "that is to own the row is disabled", "Enable the user"),
    ("plug-in", 400, "0x80040265", "Kredit gesperrt!", APPLICATION, Invalid,
     "with its own words: Kredit gesperrt!", "whoever looks after the plug-in"),
    ("duplicate rule, 412", 412, "0x80040333", "a duplicate", APPLICATION, Duplicate, "duplicate detection", "Couple"),
    ("duplicate rule, 500", 500, "0x80040333", "a duplicate", APPLICATION, Duplicate, "duplicate detection", "merge"),
    ("alternate key", 412, "0x80060892", "Entity Key violated.", APPLICATION, Duplicate, "the same key", "Couple"),
    ("inactive", 400, "0x80040230", "inactive.", APPLICATION, Invalid, "or inactive", "it was merged into"),
    ("state", 400, "0x80040233", "not in a valid state", APPLICATION, Invalid, "state", "Change its state there"),
    ("state, another code", 400, "0x8004022E", "not valid", APPLICATION, Invalid, "state", "Change its state there"),
    ("licence, another code", 403, "0x80041D66", "no license", APPLICATION, AccessDenied, "no licence", "Assign one"),
    ("storage, another code", 400, "0x8004B057", "quota", APPLICATION, AccessDenied, "storage is full", "capacity"),
    ("secured column, another code", 403, "0x8004F506", COLUMN.format(OWN, ROW), APPLICATION, AccessDenied,
     "the column creditlimit of account", "Column security profiles"),
    ("language, another code", 400, "0x80060751", "UI", APPLICATION, Invalid, "the environment's own", "base language"),
    ("language", 400, "0x80060750", "UI language", APPLICATION, Invalid, "the environment's own", "base language"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case[0] for case in CASES])
def test_a_refusal_says_whom_it_is_about_and_who_can_help(case: Case) -> None:
    _, status, code, said, who, kind, message, fix = case
    found = about(error_for(status, code, said), Asked("PATCH", f"accounts({ROW})", **who))
    assert type(found) is kind
    assert message in found.message
    assert fix in found.fix
    assert (found.status, found.code, found.said) == (status, code, said), "support sees what the service said"
    assert not found.repeat, "none of them is worth sending again unchanged"


GONE = "{} With Id = {} Does Not Exist"
MISSING: list[tuple[str, str, str, str, type, str]] = [
    # name, method, path, the service's words, kind, part of the message
    ("the row itself", "PATCH", f"accounts({ROW})", GONE.format("account", ROW), Gone, "The row no longer exists"),
    ("its letters' case", "DELETE", f"accounts({ROW.upper()})", GONE.format("Account", ROW), Gone, "no longer exists"),
    ("the owner", "PATCH", f"accounts({ROW})", GONE.format("SystemUser", OTHER), Invalid, f"(user {OTHER})"),
    ("the owner of a new row", "POST", "accounts", GONE.format("systemuser", OTHER), Invalid, "is to own the row"),
    ("the owning team", "POST", "accounts", GONE.format("team", OTHER), Invalid, "The team that is to own"),
    ("a lookup's target", "POST", "contacts", GONE.format("account", OTHER), Invalid, f"account {OTHER}"),
    ("rows of a bulk message", "POST", "contacts/Microsoft.Dynamics.CRM.UpdateMultiple",
     f"Contact With Ids = {ROW}, {OTHER} Do Not Exist", Gone, "no longer exists"),
    ("the target of a bulk message", "POST", "contacts/Microsoft.Dynamics.CRM.CreateMultiple",
     f"Account With Ids = {ROW} Do Not Exist", Invalid, "refers to no longer exists"),
    ("a member to be added", "POST", f"teams({ROW})/teammembership_association/$ref",
     GONE.format("systemuser", OTHER), Gone, "no longer exists"),
    ("a row that is read", "GET", "organizations", GONE.format("organization", OTHER), Gone, "no longer exists"),
    ("another wording", "PATCH", f"accounts({ROW})", "Nicht vorhanden", Gone, "no longer exists"),
]  # fmt: skip


@pytest.mark.parametrize("case", MISSING, ids=[case[0] for case in MISSING])
def test_what_does_not_exist_is_the_row_itself_its_owner_or_what_it_refers_to(
    case: tuple[str, str, str, str, type, str],
) -> None:
    _, method, path, said, kind, message = case
    found = about(error_for(404, "0x80040217", said), Asked(method, path, UUID(OWN)))
    assert type(found) is kind
    assert message in found.message
    assert found.reason == ("record_gone" if kind is Gone else "reference_not_coupled")


def test_a_row_that_is_there_already_was_not_changed_meanwhile() -> None:
    there = error_for(412, "0x80099999", "Currency DKK exists already.")
    assert isinstance(there, VersionMismatch)
    made = about(there, Asked("POST", "transactioncurrencies", UUID(OWN)))
    assert isinstance(made, Duplicate)
    assert "DKK exists already" in made.message
    assert about(there, Asked("PATCH", f"accounts({ROW})")) is there


def test_a_refusal_without_a_rule_gets_no_guessed_advice() -> None:
    token = about(error_for(401, "", "Etwas anderes."), Asked("POST", "accounts", UUID(OWN)))
    assert ("Etwas anderes." in token.message, token.fix) == (True, "")
    for status in (400, 403, 405, 409, 418):
        unknown = about(error_for(status, "0x80099998", "Etwas anderes."), Asked("POST", "accounts", UUID(OWN)))
        assert "Etwas anderes." in unknown.message
        assert unknown.fix == ""


def test_a_definition_that_was_not_made_is_no_row_with_the_same_key() -> None:
    error = error_for(400, "0x80040237", "Operation failed due to a SQL integrity violation.")
    made = about(error, Asked("POST", "EntityDefinitions", UUID(OWN)))
    assert isinstance(made, Duplicate)
    assert "row" not in made.message
    assert about(error, Asked("POST", "accounts", UUID(OWN))) is error


@given(st.text(max_size=200), st.sampled_from([case[2] for case in CASES] + ["0x80040217", ""]))
def test_any_words_give_a_whole_sentence_and_keep_what_support_needs(said: str, code: str) -> None:
    error = error_for(403, code, said)
    found = about(error, Asked("PATCH", f"accounts({ROW})", UUID(OWN)))
    assert found.message
    assert (found.code, found.status, found.said) == (error.code, error.status, error.said)


@given(st.uuids(), st.uuids())
def test_each_shape_names_its_user_and_its_record(user: UUID, record: UUID) -> None:
    for shape in (LONG, SHORT, NO_ROLE, ACCESS, CHECK_EX, CHECK, CRM_CHECK, COLUMN, VERIFY):
        named = read_named(shape.format(user, record))
        assert named.user == str(user), shape
    assert {read_named(one.format(user, record)).record for one in (ACCESS, CHECK_EX, COLUMN)} == {str(record)}
