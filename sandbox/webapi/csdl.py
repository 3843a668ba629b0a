"""$metadata: the tables as an XML document in the Common Schema Definition Language."""

from collections.abc import Mapping
from html import escape

from sandbox.data.relations import collections
from sandbox.metadata.model import Table

NAMESPACE = "Microsoft.Dynamics.CRM"


def document(tables: Mapping[str, Table]) -> bytes:
    """The whole document."""
    types = "".join(_type(tables, table) for table in tables.values())
    sets = "".join(_set(tables, table) for table in tables.values())
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{NAMESPACE}" Alias="mscrm" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        f'<EntityType Name="crmbaseentity" Abstract="true" />{types}'
        f'<EntityContainer Name="System">{sets}</EntityContainer>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    ).encode()


def _type(tables: Mapping[str, Table], table: Table) -> str:
    lines = [f"<Key><PropertyRef Name={_quoted(table.primary_id)} /></Key>"]
    for name, column in table.properties.items():
        lines.append(f"<Property Name={_quoted(name)} Type={_quoted(column.edm_type)} />")
    for column in table.columns.values():
        for target, nav in column.binds:
            if target not in tables or table.navigation[nav][1][0] != target:
                continue  # an owner is one property, though it leads to users and teams
            kind = f"mscrm.{target}" if len(table.navigation[nav][1]) == 1 else "mscrm.crmbaseentity"
            key = tables[target].primary_id
            constraint = f'<ReferentialConstraint Property="{column.web_name}" ReferencedProperty="{key}" />'
            lines.append(
                f'<NavigationProperty Name={_quoted(nav)} Type={_quoted(kind)} Nullable="true">{constraint}'
                "</NavigationProperty>"
            )
    for name, found in collections(tables, table).items():
        lines.append(
            f"<NavigationProperty Name={_quoted(name)} Type={_quoted(f'Collection(mscrm.{found.other.name})')} />"
        )
    for name, association in table.associations.items():
        lines.append(
            f"<NavigationProperty Name={_quoted(name)} Type={_quoted(f'Collection(mscrm.{association.other})')} />"
        )
    return f'<EntityType Name={_quoted(table.name)} BaseType="mscrm.crmbaseentity">{"".join(lines)}</EntityType>'


def _set(tables: Mapping[str, Table], table: Table) -> str:
    bindings = []
    for nav, (_, targets) in table.navigation.items():
        if len(targets) == 1 and targets[0] in tables:
            bindings.append((nav, tables[targets[0]].set))
    bindings += [(name, found.other.set) for name, found in collections(tables, table).items()]
    bindings += [(name, tables[one.other].set) for name, one in table.associations.items()]
    inner = "".join(
        f"<NavigationPropertyBinding Path={_quoted(path)} Target={_quoted(target)} />" for path, target in bindings
    )
    kind = _quoted(f"{NAMESPACE}.{table.name}")
    return f"<EntitySet Name={_quoted(table.set)} EntityType={kind}>{inner}</EntitySet>"


def _quoted(text: str) -> str:
    """A text as an attribute's value."""
    return f'"{escape(text)}"'
