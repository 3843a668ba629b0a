"""Tables and their alternate keys: made, changed and deleted."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid5

from sandbox.base.errors import ServiceError
from sandbox.customizing.base import in_use, invalid, label_of, plural, schema_name_of, type_of
from sandbox.customizing.relationships import Relationships
from sandbox.data import privileges
from sandbox.data.store import Rows, Transaction
from sandbox.metadata import common
from sandbox.metadata.model import LOOKUPS, NAMESPACE, Key, Table

_KEY_TYPES = frozenset({"String", "Integer", "Decimal", "DateTime", "Picklist", *LOOKUPS})
_MOST_KEYS, _MOST_KEY_COLUMNS = 10, 16


class Customizer(Relationships):
    """Changes everything there is of metadata: tables and keys, and by inheritance columns, choices, relationships."""

    def create_table(self, body: Mapping[str, Any], transaction: Transaction) -> Table:
        """Add a table with its columns; it. Raises ServiceError."""
        privileges.require_named_privilege(self.caller, "prvCreateEntity")
        schema_name = schema_name_of(body)
        self._prefixed(schema_name, "Entity")
        name = schema_name.lower()
        tables = self.environment.tables
        if name in tables:
            raise ServiceError(
                400, "0x8004700b", "An entity with the specified name already exists. Please specify a unique name."
            )
        label = label_of(body.get("DisplayName"))
        if not label:
            raise invalid("A table needs a DisplayName.")
        attributes = body.get("Attributes") or []
        if not isinstance(attributes, list):
            raise invalid("'Attributes' must be a list.")
        primary = [one for one in attributes if isinstance(one, dict) and one.get("IsPrimaryName")]
        if len(primary) != 1 or type_of(primary[0]) != "String":
            raise invalid("A table needs exactly one String attribute with IsPrimaryName.")
        ownership = str(body.get("OwnershipType") or "UserOwned")
        if ownership not in {"UserOwned", "OrganizationOwned"}:
            raise invalid(f"The OwnershipType '{ownership}' can't be given to a table.")
        entity_set = str(body.get("EntitySetName") or plural(name))
        if entity_set in self.environment.sets:
            raise ServiceError(400, "0x8006088e", "An entity with that collection name already exists.")
        table = common.build_table(
            schema_name,
            entity_set,
            label,
            label_of(body.get("DisplayCollectionName")) or f"{label}s",
            f"{schema_name_of(primary[0])} | s100 | Name\n{common.ACTIVE_INACTIVE}",
            code=self._code(),
            primary_name=schema_name_of(primary[0]).lower(),
            ownership=ownership,
            change_tracking=bool(body.get("ChangeTrackingEnabled", False)),
            custom=True,
        )
        for one in attributes:
            self._add_columns(table, one, new_table=True)
        tables[name] = table
        self.environment.sets[entity_set] = table
        self.environment.store.rows[name] = Rows(table)
        privileges.add_table_privileges(self.environment.store, table, transaction)
        return table

    def create_tables(self, body: Mapping[str, Any], transaction: Transaction) -> list[Table]:
        """CreateEntities: several tables, all or none; they."""
        given = body.get("Entities")
        if not isinstance(given, list) or not given or not all(isinstance(one, Mapping) for one in given):
            raise invalid("The action 'CreateEntities' needs Entities.")
        made: list[Table] = []
        try:
            made.extend(self.create_table(one, transaction) for one in given)
        except ServiceError:
            for table in made:
                self.delete_table(table, transaction)
            raise
        return made

    def update_table(self, table: Table, body: Mapping[str, Any]) -> None:
        """Replace what may change of a table: labels and change tracking."""
        privileges.require_named_privilege(self.caller, "prvWriteEntity")
        if "ChangeTrackingEnabled" in body:
            table.change_tracking = bool(body["ChangeTrackingEnabled"])
        table.label = label_of(body.get("DisplayName")) or table.label
        table.plural = label_of(body.get("DisplayCollectionName")) or table.plural

    def delete_table(self, table: Table, transaction: Transaction) -> None:
        """Take a custom table away with its rows. Raises ServiceError when others refer to it."""
        privileges.require_named_privilege(self.caller, "prvDeleteEntity")
        self._custom(table.custom, "Entity", table.name)
        users = [
            other.name
            for other in self.environment.tables.values()
            for column in other.columns.values()
            if table.name in column.targets and other is not table
        ]
        if users:
            raise in_use("Entity", table.name, len(users))
        for association in table.associations.values():
            self._forget_association(association)
        privileges.remove_table_privileges(self.environment.store, table, transaction)
        del self.environment.tables[table.name], self.environment.sets[table.set]
        del self.environment.store.rows[table.name]

    def create_key(self, table: Table, body: Mapping[str, Any]) -> Key:
        """Add an alternate key; it. Its index is there a moment later, if no rows have the same values."""
        privileges.require_named_privilege(self.caller, "prvWriteEntity")
        schema_name = schema_name_of(body)
        self._prefixed(schema_name, "EntityKey")
        names = body.get("KeyAttributes")
        if not isinstance(names, list) or not names or len(names) > _MOST_KEY_COLUMNS:
            raise ServiceError(400, "0x8006088f", "Invalid EntityKey Operation performed : it names 1 to 16 columns.")
        for name in names:
            column = table.columns.get(str(name))
            if column is None or column.type not in _KEY_TYPES:
                raise ServiceError(400, "0x8006088f", f"Invalid EntityKey Operation performed : {name} can't be used.")
        if len(table.keys) >= _MOST_KEYS:
            raise ServiceError(
                400, "0x8006088f", "Invalid EntityKey Operation performed : a table has 10 keys at most."
            )
        known = {key.name for key in table.keys.values()} | {key.schema_name.lower() for key in table.keys.values()}
        if schema_name.lower() in known or any(set(key.columns) == set(names) for key in table.keys.values()):
            raise ServiceError(400, "0x80044363", f"The schema name {schema_name} for type EntityKeys is not unique.")
        key = Key(schema_name, label_of(body.get("DisplayName")) or schema_name, tuple(str(one) for one in names),
                  self.environment.clock.now(), failed=self._doubled(table, [str(one) for one in names]))  # fmt: skip
        table.keys[key.name] = key
        return key

    def delete_key(self, table: Table, key: Key) -> None:
        """Take an alternate key away."""
        privileges.require_named_privilege(self.caller, "prvWriteEntity")
        del table.keys[key.name]

    def _doubled(self, table: Table, names: list[str]) -> bool:
        rows = self.environment.store.rows[table.name]
        held = [rows.column_values(name) for name in names]
        seen: set[tuple[Any, ...]] = set()
        for position in rows.live_positions():
            values = tuple(column[position] for column in held)
            if None not in values and values in seen:
                return True
            seen.add(values)
        return False


def key_id(table: Table, key: Key) -> str:
    """The MetadataId of an alternate key."""
    return str(uuid5(NAMESPACE, f"key {table.name} {key.name}"))
