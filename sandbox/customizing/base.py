"""What all changes of metadata share: privileges, checks of names, and reading of bodies."""

from collections.abc import Mapping
from typing import Any

from sandbox.base.errors import ServiceError, payload_error
from sandbox.base.values import from_json
from sandbox.data.writing import Caller
from sandbox.environment import Environment
from sandbox.metadata.model import Table

CRM = "Microsoft.Dynamics.CRM."
MAX_LENGTHS = {"String": 4000, "Memo": 1_048_576}
"""Largest MaxLength of a text column, by type."""
_FIRST_TABLE_CODE = 10_600


class CustomizerBase:
    """Changes metadata as one caller. Expects the environment's lock to be held."""

    def __init__(self, environment: Environment, caller: Caller) -> None:
        self.environment = environment
        self.caller = caller

    def _find_table(self, name: Any) -> Table:
        found = self.environment.tables.get(str(name))
        if found is None:
            raise ServiceError(404, "0x80041102", f"The entity with a name = '{name}' was not found.")
        return found

    def _check_prefix(self, name: str, kind: str) -> None:
        prefix, mark, rest = name.partition("_")
        rows = self.environment.store.rows["publisher"]
        known = {from_json(rows.fragment(i, "customizationprefix")) for i in rows.live_positions()}
        known.add(str(self.environment.organization_value("schemanameprefix") or ""))
        if not mark or not rest or not name.isascii() or prefix.lower() not in known:
            raise ServiceError(
                400,
                "0x80044366",
                f"The schema name {name} for type {kind} is invalid or missing. Custom attribute, entity, entitykey, "
                "option set and relationship names must start with a valid customization prefix.",
            )

    def _next_table_code(self) -> int:
        return max([_FIRST_TABLE_CODE, *(table.code for table in self.environment.tables.values() if table.custom)]) + 1

    @staticmethod
    def _require_custom(custom: bool, kind: str, name: str) -> None:
        if not custom:
            raise ServiceError(400, "0x8004f013", f"You cannot delete {kind} {name}. It is managed.")

    def require_solution(self, name: str) -> None:
        """Raise 404 unless the solution that a request names exists; "" names none."""
        if not name:
            return
        rows = self.environment.store.rows["solution"]
        if name.casefold() not in rows.column_values("uniquename"):
            raise ServiceError(404, "0x80040217", f"The solution {name} does not exist.")


def entity_set_name(name: str) -> str:
    """Return the entity set of a logical name, formed as the service does."""
    if name.endswith(("s", "x", "z", "ch", "sh")):
        return f"{name}es"
    if name.endswith("y") and name[-2:-1] not in set("aeiou"):
        return f"{name[:-1]}ies"
    return f"{name}s"


def read_type(body: Mapping[str, Any]) -> str:
    """Return the type of column that a body describes, without its namespace. Raises ServiceError."""
    kind = str(body.get("@odata.type", "")).lstrip("#").removeprefix(CRM).removesuffix("AttributeMetadata")
    kind = kind.removeprefix("Complex")  # as CreateEntities writes it
    if not kind:
        raise payload_error("Attributes", "An attribute needs '@odata.type'")
    return {"UniqueIdentifier": "Uniqueidentifier"}.get(kind, kind)


def read_schema_name(body: Mapping[str, Any]) -> str:
    """Return the SchemaName in a body. Raises ServiceError."""
    name = body.get("SchemaName")
    if not isinstance(name, str) or not name:
        raise invalid_definition("SchemaName is required.")
    return name


def read_label(given: Any) -> str:
    """Return the text of a label; "" where there is none."""
    if not isinstance(given, Mapping):
        return ""
    one = given.get("UserLocalizedLabel")
    if not isinstance(one, Mapping):
        several = given.get("LocalizedLabels")
        one = several[0] if isinstance(several, list) and several and isinstance(several[0], Mapping) else {}
    return str(one.get("Label") or "")


def read_required_level(body: Mapping[str, Any], default: str) -> str:
    """Return the RequiredLevel in a body. Raises ServiceError."""
    given = body.get("RequiredLevel")
    level = given.get("Value") if isinstance(given, Mapping) else None
    if level is None:
        return default
    if level not in {"None", "Recommended", "ApplicationRequired"}:
        raise invalid_definition(f"The RequiredLevel '{level}' can't be given to a custom attribute.")
    return str(level)


def read_max_length(body: Mapping[str, Any], kind: str) -> int:
    """Return the MaxLength in a body. Raises ServiceError."""
    length = body.get("MaxLength", 100 if kind == "String" else 2000)
    if isinstance(length, bool) or not isinstance(length, int) or not 0 < length <= MAX_LENGTHS[kind]:
        raise invalid_definition(f"MaxLength of a {kind} attribute lies between 1 and {MAX_LENGTHS[kind]}.")
    return length


def invalid_definition(text: str) -> ServiceError:
    """Return the error for a definition that is not valid."""
    return ServiceError(400, "0x80040203", text)


def component_in_use(kind: str, name: str, users: int) -> ServiceError:
    """Return the error for deleting a component that others use."""
    return ServiceError(
        400,
        "0x8004f01f",
        f"The {kind}({name}) component cannot be deleted because it is referenced by {users} other components.",
    )
