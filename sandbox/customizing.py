"""Changing what tables there are, over the metadata part of the Web API: tables, columns, choices, relationships, keys.

Names must begin with the prefix of a publisher that the environment has. What is made here is there at once; the real
service's caches lag behind for some seconds, which a client must bear anyway.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid5

from sandbox import privileges
from sandbox.environment import Environment
from sandbox.errors import ServiceError, not_covered, payload_error
from sandbox.metadata import common
from sandbox.metadata.model import (
    LOOKUPS,
    NAMESPACE,
    Association,
    Choice,
    Column,
    Key,
    OptionSet,
    Table,
    columns,
)
from sandbox.store import Rows, Transaction
from sandbox.values import plain
from sandbox.writing import Caller

CRM = "Microsoft.Dynamics.CRM."
_TYPES = frozenset(
    {
        "String", "Memo", "Integer", "BigInt", "Decimal", "Double", "Money", "DateTime", "Boolean", "Picklist",
        "MultiSelectPicklist",
    }
)  # fmt: skip
_KEY_TYPES = frozenset({"String", "Integer", "Decimal", "DateTime", "Picklist", *LOOKUPS})
_LARGEST = {"String": 4000, "Memo": 1_048_576}
_RANGES = {
    "Integer": (-2147483648.0, 2147483647.0),
    "Decimal": (-1e11, 1e11),
    "Double": (-1e11, 1e11),
    "Money": (-922337203685477.0, 922337203685477.0),
}
_MOST_KEYS, _MOST_KEY_COLUMNS = 10, 16
_FIRST_CODE = 10_600


class Customizer:
    """Changes metadata as one caller. Expects the environment's lock to be held."""

    def __init__(self, environment: Environment, caller: Caller) -> None:
        self.environment = environment
        self.caller = caller

    # -- tables -------------------------------------------------------------------------------------------------------

    def create_table(self, body: Mapping[str, Any], transaction: Transaction) -> Table:
        """Add a table with its columns; it. Raises ServiceError."""
        privileges.demand_named(self.caller, "prvCreateEntity")
        schema_name = _schema_name(body)
        self._prefixed(schema_name, "Entity")
        name = schema_name.lower()
        tables = self.environment.tables
        if name in tables:
            raise ServiceError(
                400, "0x8004700b", "An entity with the specified name already exists. Please specify a unique name."
            )
        label = _label(body.get("DisplayName"))
        if not label:
            raise _invalid("A table needs a DisplayName.")
        attributes = body.get("Attributes") or []
        if not isinstance(attributes, list):
            raise _invalid("'Attributes' must be a list.")
        primary = [one for one in attributes if isinstance(one, dict) and one.get("IsPrimaryName")]
        if len(primary) != 1 or _type(primary[0]) != "String":
            raise _invalid("A table needs exactly one String attribute with IsPrimaryName.")
        ownership = str(body.get("OwnershipType") or "UserOwned")
        if ownership not in {"UserOwned", "OrganizationOwned"}:
            raise _invalid(f"The OwnershipType '{ownership}' can't be given to a table.")
        entity_set = str(body.get("EntitySetName") or plural(name))
        if entity_set in self.environment.sets:
            raise ServiceError(400, "0x8006088e", "An entity with that collection name already exists.")
        table = common.table(
            schema_name,
            entity_set,
            label,
            _label(body.get("DisplayCollectionName")) or f"{label}s",
            f"{_schema_name(primary[0])} | s100 | Name\n{common.ACTIVE_INACTIVE}",
            code=self._code(),
            primary_name=_schema_name(primary[0]).lower(),
            ownership=ownership,
            change_tracking=bool(body.get("ChangeTrackingEnabled", False)),
            custom=True,
        )
        for one in attributes:
            self._add_columns(table, one, new_table=True)
        tables[name] = table
        self.environment.sets[entity_set] = table
        self.environment.store.rows[name] = Rows(table)
        privileges.describe(self.environment.store, table, transaction)
        return table

    def create_tables(self, body: Mapping[str, Any], transaction: Transaction) -> list[Table]:
        """CreateEntities: several tables, all or none; they."""
        given = body.get("Entities")
        if not isinstance(given, list) or not given or not all(isinstance(one, Mapping) for one in given):
            raise _invalid("The action 'CreateEntities' needs Entities.")
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
        privileges.demand_named(self.caller, "prvWriteEntity")
        if "ChangeTrackingEnabled" in body:
            table.change_tracking = bool(body["ChangeTrackingEnabled"])
        table.label = _label(body.get("DisplayName")) or table.label
        table.plural = _label(body.get("DisplayCollectionName")) or table.plural

    def delete_table(self, table: Table, transaction: Transaction) -> None:
        """Take a custom table away with its rows. Raises ServiceError when others refer to it."""
        privileges.demand_named(self.caller, "prvDeleteEntity")
        self._custom(table.custom, "Entity", table.name)
        users = [
            other.name
            for other in self.environment.tables.values()
            for column in other.columns.values()
            if table.name in column.targets and other is not table
        ]
        if users:
            raise _in_use("Entity", table.name, len(users))
        for association in table.associations.values():
            self._forget_association(association)
        privileges.forget(self.environment.store, table, transaction)
        del self.environment.tables[table.name], self.environment.sets[table.set]
        del self.environment.store.rows[table.name]

    # -- columns ------------------------------------------------------------------------------------------------------

    def create_column(self, table: Table, body: Mapping[str, Any]) -> Column:
        """Add a column to a table; it. Raises ServiceError."""
        privileges.demand_named(self.caller, "prvCreateAttribute")
        return self._add_columns(table, body)

    def update_column(self, table: Table, column: Column, body: Mapping[str, Any]) -> None:
        """Replace a column's definition: label, requirement, length and range."""
        privileges.demand_named(self.caller, "prvWriteAttribute")
        if body.get("@odata.type") is not None and _type(body) != column.type:
            raise _invalid(f"The type of the attribute '{column.name}' can't be changed.")
        made = column
        if label := _label(body.get("DisplayName")):
            made = replace(made, label=label)
        made = replace(made, required=_required(body, column.required))
        if column.type in _LARGEST and body.get("MaxLength") is not None:
            made = replace(made, max_length=_length(body, column.type))
        for key, name in (("MinValue", "minimum"), ("MaxValue", "maximum")):
            if column.type in _RANGES and isinstance(body.get(key), int | float):
                made = replace(made, **{name: float(body[key])})  # type: ignore[arg-type]
        table.columns[column.name] = made
        table.index()
        self._columns_changed(table)

    def delete_column(self, table: Table, column: Column) -> None:
        """Take a custom column away, with its values."""
        privileges.demand_named(self.caller, "prvDeleteAttribute")
        self._custom(column.custom, "Attribute", column.name)
        if column.primary_id or column.primary_name:
            raise _in_use("Attribute", column.name, 1)
        if any(column.name in key.columns for key in table.keys.values()):
            raise _in_use("Attribute", column.name, 1)
        self._drop(table, column)

    def _drop(self, table: Table, column: Column) -> None:
        transaction = Transaction()
        store = self.environment.store
        rows = store.rows[table.name]
        gone = [one for one in (column.name, f"{column.name}type", f"{column.name}_base") if one in table.columns]
        for place in list(rows.live()):
            row = rows.fragments(place)
            if any(name in row for name in gone):
                store.update(table.name, place, {k: v for k, v in row.items() if k not in gone}, transaction)
        for name in gone:
            del table.columns[name]
            rows.columns.pop(name, None)
        table.index()

    def _add_columns(self, table: Table, body: Any, *, new_table: bool = False) -> Column:
        if not isinstance(body, Mapping):
            raise _invalid("An attribute is an object.")
        kind = _type(body)
        schema_name = _schema_name(body)
        self._prefixed(schema_name, "Attribute")
        name = schema_name.lower()
        primary = new_table and bool(body.get("IsPrimaryName"))
        if name in table.columns and not primary:
            raise ServiceError(
                400,
                "0x80044363",
                f"The schema name {schema_name} for type Attributes is not unique. An Attribute with same name "
                "already exists.",
            )
        if kind == "Lookup":
            raise _invalid("A lookup attribute is created together with its relationship.")
        if kind not in _TYPES:
            raise not_covered(f"attributes of the type '{kind}'")
        column = self._column(kind, name, schema_name, body)
        if primary:
            column = replace(column, primary_name=True)
            # The table's own lines stand in the order in which they were given.
            table.columns = {k: (column if k == name else v) for k, v in table.columns.items()}
            table.index()
            return column
        more = [column]
        if kind == "Money":
            more.append(
                replace(
                    column, name=f"{name}_base", schema_name=f"{schema_name}_Base", label=f"{column.label} (Base)",
                    precision=4, for_create=False, for_update=False,
                )
            )  # fmt: skip
            if "transactioncurrencyid" not in table.columns:
                more += columns(common.CURRENCY).values()
        table.add(more)
        if not new_table:
            self._columns_changed(table)
        return column

    def _column(self, kind: str, name: str, schema_name: str, body: Mapping[str, Any]) -> Column:
        made = Column(
            name, schema_name, kind, _label(body.get("DisplayName")) or schema_name, custom=True,
            required=_required(body, "None"),
        )  # fmt: skip
        if kind in _LARGEST:
            formats = body.get("FormatName") or {}
            named = formats.get("Value") if isinstance(formats, Mapping) else None
            made = replace(made, max_length=_length(body, kind), format=str(named or body.get("Format") or "Text"))
        elif kind in _RANGES:
            low, high = _RANGES[kind]
            least, most = body.get("MinValue"), body.get("MaxValue")
            low = float(least) if isinstance(least, int | float) else low
            high = float(most) if isinstance(most, int | float) else high
            places = body.get("Precision")
            precision = None if kind == "Integer" else (places if isinstance(places, int) else 2)
            made = replace(made, minimum=low, maximum=high, precision=precision)
        elif kind == "DateTime":
            behavior = body.get("DateTimeBehavior") or {}
            only = body.get("Format") == "DateOnly" or behavior.get("Value") == "DateOnly"
            made = replace(made, date_only=only)
        elif kind == "Boolean":
            options = body.get("OptionSet") or {}
            no, yes = (
                _label((options.get("FalseOption") or {}).get("Label")),
                _label((options.get("TrueOption") or {}).get("Label")),
            )
            choices = (Choice(0, no or "No"), Choice(1, yes or "Yes"))
            made = replace(made, choices=choices, default=bool(body.get("DefaultValue", False)))
        elif kind in {"Picklist", "MultiSelectPicklist"}:
            made = self._with_choices(made, body)
        return made

    def _with_choices(self, column: Column, body: Mapping[str, Any]) -> Column:
        bound = body.get("GlobalOptionSet@odata.bind")
        if bound is not None:
            found = self.option_set(str(bound).rpartition("(")[2].rstrip(")"))
            return replace(column, choices=found.choices, choice_set=found.name)
        given = body.get("OptionSet")
        if not isinstance(given, Mapping):
            raise _invalid(f"The attribute '{column.name}' needs an OptionSet.")
        if given.get("IsGlobal") and given.get("Name") in self.environment.choices:
            found = self.environment.choices[str(given["Name"])]
            return replace(column, choices=found.choices, choice_set=found.name)
        return replace(column, choices=self._choices(given.get("Options")))

    def _columns_changed(self, table: Table) -> None:
        """What rows keep in common is fixed when a table begins; later columns go with the others."""
        self.environment.store.rows[table.name].forget_columns()

    # -- choices ------------------------------------------------------------------------------------------------------

    def option_set(self, key: str) -> OptionSet:
        """The global choice that a key names. Raises 404."""
        text = key.strip()
        name, equals, value = text.partition("=")
        wanted = value.strip().strip("'") if equals and name.strip() == "Name" else text.strip("'")
        for one in self.environment.choices.values():
            if wanted in {one.name, str(one.id)}:
                return one
        raise ServiceError(404, "0x80060888", f"Could not find an optionset with name {wanted}.")

    def create_option_set(self, body: Mapping[str, Any]) -> OptionSet:
        """Add a global choice; it."""
        privileges.demand_named(self.caller, "prvCreateOptionSet")
        name = str(body.get("Name") or "")
        self._prefixed(name, "OptionSet")
        if name in self.environment.choices:
            raise ServiceError(400, "0x80048403", f"An option set with the name {name} already exists.")
        if str(body.get("OptionSetType") or "Picklist") != "Picklist":
            raise not_covered("global choices that are no Picklist")
        made = OptionSet(name, _label(body.get("DisplayName")) or name, self._choices(body.get("Options")))
        self.environment.choices[name] = made
        return made

    def delete_option_set(self, option_set: OptionSet) -> None:
        """Take a global choice away that no column uses."""
        privileges.demand_named(self.caller, "prvDeleteOptionSet")
        users = [
            column
            for table in self.environment.tables.values()
            for column in table.columns.values()
            if column.choice_set == option_set.name
        ]
        if users:
            raise _in_use("OptionSet", option_set.name, len(users))
        del self.environment.choices[option_set.name]

    def change_options(self, action: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """InsertOptionValue, UpdateOptionValue or DeleteOptionValue; what the action answers."""
        privileges.demand_named(self.caller, "prvWriteAttribute")
        shared = body.get("OptionSetName")
        if shared:
            options = list(self.option_set(str(shared)).choices)
        else:
            table = self.environment.tables.get(str(body.get("EntityLogicalName")))
            column = None if table is None else table.columns.get(str(body.get("AttributeLogicalName")))
            if table is None or column is None or column.type not in {"Picklist", "MultiSelectPicklist"}:
                raise _invalid(f"The action '{action}' needs OptionSetName, or a table and one of its choice columns.")
            options = list(column.choices)
        value, text = body.get("Value"), _label(body.get("Label"))
        if action == "InsertOptionValue":
            number = value if isinstance(value, int) else self._next_value(options)
            if any(one.value == number for one in options):
                raise ServiceError(400, "0x80048403", f"The option value {number} is there already.")
            options.append(Choice(number, text or str(number)))
        else:
            number = value if isinstance(value, int) else -1
            if all(one.value != number for one in options):
                raise ServiceError(400, "0x80048403", f"There is no option with the value {value}.")
            options = [
                replace(one, label=text or one.label) if one.value == number else one
                for one in options
                if action != "DeleteOptionValue" or one.value != number
            ]
        self._set_options(str(shared or ""), body, tuple(options))
        return {"NewOptionValue": number} if action == "InsertOptionValue" else {}

    def _set_options(self, shared: str, body: Mapping[str, Any], options: tuple[Choice, ...]) -> None:
        tables = self.environment.tables
        if shared:
            self.environment.choices[shared] = replace(self.environment.choices[shared], choices=options)
            users = [(t, c) for t in tables.values() for c in t.columns.values() if c.choice_set == shared]
        else:
            table = tables[str(body["EntityLogicalName"])]
            users = [(table, table.columns[str(body["AttributeLogicalName"])])]
        for table, column in users:
            table.columns[column.name] = replace(column, choices=options)
            table.index()

    def _choices(self, given: Any) -> tuple[Choice, ...]:
        if not isinstance(given, list):
            raise _invalid("A choice needs a list of Options.")
        made: list[Choice] = []
        for one in given:
            if not isinstance(one, Mapping):
                raise _invalid("An option is an object.")
            value = one.get("Value")
            number = value if isinstance(value, int) else self._next_value(made)
            if any(known.value == number for known in made):
                raise ServiceError(400, "0x80048403", f"The option value {number} is there twice.")
            made.append(Choice(number, _label(one.get("Label")) or str(number)))
        return tuple(made)

    def _next_value(self, options: "list[Choice]") -> int:
        """Values nobody named begin with the publisher's number."""
        rows = self.environment.store.rows["publisher"]
        prefixes = [plain(rows.fragment(i, "customizationoptionvalueprefix")) for i in rows.live()]
        first = int(next((one for one in prefixes if one), 10_000)) * 10_000
        return max([first - 1, *(one.value for one in options)]) + 1

    # -- relationships ------------------------------------------------------------------------------------------------

    def create_relationship(self, body: Mapping[str, Any]) -> str:
        """Add a relationship, with its lookup or its table between; its schema name."""
        privileges.demand_named(self.caller, "prvCreateRelationship")
        schema_name = _schema_name(body)
        self._prefixed(schema_name, "EntityRelationship")
        if schema_name.lower() in {one.lower() for one in relationship_names(self.environment.tables)}:
            raise ServiceError(
                400,
                "0x80044363",
                f"The schema name {schema_name} for type EntityRelationships is not unique. An EntityRelationship "
                "with same name already exists.",
            )
        kind = str(body.get("@odata.type", "")).lstrip("#").removeprefix(CRM)
        if kind == "ManyToManyRelationshipMetadata":
            self._many_to_many(schema_name, body)
        elif kind == "OneToManyRelationshipMetadata":
            self._one_to_many(schema_name, body)
        else:
            raise payload_error("RelationshipDefinitions", f"A relationship of the type '{kind}' can't be created")
        return schema_name

    def _one_to_many(self, schema_name: str, body: Mapping[str, Any]) -> None:
        referenced = self._table(body.get("ReferencedEntity"))
        referencing = self._table(body.get("ReferencingEntity"))
        lookup = body.get("Lookup")
        if not isinstance(lookup, Mapping):
            raise _invalid("A one-to-many relationship needs its Lookup.")
        lookup_name = _schema_name(lookup)
        self._prefixed(lookup_name, "Attribute")
        if lookup_name.lower() in referencing.columns:
            raise ServiceError(
                400,
                "0x80044363",
                f"The schema name {lookup_name} for type Attributes is not unique. An Attribute with same name "
                "already exists.",
            )
        cascade = body.get("CascadeConfiguration") or {}
        on_delete = str(cascade.get("Delete") or "RemoveLink") if isinstance(cascade, Mapping) else "RemoveLink"
        if on_delete not in {"RemoveLink", "Restrict", "Cascade"}:
            raise not_covered(f"the cascade '{on_delete}' for deletions")
        nav = str(body.get("ReferencingEntityNavigationPropertyName") or lookup_name)
        if nav in referencing.navigation:
            raise ServiceError(400, "0x80072551", f"NavigationPropertyName {nav} is not unique within an entity")
        column = Column(
            lookup_name.lower(), lookup_name, "Lookup", _label(lookup.get("DisplayName")) or lookup_name,
            targets=(referenced.name,), binds=((referenced.name, nav),), custom=True,
            required=_required(lookup, "None"), relations=((referenced.name, schema_name),), on_delete=on_delete,
        )  # fmt: skip
        referencing.add([column])
        self._columns_changed(referencing)

    def _many_to_many(self, schema_name: str, body: Mapping[str, Any]) -> None:
        one, two = self._table(body.get("Entity1LogicalName")), self._table(body.get("Entity2LogicalName"))
        if one is two:
            raise not_covered("a many-to-many relationship of a table with itself")
        between = str(body.get("IntersectEntityName") or schema_name).lower()
        one.associations[str(body.get("Entity1NavigationPropertyName") or schema_name)] = Association(
            between, two.name, schema_name
        )
        two.associations[str(body.get("Entity2NavigationPropertyName") or schema_name)] = Association(
            between, one.name, schema_name
        )

    def delete_relationship(self, schema_name: str) -> None:
        """Take a custom relationship away, with its lookup or its links."""
        privileges.demand_named(self.caller, "prvDeleteRelationship")
        for table in self.environment.tables.values():
            for column in list(table.columns.values()):
                if any(name == schema_name for _, name in column.relations):
                    self._custom(column.custom, "EntityRelationship", schema_name)
                    self._drop(table, column)
                    return
            for association in list(table.associations.values()):
                if association.schema_name == schema_name:
                    self._forget_association(association)
                    return
        raise _in_use("EntityRelationship", schema_name, 1)

    def _forget_association(self, association: Association) -> None:
        for table in self.environment.tables.values():
            table.associations = {k: v for k, v in table.associations.items() if v.name != association.name}
        self.environment.store.links.pop(association.name, None)

    # -- keys ---------------------------------------------------------------------------------------------------------

    def create_key(self, table: Table, body: Mapping[str, Any]) -> Key:
        """Add an alternate key; it. Its index is there a moment later, if no rows have the same values."""
        privileges.demand_named(self.caller, "prvWriteEntity")
        schema_name = _schema_name(body)
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
        key = Key(schema_name, _label(body.get("DisplayName")) or schema_name, tuple(str(one) for one in names),
                  self.environment.clock.now(), failed=self._doubled(table, [str(one) for one in names]))  # fmt: skip
        table.keys[key.name] = key
        return key

    def delete_key(self, table: Table, key: Key) -> None:
        """Take an alternate key away."""
        privileges.demand_named(self.caller, "prvWriteEntity")
        del table.keys[key.name]

    def _doubled(self, table: Table, names: list[str]) -> bool:
        rows = self.environment.store.rows[table.name]
        held = [rows.values(name) for name in names]
        seen: set[tuple[Any, ...]] = set()
        for place in rows.live():
            values = tuple(column[place] for column in held)
            if None not in values and values in seen:
                return True
            seen.add(values)
        return False

    def publish(self) -> None:
        """Publish what was changed: it is there already, so nothing is left to do but to be allowed to."""
        privileges.demand_named(self.caller, "prvPublishCustomization")

    # -- helpers ------------------------------------------------------------------------------------------------------

    def _table(self, name: Any) -> Table:
        found = self.environment.tables.get(str(name))
        if found is None:
            raise ServiceError(404, "0x80041102", f"The entity with a name = '{name}' was not found.")
        return found

    def _prefixed(self, name: str, kind: str) -> None:
        prefix, mark, rest = name.partition("_")
        rows = self.environment.store.rows["publisher"]
        known = {plain(rows.fragment(i, "customizationprefix")) for i in rows.live()}
        known.add(str(self.environment.organization("schemanameprefix") or ""))
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
        if name.casefold() not in rows.values("uniquename"):
            raise ServiceError(404, "0x80040217", f"The solution {name} does not exist.")


def relationship_names(tables: Mapping[str, Table]) -> set[str]:
    """The schema names of the relationships that were made over the Web API."""
    found = {name for table in tables.values() for column in table.columns.values() for _, name in column.relations}
    return found | {one.schema_name for table in tables.values() for one in table.associations.values()}


def plural(name: str) -> str:
    """The entity set of a logical name, as the service makes it."""
    if name.endswith(("s", "x", "z", "ch", "sh")):
        return f"{name}es"
    if name.endswith("y") and name[-2:-1] not in set("aeiou"):
        return f"{name[:-1]}ies"
    return f"{name}s"


def key_id(table: Table, key: Key) -> str:
    """The MetadataId of an alternate key."""
    return str(uuid5(NAMESPACE, f"key {table.name} {key.name}"))


def _type(body: Mapping[str, Any]) -> str:
    kind = str(body.get("@odata.type", "")).lstrip("#").removeprefix(CRM).removesuffix("AttributeMetadata")
    kind = kind.removeprefix("Complex")  # as CreateEntities writes it
    if not kind:
        raise payload_error("Attributes", "An attribute needs '@odata.type'")
    return {"UniqueIdentifier": "Uniqueidentifier"}.get(kind, kind)


def _schema_name(body: Mapping[str, Any]) -> str:
    name = body.get("SchemaName")
    if not isinstance(name, str) or not name:
        raise _invalid("SchemaName is required.")
    return name


def _label(given: Any) -> str:
    if not isinstance(given, Mapping):
        return ""
    one = given.get("UserLocalizedLabel")
    if not isinstance(one, Mapping):
        several = given.get("LocalizedLabels")
        one = several[0] if isinstance(several, list) and several and isinstance(several[0], Mapping) else {}
    return str(one.get("Label") or "")


def _required(body: Mapping[str, Any], default: str) -> str:
    given = body.get("RequiredLevel")
    level = given.get("Value") if isinstance(given, Mapping) else None
    if level is None:
        return default
    if level not in {"None", "Recommended", "ApplicationRequired"}:
        raise _invalid(f"The RequiredLevel '{level}' can't be given to a custom attribute.")
    return str(level)


def _length(body: Mapping[str, Any], kind: str) -> int:
    length = body.get("MaxLength", 100 if kind == "String" else 2000)
    if isinstance(length, bool) or not isinstance(length, int) or not 0 < length <= _LARGEST[kind]:
        raise _invalid(f"MaxLength of a {kind} attribute lies between 1 and {_LARGEST[kind]}.")
    return length


def _invalid(text: str) -> ServiceError:
    return ServiceError(400, "0x80040203", text)


def _in_use(kind: str, name: str, users: int) -> ServiceError:
    return ServiceError(
        400,
        "0x8004f01f",
        f"The {kind}({name}) component cannot be deleted because it is referenced by {users} other components.",
    )
