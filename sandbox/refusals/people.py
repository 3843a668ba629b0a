"""Refusals 15 to 26 and 38 to 40: who may not come in, who lacks what, and what sign-in says."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from sandbox.base.asked import SIGN_IN, Asked
from sandbox.base.messages import Response
from sandbox.identity.policy import KEY_REASONS, PAGE, TEXTS, TOKEN
from sandbox.identity.policy import Refusal as Number
from sandbox.identity.records import SignInError
from sandbox.identity.sign_in_pages import error_page
from sandbox.refusals.answers import SOMEBODY, ErrorAnswer, Refusal, Settings, json_error, names_of

_UNIT = "2b8f0f6e-6c0d-4d5c-9d0b-0e1b8f7a1c01"
_PRIVILEGE = "7863e80f-0ab2-4d67-a641-37d9f342c7e3"
_LONG = (
    "Principal user (Id={id}, type=8, roleCount=6, privilegeCount=1491, accessMode='0 Read-Write', AADObjectId='"
    "0d0f2a2e-3a9c-4d6b-8a57-11d0f6b7e210', MetadataCachePrivilegesCount=5214, businessUnitId="
    + _UNIT
    + "), is missing "
    "{privilege} privilege (Id=" + _PRIVILEGE + ") on OTC=1 for entity '{table}'. context.Caller={id}. Or "
    "identityUser.SystemUserId={id}, identityUser.Privileges.Count=1491, identityUser.Roles.Count=6 is missing "
    "{privilege} privilege (Id=" + _PRIVILEGE + ") on OTC=1 for entity '{table}'"
)
_SHAPES = {
    "long": _LONG,
    "short": "Principal user (Id={id}, type=8) is missing {privilege} privilege (Id=" + _PRIVILEGE + ")",
    "CheckPrivilege": "SecLib::CheckPrivilege failed. User: {id}, PrivilegeName: {privilege}, PrivilegeId: "
    + _PRIVILEGE
    + ", Required Depth: Basic, BusinessUnitId: " + _UNIT + ", MetadataCache Privileges Count: 5214, User Privileges "
    "Count: 1491",
    "CrmCheckPrivilege": "SecLib::CrmCheckPrivilege failed. Returned hr = -2147220839 on UserId: {id} and Privilege: "
    "{privilege}",
}  # fmt: skip
_ACCESS = {
    "principal": "Principal with id {id} does not have WriteAccess right(s) for record with id {record} of entity "
    "{table}",
    "AccessCheckEx": "SecLib::AccessCheckEx failed. Returned hr = -2147187962, ObjectID: {record}, OwnerId: "
    + SOMEBODY
    + ", OwnerIdType: 8 and CallingUser: {id}. ObjectTypeCode: 1, objectBusinessUnitId: " + _UNIT + ", AccessRights: "
    "WriteAccess",
}  # fmt: skip
_COLUMN = {"Update": "0x8004F507", "Create": "0x8004F502", "Read": "0x8004F504"}
_METADATA = ("EntityDefinitions", "GlobalOptionSetDefinitions", "RelationshipDefinitions")
_VERBS = {"GET": "Read", "POST": "Create", "DELETE": "Delete"}
_CLAIMS = b64encode(b'{"access_token":{"nbf":{"essential":true,"value":"1764547200"}}}').decode()


def _ids(asked: Asked, settings: Settings) -> dict[str, str]:
    """Return what the names in a message stand for; the first id is the caller's own where the entry gives none."""
    names = names_of(asked, settings)
    own = settings.ids[0] if settings.ids else names["user"]
    record = settings.ids[1] if len(settings.ids) > 1 else SOMEBODY
    privilege = f"prv{_VERBS.get(asked.method, 'Write')}{names['table']}"
    return {**names, "id": own, "record": record, "privilege": privilege}


def _said(asked: Asked, settings: Settings, status: int, code: str, message: str, **more: str) -> Response:
    text = settings.message or message.format_map({**_ids(asked, settings), **more})
    return json_error(settings.status or status, {"code": settings.code or code, "message": text})


def _lacks(asked: Asked, settings: Settings) -> Response:
    code = "0x80040299" if settings.variant == "CrmCheckPrivilege" else "0x80040220"
    return _said(asked, settings, 403, code, _SHAPES[settings.variant or "long"])


def _other_lacks(asked: Asked, settings: Settings) -> Response:
    whose = {} if settings.ids else {"id": SOMEBODY}
    read = f"prvRead{asked.table or 'account'}"
    return _said(asked, settings, 403, "0x80040220", _LONG, privilege=read, **whose)


def _no_roles(asked: Asked, settings: Settings) -> Response:
    message = (
        "RetrievePrivilegeForUser: The user with id {id} has not been assigned any roles. They need a role with the "
        "prvReadAccount privilege."
    )
    return _said(asked, settings, 403, "0x80042F09", message)


def _no_access(asked: Asked, settings: Settings) -> Response:
    return _said(asked, settings, 403, "0x80048306", _ACCESS[settings.variant])


def _secured(asked: Asked, settings: Settings) -> Response:
    message = (
        "User with ID {id} does not have {right} permissions for the creditlimit attribute in the {table} entity. The "
        "{table}id of the record is {record}"
    )
    return _said(asked, settings, 403, _COLUMN[settings.variant], message, right=settings.variant)


def _no_metadata(asked: Asked, settings: Settings) -> Response:
    return _said(asked, settings, 403, "0x80040220", _LONG, privilege="prvReadEntity", table="entity")


def _lacks_oneself(asked: Asked, settings: Settings) -> Response:
    message = (
        "RoleService::VerifyCallerPrivileges failed. User: {id}, UserBU: " + _UNIT + ", PrivilegeName: "
        "prvCreateAccount, PrivilegeId: " + _PRIVILEGE + ", Depth: Global, BusinessUnitId: " + _UNIT + ", "
        "MissingPrivilegeCount: 16"
    )  # fmt: skip
    return _said(asked, settings, 403, "0x80040220", message)


def _claims(_: Asked, settings: Settings) -> Response:
    challenge = (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", '
        'client_id="00000003-0000-0ff1-ce00-000000000000", error="insufficient_claims", error_description="Continuous '
        "access evaluation resulted in challenge with result: InteractionRequired and code: "
        f'TokenIssuedBeforeRevocationTimestamp", claims="{_CLAIMS}"'
    )
    return Response(settings.status or 401, b"", {"WWW-Authenticate": challenge, "Content-Type": "text/html"})


def _is_let_in(asked: Asked, settings: Settings) -> bool:
    """Judge as access control and firewall do: tokens of people alone, unless all are meant."""
    return settings.variant == "all" or bool(asked.person)


# -- sign-in ----------------------------------------------------------------------------------------------------------

_TOKEN, _AUTHORIZE, _CONSENT = "oauth2/v2.0/token", "oauth2/v2.0/authorize", "v2.0/adminconsent"  # nosec B105
_TOKEN_NUMBERS = (7000215, 7000222, 7000218, 700025, 1002012, 700016, 90002, 90038)
_PAGE_NUMBERS = (50194, 50011, 50105, 90095, 65004, 90094, 53003, 50076, 50079, 530035, 50020, 53000, 70043, 650052)


def _error_of(settings: Settings) -> SignInError:
    """Return the error of a number, or of 700027 for one of its reasons."""
    if settings.variant in KEY_REASONS:
        text = settings.message or KEY_REASONS[settings.variant]
        return Number(700027, TOKEN, text=text).sign_in_error()
    number = int(settings.variant)
    return Number(number, TEXTS[number][0], text=settings.message).sign_in_error()


def _token_error(_: Asked, settings: Settings) -> Response:
    error = _error_of(settings)
    return Response(settings.status or error.status, error.body(), {"Content-Type": "application/json; charset=utf-8"})


def _browser_error(asked: Asked, settings: Settings) -> Response:
    place, error = TEXTS[int(settings.variant)][0], _error_of(settings)
    if place == TOKEN:
        return _token_error(asked, settings)
    if place == PAGE:
        headers = {"Content-Type": "text/html; charset=utf-8"}
        return Response(settings.status or error.status, error_page(error).encode(), headers)
    return _redirect(asked, {"error": error.error, "error_description": error.description()})


def _redirect(asked: Asked, values: Mapping[str, str]) -> Response:
    """Return to the application that a browser came from, with these values and its state."""
    sent = {**dict(parse_qsl(asked.body.decode("utf-8", "replace"))), **dict(parse_qsl(asked.query))}
    address = sent.get("redirect_uri", "")
    state = {"state": sent["state"]} if "state" in sent else {}
    mark = "&" if urlsplit(address).query else "?"
    location = f"{address}{mark}{urlencode({**values, **state})}"
    return Response(302, b"", {"Location": location, "Content-Type": "text/html; charset=utf-8"})


def _is_at(*shapes: str) -> Callable[[Asked, Settings], bool]:
    return lambda asked, _: asked.shape in shapes


def _is_place(asked: Asked, settings: Settings) -> bool:
    """Judge whether a number is given here: on the page when it opens, by redirect once somebody signed in."""
    place = TEXTS[int(settings.variant)][0]
    if place == TOKEN:
        return asked.shape == _TOKEN
    return asked.shape == _AUTHORIZE and (place == PAGE or asked.method == "POST")


def _consent(asked: Asked, settings: Settings) -> Response:
    sent = dict(parse_qsl(asked.query))
    tenant = asked.path.strip("/").partition("/")[0]
    values = {"admin_consent": "True", "tenant": tenant, "scope": sent.get("scope", "")}
    if settings.variant == "declined":
        said = settings.message or "AADSTS65004: The resource owner or authorization server denied the request."
        values |= {"error": "consent_required", "error_description": said}
    return _redirect(asked, values)


_RESTRICTED = (
    "Access to Dataverse API is restricted for this application Id : '{application}'. Please contact your "
    "administrator for more information."
)
_BLOCKED = (
    "The request you are trying to make is rejected as access to your ip is blocked. Contact your administrator for "
    "more information."
)
_WHO = ("people", "all")

REFUSALS: tuple[Refusal, ...] = (
    Refusal(
        15,
        "the environment has no user, or not yet",
        ErrorAnswer(403, "0x80072560", "The user is not a member of the organization."),
    ),
    Refusal(16, "the caller lacks a privilege", _lacks, variants=tuple(_SHAPES)),
    Refusal(17, "another user lacks a privilege: the owner", _other_lacks),
    Refusal(18, "the owner has no role", _no_roles),
    Refusal(
        19,
        "the team that is to own a row has no role",
        ErrorAnswer(403, "0x80042F0A", "The team has not been assigned any roles."),
    ),
    Refusal(20, "the depth of a privilege is too small for the row", _no_access, variants=tuple(_ACCESS)),
    Refusal(21, "a column is secured", _secured, variants=tuple(_COLUMN)),
    Refusal(
        22,
        "metadata is read without the privilege",
        _no_metadata,
        strikes=lambda asked, _: asked.shape.startswith(_METADATA),
    ),
    Refusal(23, "somebody gives a privilege they do not have", _lacks_oneself),
    Refusal(24, "app access control", ErrorAnswer(403, "0x80095ffc", _RESTRICTED), strikes=_is_let_in, variants=_WHO),
    Refusal(25, "the IP firewall", ErrorAnswer(403, "0x80095ffe", _BLOCKED), strikes=_is_let_in, variants=_WHO),
    Refusal(26, "the session was revoked", _claims),
    Refusal(
        38,
        "the token endpoint refuses the application",
        _token_error,
        strikes=_is_at(_TOKEN),
        variants=(*map(str, _TOKEN_NUMBERS), *KEY_REASONS),
        place=SIGN_IN,
    ),
    Refusal(
        39,
        "the sign-in of a person is refused: on the page, by redirect or for the token",
        _browser_error,
        strikes=_is_place,
        variants=tuple(map(str, _PAGE_NUMBERS)),
        place=SIGN_IN,
    ),
    Refusal(
        40,
        "admin consent comes back",
        _consent,
        strikes=_is_at(_CONSENT),
        variants=("given", "declined"),
        place=SIGN_IN,
    ),
)
