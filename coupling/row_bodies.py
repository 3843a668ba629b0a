"""The JSON bodies that set columns of Dataverse rows: lookups become bindings, days what their column takes."""

from collections.abc import Callable, Mapping
from datetime import tzinfo
from typing import Any

from coupling.day_values import day_columns, moment_of
from coupling.row_filters import LOOKUPS
from dataverse import odata
from dataverse.errors import Invalid
from dataverse.types import TableInfo

Body = dict[str, Any]


def body_maker(
    table: TableInfo, entity_set_of: Callable[[str], str], zone: tzinfo
) -> Callable[[Mapping[str, Any]], Body]:
    """Return what makes the bodies of many rows: what a lookup becomes is found once for each row it leads to.

    entity_set_of: gives the entity set of a table; zone: whose midnights days become, see day_values. What is returned
    raises Invalid (configuration) for a lookup that does not refer to the table of its value.
    """
    columns = table.columns
    lookups = {name: column for name, column in columns.items() if column.type in LOOKUPS}
    days = {day.name: day for day in day_columns(columns, columns)}
    bound: dict[tuple[str, Any], dict[str, str | None]] = {}

    def bind(name: str, value: Any) -> dict[str, str | None]:
        binds = lookups[name].binds
        other, row_id = value if isinstance(value, tuple) else (next(iter(binds), ""), value)
        if other not in binds:
            raise Invalid(
                f"The column {name} of {table.name} does not refer to {other or 'any table'}.", reason="configuration"
            )
        entity_set = entity_set_of(other) if row_id is not None else ""
        return odata.bind(binds[other], entity_set, row_id)

    def body(values: Mapping[str, Any]) -> Body:
        made: Body = {}
        for name, value in values.items():
            if name not in lookups:
                made[name] = moment_of(value, days[name], zone) if name in days else value
                continue
            key = (name, tuple(value) if isinstance(value, list) else value)
            if (binding := bound.get(key)) is None:
                binding = bound[key] = bind(*key)
            made |= binding
        return made

    return body
