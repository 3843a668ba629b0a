"""What the stand-in refuses, in the service's own shape: status, hexadecimal code, message."""

from collections.abc import Mapping

import msgspec

PAYLOAD_HELP = "https://go.microsoft.com/fwlink/?linkid=2195293"


class ServiceError(Exception):
    """An answer with `{"error": {"code", "message"}}`; `headers` go out with it."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def body(self) -> bytes:
        """The JSON document of this error."""
        return msgspec.json.encode({"error": {"code": self.code, "message": self.message}})


def query_error(message: str) -> ServiceError:
    """A query option, property or key that the service does not accept."""
    return ServiceError(400, "0x80060888", message)


def unknown_property(name: str, table: str) -> ServiceError:
    """A property in a query that the table does not have."""
    return query_error(f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table}'.")


def payload_error(entity_set: str, inner: str) -> ServiceError:
    """A body that cannot be read as a row of the table."""
    return ServiceError(
        400,
        "0x80048d19",
        f"Error identified in Payload provided by the user for Entity :'{entity_set}', For more information on this "
        f"error please follow this help link {PAYLOAD_HELP}  ---->  InnerException : "
        f"Microsoft.OData.ODataException: {inner}.",
    )


def does_not_exist(table: str, row_id: str) -> ServiceError:
    """No row with this id."""
    return ServiceError(404, "0x80040217", f"{table} With Id = {row_id} Does Not Exist")


def no_resource(segment: str) -> ServiceError:
    """A path segment that names nothing."""
    return ServiceError(404, "0x8006088a", f"Resource not found for the segment '{segment}'.")


def method_not_allowed(method: str, what: str) -> ServiceError:
    """A method that this kind of resource does not take."""
    return ServiceError(405, "0x80060888", f"The HTTP method '{method}' is not allowed for {what}.")


def not_covered(feature: str) -> ServiceError:
    """Something the real service may know, but this stand-in does not: said loudly, never guessed."""
    return ServiceError(501, "0x80060888", f"The sandbox does not cover {feature}.")


def invalid_argument(message: str) -> ServiceError:
    """A value that is of the right type and still not acceptable."""
    return ServiceError(400, "0x80040203", message)


def access_denied(user_id: str, privilege: str, table: str) -> ServiceError:
    """The caller lacks a privilege."""
    return ServiceError(
        403,
        "0x80040220",
        f"Principal user (Id={user_id}, type=8) is missing {privilege} privilege on entity '{table}' "
        "(context.Caller). Ask an administrator for a security role that has it.",
    )
