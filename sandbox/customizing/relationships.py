"""Changes of relationships: a lookup between two tables, or a many-to-many link."""

from collections.abc import Mapping
from typing import Any

from sandbox.base.errors import ServiceError, not_covered, payload_error
from sandbox.customizing import labels
from sandbox.customizing.base import (
    CRM,
    component_in_use,
    invalid_definition,
    read_label,
    read_required_level,
    read_schema_name,
)
from sandbox.customizing.columns import ColumnCustomizer
from sandbox.data import privileges
from sandbox.metadata.model import Association, Column, Table


class RelationshipCustomizer(ColumnCustomizer):
    """Creates and deletes relationships."""

    def create_relationship(self, body: Mapping[str, Any]) -> str:
        """Add a relationship with its lookup or its links; return its schema name. Raises ServiceError."""
        privileges.require_named_privilege(self.caller, "prvCreateRelationship")
        schema_name = read_schema_name(body)
        self._check_prefix(schema_name, "EntityRelationship")
        if schema_name.lower() in {one.lower() for one in relationship_names(self.environment.tables)}:
            raise ServiceError(400, "0x8004432b", f"The relationship {schema_name} already exists.")
        kind = str(body.get("@odata.type", "")).lstrip("#").removeprefix(CRM)
        if kind == "ManyToManyRelationshipMetadata":
            self._many_to_many(schema_name, body)
        elif kind == "OneToManyRelationshipMetadata":
            self._one_to_many(schema_name, body)
        else:
            raise payload_error("RelationshipDefinitions", f"A relationship of the type '{kind}' can't be created")
        return schema_name

    def _one_to_many(self, schema_name: str, body: Mapping[str, Any]) -> None:
        referenced = self._find_table(body.get("ReferencedEntity"))
        referencing = self._find_table(body.get("ReferencingEntity"))
        lookup = body.get("Lookup")
        if not isinstance(lookup, Mapping):
            raise invalid_definition("A one-to-many relationship needs its Lookup.")
        lookup_name = read_schema_name(lookup)
        self._check_prefix(lookup_name, "Attribute")
        labels.check(self.environment, lookup)
        if lookup_name.lower() in referencing.columns:
            raise ServiceError(400, "0x80047013", "An attribute with the specified name already exists")
        cascade = body.get("CascadeConfiguration") or {}
        on_delete = str(cascade.get("Delete") or "RemoveLink") if isinstance(cascade, Mapping) else "RemoveLink"
        if on_delete not in {"RemoveLink", "Restrict", "Cascade"}:
            raise not_covered(f"the cascade '{on_delete}' for deletions")
        nav = str(body.get("ReferencingEntityNavigationPropertyName") or lookup_name)
        if nav in referencing.navigation:
            raise ServiceError(400, "0x80072551", f"NavigationPropertyName {nav} is not unique within an entity")
        column = Column(
            name=lookup_name.lower(),
            schema_name=lookup_name,
            type="Lookup",
            label=read_label(lookup.get("DisplayName")) or lookup_name,
            targets=(referenced.name,),
            binds=((referenced.name, nav),),
            custom=True,
            required=read_required_level(lookup, "None"),
            relations=((referenced.name, schema_name),),
            on_delete=on_delete,
        )
        referencing.add_columns([column])
        self._drop_decoded(referencing)
        self.environment.customization.note_definition(referencing.name, column.name)

    def _many_to_many(self, schema_name: str, body: Mapping[str, Any]) -> None:
        one, two = self._find_table(body.get("Entity1LogicalName")), self._find_table(body.get("Entity2LogicalName"))
        if one is two:
            raise not_covered("a many-to-many relationship of a table with itself")
        intersect_table = str(body.get("IntersectEntityName") or schema_name).lower()
        one.associations[str(body.get("Entity1NavigationPropertyName") or schema_name)] = Association(
            intersect_table, two.name, schema_name
        )
        two.associations[str(body.get("Entity2NavigationPropertyName") or schema_name)] = Association(
            intersect_table, one.name, schema_name
        )

    def delete_relationship(self, schema_name: str) -> None:
        """Delete a custom relationship, with its lookup or its links. Raises ServiceError."""
        privileges.require_named_privilege(self.caller, "prvDeleteRelationship")
        for table in self.environment.tables.values():
            for column in list(table.columns.values()):
                if any(name == schema_name for _, name in column.relations):
                    self._require_custom(column.custom, "EntityRelationship", schema_name)
                    self._drop_column(table, column)
                    return
            for association in list(table.associations.values()):
                if association.schema_name == schema_name:
                    self._remove_association(association)
                    return
        raise component_in_use("EntityRelationship", schema_name, 1)

    def _remove_association(self, association: Association) -> None:
        for table in self.environment.tables.values():
            table.associations = {k: v for k, v in table.associations.items() if v.name != association.name}
        self.environment.store.links.pop(association.name, None)


def relationship_names(tables: Mapping[str, Table]) -> set[str]:
    """Return the schema names of the relationships that were created over the Web API."""
    found = {name for table in tables.values() for column in table.columns.values() for _, name in column.relations}
    return found | {one.schema_name for table in tables.values() for one in table.associations.values()}
