"""What all changes of metadata have in common: who may, which names are good, how a body says what it says."""

from collections.abc import Mapping
from typing import Any

from sandbox.base.errors import ServiceError, payload_error
from sandbox.base.values import from_json
from sandbox.data import privileges
from sandbox.data.writing import Caller
from sandbox.environment import Environment
from sandbox.metadata.model import Table

CRM = "Microsoft.Dynamics.CRM."
LARGEST = {"String": 4000, "Memo": 1_048_576}
"""The longest a text column may be made."""
_FIRST_CODE = 10_600


class Customizing:
    """Changes metadata as one caller. Expects the environment's lock to be held."""

    def __init__(self, environment: Environment, caller: Caller) -> None:
        self.environment = environment
        self.caller = caller

    def publish(self) -> None:
        """Publish what was changed: it is there already, so nothing is left to do but to be allowed to."""
        privileges.require_named_privilege(self.caller, "prvPublishCustomization")

    def _table(self, name: Any) -> Table:
        found = self.environment.tables.get(str(name))
        if found is None:
            raise ServiceError(404, "0x80041102", f"The entity with a name = '{name}' was not found.")
        return found

    def _prefixed(self, name: str, kind: str) -> None:
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

    def _code(self) -> int:
        return max([_FIRST_CODE, *(table.code for table in self.environment.tables.values() if table.custom)]) + 1

    @staticmethod
    def _custom(custom: bool, kind: str, name: str) -> None:
        if not custom:
            raise ServiceError(400, "0x8004f013", f"You cannot delete {kind} {name}. It is managed.")

    def in_solution(self, name: str) -> None:
        """Raise unless the solution that a request names is there."""
        if not name:
            return
        rows = self.environment.store.rows["solution"]
        if name.casefold() not in rows.column_values("uniquename"):
            raise ServiceError(404, "0x80040217", f"The solution {name} does not exist.")


def plural(name: str) -> str:
    """The entity set of a logical name, as the service makes it."""
    if name.endswith(("s", "x", "z", "ch", "sh")):
        return f"{name}es"
    if name.endswith("y") and name[-2:-1] not in set("aeiou"):
        return f"{name[:-1]}ies"
    return f"{name}s"


def type_of(body: Mapping[str, Any]) -> str:
    """The type of column a body describes, without its namespace."""
    kind = str(body.get("@odata.type", "")).lstrip("#").removeprefix(CRM).removesuffix("AttributeMetadata")
    kind = kind.removeprefix("Complex")  # as CreateEntities writes it
    if not kind:
        raise payload_error("Attributes", "An attribute needs '@odata.type'")
    return {"UniqueIdentifier": "Uniqueidentifier"}.get(kind, kind)


def schema_name_of(body: Mapping[str, Any]) -> str:
    """The SchemaName a body gives. Raises ServiceError."""
    name = body.get("SchemaName")
    if not isinstance(name, str) or not name:
        raise invalid("SchemaName is required.")
    return name


def label_of(given: Any) -> str:
    """The text of a label; "" where there is none."""
    if not isinstance(given, Mapping):
        return ""
    one = given.get("UserLocalizedLabel")
    if not isinstance(one, Mapping):
        several = given.get("LocalizedLabels")
        one = several[0] if isinstance(several, list) and several and isinstance(several[0], Mapping) else {}
    return str(one.get("Label") or "")


def required_of(body: Mapping[str, Any], default: str) -> str:
    """The level of requirement a body gives. Raises ServiceError."""
    given = body.get("RequiredLevel")
    level = given.get("Value") if isinstance(given, Mapping) else None
    if level is None:
        return default
    if level not in {"None", "Recommended", "ApplicationRequired"}:
        raise invalid(f"The RequiredLevel '{level}' can't be given to a custom attribute.")
    return str(level)


def length_of(body: Mapping[str, Any], kind: str) -> int:
    """The MaxLength a body gives. Raises ServiceError."""
    length = body.get("MaxLength", 100 if kind == "String" else 2000)
    if isinstance(length, bool) or not isinstance(length, int) or not 0 < length <= LARGEST[kind]:
        raise invalid(f"MaxLength of a {kind} attribute lies between 1 and {LARGEST[kind]}.")
    return length


def invalid(text: str) -> ServiceError:
    """A definition that cannot be."""
    return ServiceError(400, "0x80040203", text)


def in_use(kind: str, name: str, users: int) -> ServiceError:
    """Something that others refer to, and so cannot be deleted."""
    return ServiceError(
        400,
        "0x8004f01f",
        f"The {kind}({name}) component cannot be deleted because it is referenced by {users} other components.",
    )
