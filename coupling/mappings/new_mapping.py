"""A new table mapping: what is asked for, its checks against live metadata, and the verb that makes it whole."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from django.db import transaction
from django.db.models import Max

from core.refusals import NotUsable, Refusal
from core.vocabulary import Direction
from coupling import mapping_names
from coupling.filters import COMPANY_COLUMN
from coupling.gateway import Gateway
from coupling.mappings import edit, field_edit
from coupling.mappings.coupled_tables import coupled_tables
from coupling.mappings.field_edit import FieldChanges
from coupling.mappings.proposals import Sides, propose, required_and_missing
from coupling.mappings.schedule import schedule
from coupling.mappings.stored_file import locked_mappings
from coupling.mappings.table_kinds import require_standard
from coupling.models import IntegrationTableMapping, NewMappingDraft
from dataverse.types import ColumnInfo, TableInfo
from masterdata import catalog
from masterdata.catalog import LocalTable
from masterdata.models import Company

MODIFIED_ON = "modifiedon"
NOTHING_MADE = "Nothing was made."


@dataclass(frozen=True, slots=True)
class NewField:
    """A field mapping of it: field and column, either blank for a constant; `changes`: all else about it."""

    local: str
    column: str
    changes: FieldChanges = field(default_factory=FieldChanges)


@dataclass(frozen=True, slots=True)
class NewMapping:
    """What is asked for. modified_on: the column with the moment of the last change, "" for the usual one; unique_id:
    what a row goes by, "" for its table's own unique identifier, or the column whose choices take the place of rows.
    """

    name: str
    table: str
    integration_table: str
    direction: Direction = Direction.BIDIRECTIONAL
    modified_on: str = ""
    unique_id: str = ""
    fields: Sequence[NewField] = ()
    settings: edit.Changes = field(default_factory=edit.Changes)
    scheduled: bool = True


@dataclass(frozen=True, slots=True)
class Made:
    """The mapping that was made, and what a person should know about it, as sentences."""

    mapping: IntegrationTableMapping
    advice: tuple[str, ...]


def check_name(company: Company, name: str) -> str:
    """Return a mapping's name as it is stored. Raises NotUsable where it is none, or is taken."""
    name = name.strip()
    problem, fix = mapping_names.problem_of(name)
    if problem:
        raise NotUsable(problem, fix, field="name")
    taken = IntegrationTableMapping.objects.filter(company=company, name__iexact=name).first()
    if taken is not None:
        raise NotUsable(
            f"{company} has an integration table mapping {taken.name} already.", "Give the new one another name.",
            field="name",
        )  # fmt: skip
    return name


def find_table(company: Company, name: str) -> LocalTable:
    """Return the registered table of that name. Raises NotUsable where there is none, or the company has none of it."""
    try:
        table = catalog.table(name)
    except LookupError:
        known = [one.name for one in catalog.tables()]
        near = get_close_matches(name.lower(), known, n=3)
        fix = f"Is {' or '.join(near)} meant?" if near else f"There are {', '.join(sorted(known))}."
        raise NotUsable(f"There is no table {name!r} here.", f"{fix} {NOTHING_MADE}", field="table") from None
    if table.columns is not None and table.columns.condition(company) is None:
        raise NotUsable(
            f"As the table is registered, {company} has no {table.caption_plural.lower()}.",
            f"Map it in the company that has them. {NOTHING_MADE}", field="table",
        )  # fmt: skip
    return table


def find_modified_on(info: TableInfo, name: str) -> str:
    """Return the column with the moment of a row's last change: the one asked for, else the usual one, "" for none.

    Raises NotUsable for one that holds no moment.
    """
    if not name:
        return MODIFIED_ON if MODIFIED_ON in info.columns else ""
    if name not in moment_columns(info):
        raise NotUsable(
            f"{info.name} has no column {name!r} that holds a date and time.",
            f"It has {', '.join(moment_columns(info)) or 'none'}.", field="modified_on",
        )  # fmt: skip
    return name


def moment_columns(info: TableInfo) -> dict[str, ColumnInfo]:
    """Return the columns that hold a moment, by name; the usual one first."""
    found = {name: column for name, column in info.columns.items() if column.type == "DateTime"}
    return dict(sorted(found.items(), key=lambda one: (one[0] != MODIFIED_ON, one[1].label, one[0])))


def bare_mapping(company: Company, asked: NewMapping, info: TableInfo) -> IntegrationTableMapping:
    """Return the mapping that is asked for, without its fields and settings, not stored. Raises NotUsable.

    A row goes by the table's own unique identifier: the Web API takes no other in an address. Where a column of choices
    is asked for, those are coupled in place of rows.
    """
    require_standard(info)
    if asked.unique_id not in ("", info.primary_id):
        return _mapping_of_choices(company, asked, info)
    return IntegrationTableMapping(
        company=company,
        name=asked.name,
        table=asked.table,
        integration_table=info.name,
        entity_set=info.entity_set,
        uid_column=info.primary_id,
        name_column=info.primary_name,
        modified_on_column=find_modified_on(info, asked.modified_on),
        direction=asked.direction,
        company_column=COMPANY_COLUMN if COMPANY_COLUMN in info.columns else "",
        user_defined=True,
    )


def _mapping_of_choices(company: Company, asked: NewMapping, info: TableInfo) -> IntegrationTableMapping:
    if asked.unique_id in other_ids(info):
        raise NotUsable(why_not_by(info, [asked.unique_id]), f"Choose {info.primary_id}.", field="uid_column")
    if asked.unique_id not in choice_columns(info):
        raise NotUsable(
            f"{info.name} has no column {asked.unique_id!r} that holds choices, and its rows go by {info.primary_id}.",
            "Choose one of those that are offered.", field="uid_column",
        )  # fmt: skip
    if asked.direction == Direction.BIDIRECTIONAL:
        raise NotUsable(
            "Choices of a column go one way alone, since a choice has no time of its last change.",
            "Choose to or from integration table.", field="direction",
        )  # fmt: skip
    return IntegrationTableMapping(
        company=company, name=asked.name, table=asked.table, integration_table=info.name, entity_set=info.entity_set,
        uid_column=asked.unique_id, uid_kind="option", direction=asked.direction, user_defined=True,
    )  # fmt: skip


def other_ids(info: TableInfo) -> list[str]:
    """Return the columns that hold an id but the table's own unique identifier, by which no row can be coupled."""
    found = (name for name, column in info.columns.items() if column.type == "Uniqueidentifier")
    return sorted(name for name in found if name != info.primary_id)


def why_not_by(info: TableInfo, names: Sequence[str]) -> str:
    """Return why rows are not coupled by these columns, which hold ids."""
    *others, last = names
    named = f"{', '.join(others)} and {last} hold ids" if others else f"{last} holds an id"
    return (
        f"{named} too, but Dataverse finds, writes and tells the changes of rows of {info.name} by "
        f"{info.primary_id} alone."
    )


def choice_columns(info: TableInfo) -> dict[str, ColumnInfo]:
    """Return the columns whose choices records can be coupled with, by name, in the order of their labels."""
    found = {name: column for name, column in info.columns.items() if column.type == "Picklist" and column.for_update}
    return dict(sorted(found.items(), key=lambda one: ((one[1].label or one[0]).casefold(), one[0])))


def read_info(company: Company, integration_table: str) -> TableInfo:
    """Return a Dataverse table's live metadata. Raises NotUsable for no name, NotConnected, DataverseError."""
    name = integration_table.strip().lower()
    if not name:
        raise NotUsable("No Dataverse table is named.", "Choose one.", field="integration_table")
    if not edit.LOGICAL_NAME.fullmatch(name):
        raise NotUsable(
            f"{integration_table!r} cannot be the logical name of a table: those have letters, digits and _.",
            "Give the name that Dataverse shows as Logical name.", field="integration_table",
        )  # fmt: skip
    wanted = IntegrationTableMapping(company=company, integration_table=name)
    return Gateway(company).table(wanted)


def sides_of(company: Company, table: LocalTable, info: TableInfo, direction: Direction) -> Sides:
    """Return both tables as proposals see them, with what the company's mappings couple; this one's rows too."""
    coupled = coupled_tables(company)
    coupled.setdefault(table.name, set()).add(info.name)
    columns = {name: column for name, column in info.columns.items() if column.type != "EntityName"}
    return Sides(table.fields, table.title, info.name, columns, info.primary_id, info.primary_name, direction, coupled)


def create_mapping(
    *, company: Company, asked: NewMapping, fields_proposed: bool = False, draft: NewMappingDraft | None = None
) -> Made:
    """Make a mapping with its fields, filters, settings and schedule: all of it, or nothing.

    fields_proposed: map the fields that are proposed, in place of those of `asked`; draft: is deleted with it. Raises
    Refusal, whose `field` says what it is about, NotConnected and DataverseError where the table's metadata cannot be
    read.
    """
    asked = replace(asked, name=check_name(company, asked.name))
    table = find_table(company, asked.table)
    info = read_info(company, asked.integration_table)
    sides = sides_of(company, table, info, asked.direction)
    told: list[str] = []
    if fields_proposed:
        found = propose(sides)
        fields = [
            NewField(one.field.name, one.column.name, FieldChanges(direction=one.direction)) for one in found.pairs
        ]
        asked = replace(asked, fields=fields)
        told = [f"{one.field.caption}: {note}" for one in found.pairs for note in one.notes] + list(found.unfit)
    mapping = bare_mapping(company, asked, info)
    with transaction.atomic():
        locked_mappings(company)  # one after the other: names and places are unique
        check_name(company, asked.name)
        changed = edit.apply_changes(mapping, asked.settings, info.columns)
        last = IntegrationTableMapping.objects.filter(company=company).aggregate(last=Max("position"))["last"]
        mapping.position = (last or 0) + 1
        mapping.dependencies = _dependencies(mapping, table, info, [(one.local, one.column) for one in asked.fields])
        if asked.scheduled:
            schedule(mapping, on=True)
        mapping.save()
        for one in asked.fields:
            _store_field(mapping, one, info)
        if draft is not None:
            draft.delete()
    if mapping.uid_kind != "option":
        told += required_sentences(sides, asked.fields)
    return Made(mapping, (*changed.advice, *advice_about(mapping, info), *told))


def _store_field(mapping: IntegrationTableMapping, one: NewField, info: TableInfo) -> None:
    try:
        field_edit.store_new(mapping=mapping, local=one.local, column=one.column, changes=one.changes, info=info)
    except Refusal as error:
        raise Refusal(
            error.reason, f"{one.local or 'The constant'} and {one.column}: {error.message}", error.fix, field="fields"
        ) from None


def required_sentences(sides: Sides, fields: Sequence[NewField]) -> list[str]:
    """Return a sentence for each column that new rows need a value in and that no field fills; none without fields."""
    filled = {one.column for one in fields if one.changes.direction != Direction.FROM}
    missing = required_and_missing(sides, filled) if fields else []
    return [f"{_labelled(one)} must have a value in Dataverse, and no field fills it." for one in missing]


def _labelled(column: ColumnInfo) -> str:
    return f"{column.label} ({column.name})" if column.label else column.name


def _dependencies(
    mapping: IntegrationTableMapping, table: LocalTable, info: TableInfo, pairs: Collection[tuple[str, str]]
) -> list[str]:
    """Return the mappings whose couplings its lookups need, so that their records are synchronized first."""
    others = list(IntegrationTableMapping.objects.filter(company=mapping.company_id, uid_kind="guid"))
    known = {one.name: one for one in table.fields}
    needed: dict[str, None] = {}
    for local, name in pairs:
        column = info.columns.get(name)
        if local in known and known[local].references and column is not None:
            found = (
                other.name
                for other in others
                if other.table == known[local].references and other.integration_table in column.binds
            )
            needed.update(dict.fromkeys(found))
    return list(needed)


def advice_about(mapping: IntegrationTableMapping, info: TableInfo) -> list[str]:
    """Return what a person should know about a table that is mapped: who shares its rows, how changes are found."""
    told: list[str] = []
    if mapping.uid_kind == "option":
        return told
    if not mapping.company_column:
        told.append(
            f"{info.name} has no column {COMPANY_COLUMN}, so all companies share its rows: keep those of other "
            "companies out with an Integration Table Filter."
        )
    if not info.change_tracking:
        told.append(
            f"Change tracking is off for {info.name} in Dataverse, so every run reads all of its rows. Switch it on "
            "there to have runs read what changed alone."
        )
    return told
