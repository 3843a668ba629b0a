"""Errors of the Web API in the service's own shape: status, hexadecimal code, message."""

import re
from collections.abc import Mapping

import msgspec

_CUSTOMERS_NAME = re.compile(r"([a-z][a-z0-9]{1,7})_\w")
_MICROSOFTS_PREFIXES = frozenset(
    (  # noqa: SIM905 - a list of words
        "account activity adx appointment bot bpf business campaign cdm contact email entity invoice lead lk mailbox "
        "mbs msa mscrm msdyn msdynce msdynmkt msfp mspcat mspp opportun order owner price product queue quote sales "
        "sample solution task team user"
    ).split()
)
"""Beginnings of names of the service's own tables, relationships and solutions."""

_METHODS = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})
PAYLOAD_HELP = "https://go.microsoft.com/fwlink/?linkid=2195293"


class ServiceError(Exception):
    """An answer `{"error": {"code", "message"}}` with a status; `headers` are sent with it."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """Return the JSON document of this error."""
        return msgspec.json.encode({"error": {"code": self.code, "message": self.message}})


def query_error(message: str) -> ServiceError:
    """Return the error for a query option, property or key that the service does not accept."""
    return ServiceError(400, "0x80060888", message)


def unknown_property(name: str, table: str) -> ServiceError:
    """Return the error for a property in a query that the table does not have."""
    return query_error(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'.")


def payload_error(entity_set: str, inner: str) -> ServiceError:
    """Return the error for a body that cannot be read as a row of the table."""
    return ServiceError(
        400,
        "0x80048d19",
        f"Error identified in Payload provided by the user for Entity :'{entity_set}', For more information on this "
        f"error please follow this help link {PAYLOAD_HELP}  ---->  InnerException : "
        f"Microsoft.OData.ODataException: {inner}.",
    )


def row_not_found(table: str, row_id: str) -> ServiceError:
    """Return the error for an id that no row has."""
    return ServiceError(404, "0x80040217", f"{table} With Id = {row_id} Does Not Exist")


def is_customers_name(name: str) -> bool:
    """Return whether a name has a prefix that only customizations have: what nobody made here is nowhere."""
    found = _CUSTOMERS_NAME.match(name)
    return found is not None and found.group(1) not in _MICROSOFTS_PREFIXES


def resource_not_found(segment: str) -> ServiceError:
    """Return the error for a path segment that names nothing here.

    404 for the name of a customization, which is known not to be there; 501 for any other, which the service may have.
    """
    if is_customers_name(segment):
        return ServiceError(404, "0x8006088a", f"Resource not found for the segment '{segment}'.")
    return not_covered(f"'{segment}'")


def method_not_allowed(method: str, what: str) -> ServiceError:
    """Return the error for a method that this kind of resource does not take.

    501 where the service may take it: references, related rows, single properties, and methods beyond the usual ones.
    """
    if method not in _METHODS or what.endswith("/$ref'") or what.startswith(("'", "the property")):
        return not_covered(f"the method '{method}' for {what}")
    return ServiceError(405, "0x80060888", f"The HTTP method '{method}' is not allowed for {what}.")


def not_covered(feature: str) -> ServiceError:
    """Return the error (501) for a feature of the real service that the sandbox lacks: said loudly, never guessed."""
    return ServiceError(501, "0x80060888", f"The sandbox does not cover {feature}.")


def invalid_argument(message: str) -> ServiceError:
    """Return the error for a value that has the right type and is still not acceptable."""
    return ServiceError(400, "0x80040203", message)


ACCESS_MODES = ("Read-Write", "Administrative", "Read", "Support User", "Non-interactive", "Delegated Admin")


def access_denied(user_id: str, privilege: str, table: str, access_mode: int = 0) -> ServiceError:
    """Return the error for a caller who lacks a privilege, in the long form of today's service."""
    return ServiceError(
        403,
        "0x80040220",
        f"Principal user (Id={user_id}, type=8, roleCount=1, privilegeCount=112, accessMode='{access_mode} "
        f"{ACCESS_MODES[access_mode]}', MetadataCachePrivilegesCount=5214), is missing {privilege} privilege on OTC=1 "
        f"for entity '{table}'. context.Caller={user_id}. Or identityUser.SystemUserId={user_id} is missing "
        f"{privilege} privilege on OTC=1 for entity '{table}'",
    )
