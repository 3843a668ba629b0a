"""Accounts that are inactive in Dataverse block their customers here; an active one never unblocks.

It shows where the filters let inactive accounts in: those of CUSTOMER leave them out by default.
"""

from typing import Any

from core.vocabulary import Direction
from coupling.models import IntegrationTableMapping
from coupling.rows import RemoteRow
from dataverse.types import TableInfo
from masterdata.models.parties import CustomerBlocked
from sync.engine.field_specs import Fields
from sync.engine.pairs import Record

BLOCKED = "blocked"
STATE = "statecode"
_INACTIVE = 1


class InactiveRows:
    """What a run writes here because a row is inactive; nothing where the mapping's own fields or direction decide."""

    def __init__(self, mapping: IntegrationTableMapping, fields: Fields, table_info: TableInfo) -> None:
        mapped = {spec.local_name for spec in (*fields.specs.values(), *fields.stopped.values())}
        self.block = (
            (mapping.table, mapping.integration_table) == ("customer", "account")
            and mapping.direction != Direction.TO
            and BLOCKED not in mapped
            and STATE in table_info.columns
        )
        if self.block:
            fields.also_written.append(BLOCKED)

    @property
    def columns(self) -> list[str]:
        """The columns to read for it."""
        return [STATE] if self.block else []

    @property
    def local_names(self) -> list[str]:
        """The local fields to read for it."""
        return [BLOCKED] if self.block else []

    def fields_of(self, row: RemoteRow | None, record: Record | None) -> dict[str, Any]:
        """Return the local fields to write; `record`: None for a new one."""
        if not self.block or row is None or row.values.get(STATE) != _INACTIVE:
            return {}
        return {} if record is not None and record.values.get(BLOCKED) else {BLOCKED: CustomerBlocked.ALL.value}

    @staticmethod
    def compared_fields(fields: dict[str, Any]) -> list[dict[str, Any]]:
        """Return what is written as an outcome stores it."""
        return [
            {"local": BLOCKED, "caption": "Blocked", "integration": STATE, "local_value": "",
             "integration_value": "Inactive", "written": "local"}
            for _ in fields
        ]  # fmt: skip
