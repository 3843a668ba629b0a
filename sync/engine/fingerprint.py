"""What a delta link and a high-water mark belong to: the mapping, its fields and filters as a run read by them."""

import hashlib
import json

from connection_setup.connection.state import connection_of
from coupling import filters
from coupling.models import IntegrationTableMapping


def fingerprint(mapping: IntegrationTableMapping, *, creates: bool) -> str:
    """Return what a delta link and a high-water mark belong to, hashed; where it changes, everything is compared."""
    connection = connection_of(mapping.company)
    fields = mapping.fields.filter(enabled=True).order_by("position", "id")
    content = {
        "company": mapping.company_id, "mapping": mapping.pk, "organization": str(connection.organization_id),
        "table": [mapping.table, mapping.integration_table, mapping.entity_set],
        "direction": mapping.direction, "filters": [
            mapping.table_filter, filters.in_force(mapping.integration_filter, multi_company=mapping.multi_company)
        ],
        "company_row": str(connection.company_row_id), "options": [mapping.update_conflict, mapping.deletion_conflict],
        "creating": creates,
        "fields": [list(row) for row in fields.values_list(
            "field", "integration_field", "direction", "constant", "update_conflict", "clear_on_failed"
        )],
    }  # fmt: skip
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
