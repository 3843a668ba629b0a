"""Relationships: a lookup with its two sides, or links between two tables."""

from collections.abc import Mapping
from typing import Any

from sandbox.base.errors import ServiceError, not_covered, payload_error
from sandbox.customizing.base import CRM, in_use, invalid, label_of, required_of, schema_name_of
from sandbox.customizing.columns import Columns
from sandbox.data import privileges
from sandbox.metadata.model import Association, Column, Table


class Relationships(Columns):
    """Makes and deletes relationships."""

    def create_relationship(self, body: Mapping[str, Any]) -> str:
        """Add a relationship, with its lookup or its table between; its schema name."""
        privileges.require_named_privilege(self.caller, "prvCreateRelationship")
        schema_name = schema_name_of(body)
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
            raise invalid("A one-to-many relationship needs its Lookup.")
        lookup_name = schema_name_of(lookup)
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
            lookup_name.lower(), lookup_name, "Lookup", label_of(lookup.get("DisplayName")) or lookup_name,
            targets=(referenced.name,), binds=((referenced.name, nav),), custom=True,
            required=required_of(lookup, "None"), relations=((referenced.name, schema_name),), on_delete=on_delete,
        )  # fmt: skip
        referencing.add_columns([column])
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
        privileges.require_named_privilege(self.caller, "prvDeleteRelationship")
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
        raise in_use("EntityRelationship", schema_name, 1)

    def _forget_association(self, association: Association) -> None:
        for table in self.environment.tables.values():
            table.associations = {k: v for k, v in table.associations.items() if v.name != association.name}
        self.environment.store.links.pop(association.name, None)


def relationship_names(tables: Mapping[str, Table]) -> set[str]:
    """The schema names of the relationships that were made over the Web API."""
    found = {name for table in tables.values() for column in table.columns.values() for _, name in column.relations}
    return found | {one.schema_name for table in tables.values() for one in table.associations.values()}
