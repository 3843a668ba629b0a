"""A mapping as the document that commands print."""

from typing import Any

from coupling import local_records
from coupling.mappings.column_looks import Drift
from coupling.mappings.overlaps import overlaps
from coupling.models import IntegrationTableMapping, pairs_of
from coupling.page_parts import field_captions


def mapping_document(mapping: IntegrationTableMapping) -> dict[str, Any]:
    """Return the document of `mapping show`: settings, filters as stored, and fields."""
    return {
        "name": mapping.name, "table": mapping.table, "integration_table": mapping.integration_table,
        "direction": mapping.direction, "table_filter": mapping.table_filter,
        "integration_filter": mapping.integration_filter, "company_column": mapping.company_column,
        "dependencies": mapping.dependencies, "synch_only_coupled": mapping.synch_only_coupled,
        "multi_company": mapping.multi_company, "update_conflict": mapping.update_conflict,
        "deletion_conflict": mapping.deletion_conflict, "blanks": mapping.blanks,
        "every_minutes": mapping.every_minutes, "template": mapping.template, "insert_values": mapping.insert_values,
        "brakes": mapping.brakes, "day_zone": mapping.day_zone,
        "create_new": mapping.create_new, "synch_after_coupling": mapping.synch_after_coupling,
        "fields": field_documents(mapping), "options": option_documents(mapping),
        "shares": [
            {"mapping": one.mapping, "table": one.side, "in_common": one.in_common} for one in overlaps(mapping)
        ],
    }  # fmt: skip


def field_documents(mapping: IntegrationTableMapping) -> list[dict[str, Any]]:
    """Return the field mappings of that document, in their order."""
    captions = field_captions(mapping)
    return [
        {
            "field": one.field, "caption": captions.get(one.field, ""), "integration_field": one.integration_field,
            "direction": one.direction, "enabled": one.enabled, "disabled_reason": one.disabled_reason,
            "constant": one.constant, "match": one.use_for_match, "case_sensitive": one.case_sensitive,
            "match_priority": one.match_priority, "compare_as": one.compare_as,
            "rules": one.rules, "transformation_direction": one.transformation_direction,
            "update_conflict": one.update_conflict, "blanks": one.blanks, "clear_on_failed": one.clear_on_failed,
            "not_null": one.not_null, "validate_field": one.validate_field,
            "validate_integration_field": one.validate_integration_field,
        }
        for one in mapping.fields.all()
    ]  # fmt: skip


def drift_document(drift: Drift) -> dict[str, Any]:
    """Return what changed about a mapping's columns, as `mapping drift` prints it."""
    return {
        "mapping": drift.mapping.name, "integration_table": drift.mapping.integration_table,
        "looked_at": drift.looked_at.isoformat() if drift.looked_at is not None else None,
        "stops": drift.stops.value,
        "changes": [
            {
                "kind": change.kind.value, "column": change.column, "was": change.was, "is": change.now,
                "since": drift.since[change.key].isoformat(), "fields": list(change.fields),
                "stopped": sorted(change.stopped), "stops": change.stops.value, "message": change.message,
                "fix": change.fix,
            }
            for change in drift.changes
        ],
    }  # fmt: skip


def option_documents(mapping: IntegrationTableMapping) -> list[dict[str, Any]]:
    """Return the records that are coupled with choices, by the choices' values; none but in a mapping of choices."""
    if mapping.uid_kind != "option":
        return []
    pairs = list(pairs_of(mapping).order_by("value"))
    keys = local_records.read_keys_and_names(mapping, [pair.local_id for pair in pairs])
    return [
        {"code": keys.get(pair.local_id, ("", ""))[0], "value": pair.value, "caption": pair.caption} for pair in pairs
    ]
