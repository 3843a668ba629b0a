"""What a file of mappings says, as typed entries: a mapping, its fields, its pairs of choices, look-up tables.

Names are those of the models, but `match` in the file is `use_for_match` there.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from core.refusals import NotUsable
from core.vocabulary import BlankPolicy, CompareAs, Direction
from coupling.rows import Criterion

FORMAT = 1
"""The version of the file's form."""
MAX_BYTES = 2_000_000
"""What a file may be as large as."""
FIX = "Correct the file. Nothing was changed."


class BadFile(NotUsable):
    """A file that cannot be read, or says what cannot be: the message names the line."""

    def __init__(self, message: str, fix: str = "", *, line: int | None = None) -> None:
        place = f"Line {line:,}: " if line else ""
        super().__init__(f"{place}{message}", f"{fix} {FIX}".strip(), field="file")


@dataclasses.dataclass(frozen=True, slots=True)
class FieldEntry:
    """A field mapping. only_with, needs, way: of the default mappings alone, see coupling.mappings.defaults."""

    field: str = ""
    integration_field: str = ""
    direction: str = Direction.BIDIRECTIONAL.value
    enabled: bool = True
    disabled_reason: str = ""
    constant: str = ""
    rules: tuple[str, ...] = ()
    transformation_direction: str = Direction.TO.value
    update_conflict: str = ""
    blanks: str = BlankPolicy.DEFAULT.value
    clear_on_failed: bool = False
    not_null: bool = False
    validate_field: bool = True
    validate_integration_field: bool = False
    use_for_match: bool = False
    match_priority: int = 0
    case_sensitive: bool = False
    compare_as: str = CompareAs.TEXT.value
    only_with: str = ""
    needs: str = ""
    way: str = ""
    line: int = dataclasses.field(default=0, compare=False)

    @property
    def pair(self) -> str:
        """LOCAL=COLUMN, as commands name it."""
        return f"{self.field}={self.integration_field}"


@dataclasses.dataclass(frozen=True, slots=True)
class OptionEntry:
    """A record, by its code, that stands for a choice."""

    code: str
    value: int
    caption: str = ""
    line: int = dataclasses.field(default=0, compare=False)


@dataclasses.dataclass(frozen=True, slots=True)
class SetEntry:
    """A criteria set: its name, and the criteria in their order."""

    name: str
    criteria: tuple[Criterion, ...]
    line: int = dataclasses.field(default=0, compare=False)


@dataclasses.dataclass(frozen=True, slots=True)
class MappingEntry:
    """An integration table mapping.

    scheduled, position: None where the file leaves them as they are; part_of, on_demand, way: of the default mappings
    alone; options: all pairs that the mapping is to have, None where the file says nothing of them and they stay;
    criteria_sets: the same of its criteria sets, by name.
    """

    name: str
    table: str
    integration_table: str
    entity_set: str
    uid_column: str
    modified_on_column: str = ""
    uid_kind: str = "guid"
    name_column: str = ""
    direction: str = Direction.BIDIRECTIONAL.value
    table_filter: Any = dataclasses.field(default_factory=dict)
    integration_filter: Any = dataclasses.field(default_factory=dict)
    company_column: str = ""
    template: str = ""
    insert_values: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    dependencies: tuple[str, ...] = ()
    synch_only_coupled: bool = True
    multi_company: bool = False
    update_conflict: str = ""
    deletion_conflict: str = ""
    blanks: str = BlankPolicy.SEND.value
    synch_after_coupling: bool = False
    create_new: bool = False
    brakes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    day_zone: str = ""
    blank_is_no_match: bool = False
    scheduled: bool | None = None
    every_minutes: int = 30
    inactivity_timeout_minutes: int = 720
    late_after_minutes: int = 15
    position: int | None = None
    fields: tuple[FieldEntry, ...] = ()
    options: tuple[OptionEntry, ...] | None = None
    criteria_sets: tuple[SetEntry, ...] | None = None
    part_of: str = ""
    on_demand: bool = False
    way: str = ""
    lines: Mapping[str, int] = dataclasses.field(default_factory=dict, compare=False)
    """Setting -> the line that says it; "" -> the line with the mapping's name."""


@dataclasses.dataclass(frozen=True, slots=True)
class MappingFile:
    """All that a file says. look_up_tables: name -> value -> what it becomes."""

    mappings: tuple[MappingEntry, ...] = ()
    look_up_tables: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)

    def mapping(self, name: str) -> MappingEntry | None:
        """Return the mapping of that name, None where there is none."""
        return next((one for one in self.mappings if one.name == name), None)


IDENTITY = ("table", "integration_table", "entity_set", "uid_column", "modified_on_column", "uid_kind")
"""Settings that say what a mapping couples: they stay while it has couplings."""
SETTINGS: Mapping[str, str] = {
    "table": "Table", "integration_table": "Integration Table", "entity_set": "Entity Set",
    "uid_column": "Integration Field", "modified_on_column": "Modified On", "uid_kind": "Integration Field Type",
    "name_column": "Name Column", "direction": "Direction", "table_filter": "Table Filter",
    "integration_filter": "Integration Table Filter", "company_column": "Company Column",
    "template": "Template", "insert_values": "Values of new rows", "dependencies": "Dependencies",
    "synch_only_coupled": "Synch. Only Coupled Records",
    "multi_company": "Multi-Company Synchronization Enabled", "update_conflict": "Resolve Update Conflicts",
    "deletion_conflict": "Resolve Deletion Conflicts", "blanks": "Blank Values",
    "synch_after_coupling": "Synchronize After Coupling", "create_new": "Create New if Unable to Find a Match",
    "brakes": "Brakes", "day_zone": "Time Zone of Dates",
    "blank_is_no_match": "Blank values: don't match", "scheduled": "Runs by itself",
    "every_minutes": "Synchronize every (minutes)", "inactivity_timeout_minutes": "Inactivity Timeout (minutes)",
    "late_after_minutes": "Late after (minutes)",
    "position": "Place in lists",
}  # fmt: skip
"""The settings of a mapping in the order of the file, with what pages call them."""
FIELD_SETTINGS: Mapping[str, str] = {
    "direction": "Direction", "enabled": "Enabled", "disabled_reason": "Why it is off", "constant": "Constant Value",
    "rules": "Transformation Rules", "transformation_direction": "Transformation Direction",
    "update_conflict": "Resolve Update Conflicts", "blanks": "Blank Values",
    "clear_on_failed": "Clear Value on Failed Sync", "not_null": "Not Null", "validate_field": "Validate Field",
    "validate_integration_field": "Validate Integration Table Field", "use_for_match": "Match on this Field",
    "match_priority": "Match Priority", "case_sensitive": "Case-sensitive Matching", "compare_as": "Compare As",
}  # fmt: skip
"""The settings of a field mapping in the order of the file, with what pages call them."""
WAYS = ("measures", "groups", "price_groups", "price_lists")
"""How units and prices may be mapped: of the first two and of the last two a company chooses one each."""
OF_DEFAULTS = ("part_of", "on_demand", "way")
"""Keys of a mapping that the file of the default mappings alone may have; see coupling.mappings.defaults."""
FIELD_OF_DEFAULTS = ("only_with", "needs", "way")
"""Those of a field."""
CRITERIA = ("use_for_match", "match_priority", "case_sensitive", "compare_as")
"""Those of a field that are matching criteria."""


def numbered(fields: Sequence[FieldEntry]) -> dict[tuple[str, int], FieldEntry]:
    """Return field mappings by their pair and by how often the pair stands before them: a pair may be there twice."""
    seen: dict[str, int] = {}
    found: dict[tuple[str, int], FieldEntry] = {}
    for one in fields:
        seen[one.pair] = seen.get(one.pair, 0) + 1
        found[one.pair, seen[one.pair]] = one
    return found
