"""What a delta link and a high-water mark belong to: the mapping, its fields and filters as a run read by them."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from connection_setup.connection.state import connection_of
from connection_setup.models import DataverseConnection
from core.vocabulary import BlankPolicy
from coupling.mappings.column_looks import Drift
from coupling.mappings.transformations import look_up_tables
from coupling.models import IntegrationTableMapping
from masterdata import catalog
from sync.engine.local_validation import has_rules

_COMPARED = ("field", "integration_field", "direction", "constant", "update_conflict", "clear_on_failed")
_READ = (*_COMPARED, "id", "rules", "transformation_direction", "blanks", "validate_field")


def fingerprint(
    mapping: IntegrationTableMapping,
    *,
    creates: bool,
    drift: Drift | None = None,
    connection: DataverseConnection | None = None,
) -> str:
    """Return what a delta link and a high-water mark belong to, hashed; where it changes, everything is compared.

    So it is when a field stops because of its column, and when it goes on. connection: the company's, where it was read
    already.
    """
    connection = connection or connection_of(mapping.company)
    fields = list(mapping.fields.filter(enabled=True).order_by("position", "id").values(*_READ))
    content = {
        "company": mapping.company_id, "mapping": mapping.pk, "organization": str(connection.organization_id),
        "table": [mapping.table, mapping.integration_table, mapping.entity_set],
        "direction": mapping.direction, "filters": [
            mapping.table_filter, mapping.integration_filter, "" if mapping.multi_company else mapping.company_column,
        ],
        "company_row": str(connection.company_row_id), "options": [mapping.update_conflict, mapping.deletion_conflict],
        "creating": creates,
        "fields": [[field[name] for name in _COMPARED] for field in fields],
    }  # fmt: skip
    # What most mappings do not have is left out, so that theirs stays what it was before there was such a thing.
    if mapping.day_zone:
        content["day_zone"] = mapping.day_zone
    if rewritten := [field for field in fields if field["rules"] != []]:
        content["rules"] = [
            [str(field[name]) for name in ("id", "rules", "transformation_direction")] for field in rewritten
        ]
        content["tables"] = look_up_tables(mapping.company)
    blanks = [mapping.blanks, *((field["id"], field["blanks"]) for field in fields if field["blanks"])]
    if blanks != [BlankPolicy.SEND]:
        content["blanks"] = [str(one) for one in blanks]
    if unchecked := _unchecked(mapping.table, [field for field in fields if not field["validate_field"]]):
        content["unchecked"] = unchecked
    if drift is not None and drift.mark:
        content["drift"] = drift.mark
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _unchecked(name: str, fields: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the fields whose own rules do not count, of those that have any."""
    found = [(field["field"], field["integration_field"]) for field in fields if field["field"]]
    try:
        table = catalog.table(name)
    except LookupError:
        return []
    known = {field.name for field in table.fields} if found else set()
    return [list(row) for row in found if row[0] in known and has_rules(table.model, row[0])]
