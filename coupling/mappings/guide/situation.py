"""What the steps of New Table Mapping decide by: what was answered until now, and both tables as they are."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import HttpRequest

from core.vocabulary import Direction
from coupling.gateway import Gateway
from coupling.mappings import new_mapping
from coupling.mappings.edit import Changes
from coupling.mappings.field_edit import FieldChanges
from coupling.mappings.new_mapping import NewField, NewMapping
from coupling.mappings.proposals import Sides
from coupling.models import IntegrationTableMapping, NewMappingDraft
from dataverse.types import TableInfo
from masterdata.catalog import LocalTable
from masterdata.models import Company
from ui import guides
from ui.links import company_url

TITLE = "New Table Mapping"
HELP = "mappings.md#new"
NAME, TABLES, FIELDS, FILTERS, SCHEDULE, FINISH = "name", "tables", "fields", "filters", "schedule", "finish"


@dataclass
class Situation:
    """One request to the guide. Dataverse is asked when a step needs it; then EXPLAINED errors may come."""

    request: HttpRequest
    company: Company
    draft: NewMappingDraft

    def given(self, step: str) -> dict[str, Any]:
        """Return what was answered on a step; nothing where it was not taken yet."""
        found = self.draft.answers.get(step)
        return found if isinstance(found, dict) else {}

    def has_taken(self, step: str) -> bool:
        """Return whether Next was chosen on a step."""
        return step in self.draft.answers

    @property
    def name(self) -> str:
        """The name of the mapping, "" before it has one."""
        return str(self.given(NAME).get("name", ""))

    @property
    def table(self) -> LocalTable:
        """The table here. Raises NotUsable where it is not registered any more."""
        return new_mapping.find_table(self.company, str(self.given(TABLES).get("table", "")))

    @cached_property
    def gateway(self) -> Gateway:
        """Dataverse, as the company's connection reaches it."""
        return Gateway(self.company)

    @cached_property
    def info(self) -> TableInfo:
        """The table in Dataverse as it is now."""
        return new_mapping.read_info(self.company, str(self.given(TABLES).get("integration_table", "")))

    @property
    def direction(self) -> Direction:
        """The mapping's direction."""
        return Direction(self.given(TABLES).get("direction", Direction.BIDIRECTIONAL))

    @property
    def choices(self) -> str:
        """The column whose choices records are coupled with, "" where they are coupled with rows."""
        chosen = str(self.given(TABLES).get("uid_column", ""))
        return "" if chosen == self.info.primary_id else chosen

    @cached_property
    def sides(self) -> Sides:
        """Both tables, as proposals see them."""
        return new_mapping.sides_of(self.company, self.table, self.info, self.direction)

    @property
    def fields(self) -> list[NewField]:
        """The field mappings that were chosen."""
        return [
            NewField(
                row["field"], row["column"],
                FieldChanges(direction=Direction(row["direction"]), constant=row.get("constant", "")),
            )
            for row in self.given(FIELDS).get("rows", ())
        ]  # fmt: skip

    @property
    def asked(self) -> NewMapping:
        """What is asked for by all answers until now."""
        tables, settings = self.given(TABLES), dict(self.given(SCHEDULE))
        scheduled = bool(settings.pop("scheduled", True))
        filters = self.given(FILTERS)
        return NewMapping(
            self.name,
            str(tables.get("table", "")),
            str(tables.get("integration_table", "")),
            self.direction,
            str(tables.get("modified_on", "")),
            self.choices,
            self.fields,
            Changes(**filters, **settings),
            scheduled,
        )

    def mapping(self) -> IntegrationTableMapping:
        """Return the mapping as it would be by the answers until now, without its fields, not stored."""
        asked = self.asked
        made = new_mapping.bare_mapping(self.company, asked, self.info)
        made.table_filter = asked.settings.table_filter or {}
        made.integration_filter = asked.settings.integration_filter or {}
        return made

    def url(self, step: str = "") -> str:
        """Return the address of a step; without one, of the guide, which shows the first unfinished step."""
        if not step:
            return company_url("coupling:new-mapping", self.company)
        return company_url("coupling:new-mapping-step", self.company, part=step)


Step = guides.Step[Situation]
