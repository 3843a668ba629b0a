"""$metadata: all tables as XML in the Common Schema Definition Language."""

from collections.abc import Mapping
from html import escape

from sandbox.data.relations import collections
from sandbox.metadata.model import Table

NAMESPACE = "Microsoft.Dynamics.CRM"


def build_document(tables: Mapping[str, Table]) -> bytes:
    """Return the whole document."""
    types = "".join(_build_type(tables, table) for table in tables.values())
    sets = "".join(_build_set(tables, table) for table in tables.values())
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>'
        f'<Schema Namespace="{NAMESPACE}" Alias="mscrm" xmlns="http://docs.oasis-open.org/odata/ns/edm">'
        f'<EntityType Name="crmbaseentity" Abstract="true" />{types}'
        f'<EntityContainer Name="System">{sets}</EntityContainer>'
        "</Schema></edmx:DataServices></edmx:Edmx>"
    ).encode()


def _build_type(tables: Mapping[str, Table], table: Table) -> str:
    lines = [f"<Key><PropertyRef Name={_quote(table.primary_id)} /></Key>"]
    for name, column in table.properties.items():
        lines.append(f"<Property Name={_quote(name)} Type={_quote(column.edm_type)} />")
    for column in table.columns.values():
        for target, nav in column.binds:
            if target not in tables or table.navigation[nav][1][0] != target:
                continue  # an owner is one property, though it leads to users and teams
            kind = f"mscrm.{target}" if len(table.navigation[nav][1]) == 1 else "mscrm.crmbaseentity"
            key = tables[target].primary_id
            constraint = f'<ReferentialConstraint Property="{column.web_name}" ReferencedProperty="{key}" />'
            lines.append(
                f'<NavigationProperty Name={_quote(nav)} Type={_quote(kind)} Nullable="true">{constraint}'
                "</NavigationProperty>"
            )
    for name, found in collections(tables, table).items():
        lines.append(
            f"<NavigationProperty Name={_quote(name)} Type={_quote(f'Collection(mscrm.{found.other.name})')} />"
        )
    for name, association in table.associations.items():
        lines.append(
            f"<NavigationProperty Name={_quote(name)} Type={_quote(f'Collection(mscrm.{association.other})')} />"
        )
    return f'<EntityType Name={_quote(table.name)} BaseType="mscrm.crmbaseentity">{"".join(lines)}</EntityType>'


def _build_set(tables: Mapping[str, Table], table: Table) -> str:
    bindings = []
    for nav, (_, targets) in table.navigation.items():
        if len(targets) == 1 and targets[0] in tables:
            bindings.append((nav, tables[targets[0]].set))
    bindings += [(name, found.other.set) for name, found in collections(tables, table).items()]
    bindings += [(name, tables[one.other].set) for name, one in table.associations.items()]
    inner = "".join(
        f"<NavigationPropertyBinding Path={_quote(path)} Target={_quote(target)} />" for path, target in bindings
    )
    kind = _quote(f"{NAMESPACE}.{table.name}")
    return f"<EntitySet Name={_quote(table.set)} EntityType={kind}>{inner}</EntitySet>"


def _quote(text: str) -> str:
    """Return a text as the value of an attribute."""
    return f'"{escape(text)}"'
