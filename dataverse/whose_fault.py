"""Whom a refusal is about: the caller, the one who is to own the row, the target of a lookup, or the environment; pure.

A 403 names a user, a 404 a table and an id. Only where they are the caller's own, or the row's that was asked for, is
the usual advice right; advice about the application's role helps nobody whose colleague has none. What has no rule
here keeps the service's words, and gets no guessed advice.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from dataverse.error_rules import OWN_ROLE
from dataverse.errors import (
    AccessDenied,
    DataverseError,
    Duplicate,
    Gone,
    Invalid,
    NotAMember,
    VersionMismatch,
    as_sentence,
)
from dataverse.refusal_words import GUID, Asked, Named, read_named

_COLUMN = re.compile(r"(Create|Read|Update) permissions for the (\w+) attribute in the (\w+) entity")
_MISSING = re.compile(rf"(\w+) With\sIds? = ({GUID}(?:, *{GUID})*) Do(?:es)?\sNot\sExist", re.IGNORECASE)
_OWNERS = frozenset({"systemuser", "team", "owner"})
_ADMIN_CENTER = "in the Power Platform admin center under Users + permissions"
_ROLE = "Tandem Dataverse Integration"


def about(error: DataverseError, asked: Asked) -> DataverseError:
    """Return the error with the sentence and remedy of whom it is about; the same one where that is what it says."""
    known = _CODES.get(error.code.lower())
    if known is not None:
        return known(error, asked) or error
    if isinstance(error, Gone):
        return _missing(error, asked) or error
    if isinstance(error, VersionMismatch) and asked.method == "POST":
        return _like(
            error,
            Duplicate,
            f"Dataverse has such a row already, so none was made. Dataverse says: {_words(error)}",
            "Couple the record with that row, or change its key.",
        )
    if isinstance(error, AccessDenied) and not error.code and not isinstance(error, NotAMember):
        return _like(
            error,
            AccessDenied,
            f"Something answered that access is denied, without saying why. It says: {_words(error)}",
            "Look whether a proxy or firewall between this site and Dataverse refuses the address.",
        )
    return error


@contextmanager
def told(asked: Asked) -> Iterator[None]:
    """Raise what is raised inside with the sentence of whom it is about."""
    try:
        yield
    except DataverseError as error:
        found = about(error, asked)
        if found is error:
            raise
        raise found from error


# -- what each code is about ------------------------------------------------------------------------------------------


def _words(error: DataverseError) -> str:
    return as_sentence(error.said or f"HTTP {error.status}")


def _like(
    error: DataverseError, kind: type[DataverseError], message: str, fix: str, reason: str = ""
) -> DataverseError:
    """Return an error with another sentence and what support needs of the first one."""
    return kind(
        message,
        fix,
        status=error.status,
        code=error.code,
        said=error.said,
        request_id=error.request_id,
        retry_after=error.retry_after,
        reason=reason,
    )


def _is_other(named: Named, asked: Asked) -> bool:
    """Return whether a refusal names somebody else than the caller, as far as the caller is known."""
    return bool(named.user) and asked.own is not None and named.user != str(asked.own).lower()


def _needs(named: Named) -> str:
    where = f" on the table {named.table}" if named.table else ""
    return f"the privilege {named.privilege}{where}" if named.privilege else f"a privilege{where}"


def _privilege(error: DataverseError, asked: Asked) -> DataverseError | None:
    named = read_named(error.said)
    if "VerifyCallerPrivileges" in error.said:
        return _like(
            error,
            AccessDenied,
            f"{asked.caller} cannot give a role {_needs(named)}, since nobody gives what they do not have themselves.",
            "Have a System Administrator of the environment do this.",
        )
    if _is_other(named, asked):
        return _like(
            error,
            AccessDenied,
            f"The user {named.user} lacks {_needs(named)}; probably the one who is to own the row.",
            f"Assign that user a security role that has it, {_ADMIN_CENTER}, or couple the salesperson with another "
            "user.",
        )
    if asked.own is None and named.user:
        return _like(
            error,
            AccessDenied,
            f"The user {named.user} lacks {_needs(named)} in Dataverse.",
            f"Look who that is, {_ADMIN_CENTER}: to the application user assign the security role {_ROLE}, to anybody "
            "else a role that has the privilege.",
        )
    if asked.person:
        return _like(
            error,
            AccessDenied,
            f"{asked.caller} lacks {_needs(named)}.",
            "Sign in as a System Administrator of the environment.",
        )
    return None


def _no_role(error: DataverseError, asked: Asked) -> DataverseError | None:
    named = read_named(error.said)
    if named.user and (asked.own is None or _is_other(named, asked)):
        return None
    if asked.person:
        return _like(
            error,
            AccessDenied,
            f"{asked.caller} has no security role in this environment.",
            "Sign in as a System Administrator of the environment.",
        )
    return _like(error, AccessDenied, *OWN_ROLE)


def _row_access(error: DataverseError, asked: Asked) -> DataverseError | None:
    named = read_named(error.said)
    if not named.user and not named.record:
        return None
    row = f"the row {named.record} of {named.table or 'the table'}" if named.record else "the row"
    if _is_other(named, asked):
        return _like(
            error,
            AccessDenied,
            f"Another user than the caller (user {named.user}) may not use {row}.",
            f"Give that user's security role access to it, {_ADMIN_CENTER}, or choose another owner.",
        )
    return _like(
        error,
        AccessDenied,
        f"{asked.caller} may not use {row}: the depth of the role does not reach its business unit or owner.",
        "Sign in as a System Administrator of the environment."
        if asked.person
        else f"Give the security role {_ROLE} access at organization level.",
    )


def _column(error: DataverseError, asked: Asked) -> DataverseError | None:
    found = _COLUMN.search(error.said)
    if found is None:
        return None
    right, column, table = found.groups()
    what = f"the column {column} of {table}"
    return _like(
        error,
        AccessDenied,
        f"{asked.caller} may not {right.lower()} {what}, which is secured by a column security profile.",
        f"Add the user to a profile that allows it, {_ADMIN_CENTER}, Column security profiles, or disable the field on "
        "Integration Field Mapping List.",
    )


def _missing(error: DataverseError, asked: Asked) -> DataverseError | None:
    """Return the error where the row that is gone is another than the one asked for."""
    found = _MISSING.search(error.said)
    if found is None:
        return None
    table, ids = found.group(1).lower(), re.findall(GUID, found.group(2))
    own_row, path = asked.row, asked.path.lstrip("/")
    if asked.method == "GET" or path.endswith("$ref"):
        return None
    # The rows of a bulk message are of the table that its address names.
    is_own = own_row in {one.lower() for one in ids} or ("Multiple" in path and path.startswith(table[:-1]))
    return _like(error, Gone, error.message, _GONE_FIX) if is_own else _reference(error, table, ids)


_GONE_FIX = "Delete the coupling, or have the row made again: Coupled Data Synchronization Errors offers both."


def _reference(error: DataverseError, table: str, ids: list[str]) -> DataverseError:
    which = ", ".join(ids[:3])
    if table in _OWNERS:
        who = "team" if table == "team" else "user"
        return _like(
            error,
            Invalid,
            f"The {who} that is to own the row no longer exists in Dataverse ({who} {which}).",
            "Couple the salesperson with a user who is there, or look at Dataverse Owning Team on Dataverse Connection "
            "Setup; the record is synchronized again with the next run.",
            "reference_not_coupled",
        )
    return _like(
        error,
        Invalid,
        f"A row that this one refers to no longer exists in Dataverse: {table} {which}.",
        "Delete the coupling of that related record and couple or create it again; this record is synchronized again "
        "with the next run.",
        "reference_not_coupled",
    )


def _not_a_member(error: DataverseError, asked: Asked) -> DataverseError | None:
    if not asked.person:
        return None
    return _like(
        error,
        NotAMember,
        "The sign-in worked, but the environment does not know who signed in.",
        "Sign in with an account of the environment: its security group decides who comes in, a guest needs a licence "
        "of the environment's own tenant, and a user who was just added may need a few minutes.",
    )


def _restricted(error: DataverseError, asked: Asked) -> DataverseError:
    """Return the error with the application that is meant, and that it is about people where they sign in."""
    found = re.search(GUID, error.said)
    message = error.message
    if found:
        message = message.replace("this one is", f"this one ({found.group(1)}) is")
    if asked.person:
        message = message.replace(" allow, and", " allow for people who sign in through them, and")
    return _like(error, AccessDenied, message, error.fix)


def _plug_in(error: DataverseError, _: Asked) -> DataverseError:
    message = f"A plug-in or workflow of this environment refused the change, with its own words: {_words(error)}"
    return _like(error, Invalid, message, error.fix)


def _at_once(error: DataverseError, asked: Asked) -> DataverseError | None:
    """Return the error for a definition: its code is that of a row's id or key, and proves nothing is there."""
    if not asked.defines:
        return None
    return _like(
        error,
        Duplicate,
        "Dataverse did not make it: something else was being made at the same time, or is there already.",
        "Try again in a minute: what is there already is read first, and used.",
    )


_CODES: Mapping[str, Callable[[DataverseError, Asked], DataverseError | None]] = {
    "0x80040220": _privilege,
    "0x80040299": _privilege,
    "0x80042f09": _no_role,
    "0x80048306": _row_access,
    **dict.fromkeys(("0x8004f502", "0x8004f504", "0x8004f506", "0x8004f507"), _column),
    "0x80072560": _not_a_member,
    "0x80095ffc": _restricted,
    "0x80040265": _plug_in,
    "0x80040237": _at_once,
}
