"""Changes of tables and of their alternate keys."""

from collections.abc import Mapping
from typing import Any

from sandbox.base.errors import ServiceError
from sandbox.customizing.base import (
    component_in_use,
    entity_set_name,
    invalid_definition,
    read_label,
    read_schema_name,
    read_type,
)
from sandbox.customizing.relationships import RelationshipCustomizer
from sandbox.data import privileges, web_hooks
from sandbox.data.store import Rows, Transaction
from sandbox.metadata import common
from sandbox.metadata.model import LOOKUPS, Key, Table, metadata_id

_KEY_TYPES = frozenset({"String", "Integer", "Decimal", "DateTime", "Picklist", *LOOKUPS})
_MAX_KEYS, _MAX_KEY_COLUMNS = 10, 16


class Customizer(RelationshipCustomizer):
    """Creates, changes and deletes tables and keys; by inheritance also columns, choices and relationships."""

    def create_table(self, body: Mapping[str, Any], transaction: Transaction) -> Table:
        """Add a table with its columns and return it. Raises ServiceError."""
        privileges.require_named_privilege(self.caller, "prvCreateEntity")
        schema_name = read_schema_name(body)
        self._check_prefix(schema_name, "Entity")
        name = schema_name.lower()
        tables = self.environment.tables
        if name in tables or self.environment.customization.is_reserved(name):
            raise ServiceError(
                400, "0x80044363",
                f"The schema name {schema_name} for type Entity is not unique. An Entity with same name already "
                "exists.",
            )  # fmt: skip
        label = read_label(body.get("DisplayName"))
        if not label:
            raise invalid_definition("A table needs a DisplayName.")
        attributes = body.get("Attributes") or []
        if not isinstance(attributes, list):
            raise invalid_definition("'Attributes' must be a list.")
        primary = [one for one in attributes if isinstance(one, dict) and one.get("IsPrimaryName")]
        if len(primary) != 1 or read_type(primary[0]) != "String":
            raise invalid_definition("A table needs exactly one String attribute with IsPrimaryName.")
        ownership = str(body.get("OwnershipType") or "UserOwned")
        if ownership not in {"UserOwned", "OrganizationOwned"}:
            raise invalid_definition(f"The OwnershipType '{ownership}' can't be given to a table.")
        entity_set = str(body.get("EntitySetName") or entity_set_name(name))
        if entity_set in self.environment.sets:
            raise ServiceError(400, "0x8006088e", "An entity with that collection name already exists.")
        table = common.build_table(
            schema_name,
            entity_set,
            label,
            read_label(body.get("DisplayCollectionName")) or f"{label}s",
            f"{read_schema_name(primary[0])} | s100 | Name\n{common.ACTIVE_INACTIVE}",
            code=self._next_table_code(),
            primary_name=read_schema_name(primary[0]).lower(),
            ownership=ownership,
            change_tracking=bool(body.get("ChangeTrackingEnabled", False)),
            custom=True,
        )
        for one in self._kept(attributes):
            self._add_columns(table, one, new_table=True)
        tables[name] = table
        self.environment.sets[entity_set] = table
        self.environment.store.rows[name] = Rows(table)
        privileges.add_table_privileges(self.environment.store, table, transaction)
        web_hooks.add_message_filters(self.environment.store, table, transaction)
        self.environment.customization.note_definition(name)
        return table

    def _kept(self, attributes: list[Any]) -> list[Any]:
        """Return the columns of a new table that are made with it: the service may lose some without a word."""
        customization = self.environment.customization
        if not customization.lose_columns:
            return attributes
        others = [one for one in attributes if not one.get("IsPrimaryName")]
        lost = others[len(others) - min(customization.lose_columns, len(others)) :]
        customization.lose_columns = 0
        return [one for one in attributes if not any(one is other for other in lost)]

    def create_tables(self, body: Mapping[str, Any], transaction: Transaction) -> list[Table]:
        """Carry out CreateEntities: add several tables, all or none, and return them. Raises ServiceError."""
        given = body.get("Entities")
        if not isinstance(given, list) or not given or not all(isinstance(one, Mapping) for one in given):
            raise invalid_definition("The action 'CreateEntities' needs Entities.")
        tables: list[Table] = []
        try:
            tables.extend(self.create_table(one, transaction) for one in given)
        except ServiceError:
            for table in tables:
                self.delete_table(table, transaction)
            raise
        return tables

    def update_table(self, table: Table, body: Mapping[str, Any]) -> None:
        """Replace a table's labels and change tracking. Raises ServiceError."""
        privileges.require_named_privilege(self.caller, "prvWriteEntity")
        if "ChangeTrackingEnabled" in body:
            table.change_tracking = bool(body["ChangeTrackingEnabled"])
        table.label = read_label(body.get("DisplayName")) or table.label
        table.plural = read_label(body.get("DisplayCollectionName")) or table.plural

    def delete_table(self, table: Table, transaction: Transaction) -> None:
        """Delete a custom table and its rows. Raises ServiceError, also where others refer to it."""
        privileges.require_named_privilege(self.caller, "prvDeleteEntity")
        self._require_custom(table.custom, "Entity", table.name)
        users = [
            other.name
            for other in self.environment.tables.values()
            for column in other.columns.values()
            if table.name in column.targets and other is not table
        ]
        if users:
            raise component_in_use("Entity", table.name, len(users))
        for association in table.associations.values():
            self._remove_association(association)
        privileges.remove_table_privileges(self.environment.store, table, transaction)
        web_hooks.remove_message_filters(self.environment.store, table, transaction)
        del self.environment.tables[table.name], self.environment.sets[table.set]
        del self.environment.store.rows[table.name]
        self.environment.customization.note_deleted(table.name)

    def create_key(self, table: Table, body: Mapping[str, Any]) -> Key:
        """Add an alternate key and return it; it becomes active a moment later, unless rows have the same values.

        Raises ServiceError.
        """
        privileges.require_named_privilege(self.caller, "prvWriteEntity")
        schema_name = read_schema_name(body)
        self._check_prefix(schema_name, "EntityKey")
        names = body.get("KeyAttributes")
        if not isinstance(names, list) or not names or len(names) > _MAX_KEY_COLUMNS:
            raise ServiceError(400, "0x8006088f", "Invalid EntityKey Operation performed : it names 1 to 16 columns.")
        for name in names:
            column = table.columns.get(str(name))
            if column is None or column.type not in _KEY_TYPES:
                raise ServiceError(400, "0x8006088f", f"Invalid EntityKey Operation performed : {name} can't be used.")
        if len(table.keys) >= _MAX_KEYS:
            raise ServiceError(
                400, "0x8006088f", "Invalid EntityKey Operation performed : a table has 10 keys at most."
            )
        known = {key.name for key in table.keys.values()} | {key.schema_name.lower() for key in table.keys.values()}
        if schema_name.lower() in known or any(set(key.columns) == set(names) for key in table.keys.values()):
            raise ServiceError(400, "0x80060893", f"The entity key {schema_name} already exists.")
        key = Key(
            schema_name=schema_name,
            label=read_label(body.get("DisplayName")) or schema_name,
            columns=tuple(str(one) for one in names),
            made=self.environment.clock.now(),
            failed=self._has_duplicates(table, [str(one) for one in names]),
        )
        table.keys[key.name] = key
        return key

    def delete_key(self, table: Table, key: Key) -> None:
        """Delete an alternate key. Raises ServiceError."""
        privileges.require_named_privilege(self.caller, "prvWriteEntity")
        del table.keys[key.name]

    def _has_duplicates(self, table: Table, names: list[str]) -> bool:
        """Return whether two rows have the same values of some columns, none of them null."""
        rows = self.environment.store.rows[table.name]
        columns = [rows.column_values(name) for name in names]
        seen: set[tuple[Any, ...]] = set()
        for position in rows.live_positions():
            values = tuple(column[position] for column in columns)
            if None not in values and values in seen:
                return True
            seen.add(values)
        return False


def key_id(table: Table, key: Key) -> str:
    """Return the MetadataId of an alternate key."""
    return str(metadata_id(f"key {table.name} {key.name}"))
