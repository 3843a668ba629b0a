"""Verbs that change a mapping's fields and look-up tables: checked, then stored in one transaction.

Each change is a save or a deletion of its own, so that the audit log shows before and after.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

from django.db import transaction
from django.db.models import Max

from core.refusals import NotUsable, Refusal
from core.vocabulary import BlankPolicy, ConflictOption, Direction
from coupling import local_records
from coupling.gateway import Gateway
from coupling.mappings import column_looks
from coupling.mappings.coupled_tables import coupled_tables
from coupling.mappings.edit import Changes, change_mapping
from coupling.mappings.field_checks import (
    Pair,
    check_pair,
    find_column,
    find_field,
    length_note,
    second_sources,
    widest_direction,
)
from coupling.mappings.transformations import check_rules
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping, LookUpTable
from dataverse.errors import DataverseError
from dataverse.types import ColumnInfo, TableInfo

_MAX_ROWS = 10_000
_MAX_TEXT = 500


@dataclass(frozen=True, slots=True)
class FieldChanges:
    """What is to be changed about a field mapping; None: it stays as it is (a new one: as it is by default).

    rules: words in order (sync.rules.transformations); transformation_direction: that of the field where it is one-way.
    """

    direction: Direction | None = None
    constant: str | None = None
    rules: tuple[str, ...] | None = None
    transformation_direction: Direction | None = None
    update_conflict: ConflictOption | None = None
    blanks: BlankPolicy | None = None
    clear_on_failed: bool | None = None
    not_null: bool | None = None
    validate_field: bool | None = None
    validate_integration_field: bool | None = None
    enabled: bool | None = None

    def values(self) -> dict[str, Any]:
        """Return the model's values that are to be changed."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        found = {name: value for name, value in found.items() if value is not None}
        return found | ({"rules": list(found["rules"])} if "rules" in found else {})


def parse_pair(word: str) -> tuple[str, str]:
    """Return the field and the column of LOCAL=COLUMN; either is blank for a constant. Raises NotUsable."""
    local, equals, column = (part.strip() for part in word.partition("="))
    if not equals or not (local or column):
        raise NotUsable(
            f"{word!r} names no field and column.",
            "Write LOCAL=COLUMN; =COLUMN or LOCAL= where a constant takes the place of the other.",
        )
    return local, column


def find(mapping: IntegrationTableMapping, local: str, column: str) -> IntegrationFieldMapping | None:
    """Return the field mapping of a pair, disabled ones too; None where there is none."""
    return mapping.fields.filter(field=local, integration_field=column).first()


def get_field_mapping(mapping: IntegrationTableMapping, local: str, column: str) -> IntegrationFieldMapping:
    """Return the field mapping of a pair. Raises NotUsable."""
    found = find(mapping, local, column)
    if found is None:
        raise NotUsable(
            f"{mapping.name} has no field mapping {local}={column}.",
            f"It has {', '.join(f'{one.field}={one.integration_field}' for one in mapping.fields.all()) or 'none'}.",
            field="field",
        )
    return found


def add_field(
    *, mapping: IntegrationTableMapping, local: str, column: str, changes: FieldChanges
) -> IntegrationFieldMapping:
    """Add a field mapping, enabled unless the changes say otherwise, behind the others.

    Raises Refusal where the pair is there already or cannot be mapped, NotConnected, DataverseError where the
    column's metadata cannot be read.
    """
    _require_new(mapping, local, column)
    info = Gateway(mapping.company).table(mapping) if column else None
    with _alone(mapping):
        field = store_new(mapping=mapping, local=local, column=column, changes=changes, info=info)
    _keep_columns(mapping, info)
    return field


def store_new(
    *, mapping: IntegrationTableMapping, local: str, column: str, changes: FieldChanges, info: TableInfo | None
) -> IntegrationFieldMapping:
    """Check and store a field mapping behind the others, inside a transaction that holds the mapping.

    info: the Dataverse table, None where no column is named. Raises Refusal.
    """
    _require_new(mapping, local, column)
    info = info if column else None
    field = IntegrationFieldMapping(mapping=mapping, field=local, integration_field=column, user_defined=True)
    values = changes.values()
    if "direction" not in values:
        bare = Pair(*_sides(field, info), Direction(mapping.direction))
        values["direction"] = widest_direction(bare, Direction(mapping.direction))
    _apply(field, values)
    _check(field, info)
    field.position = (mapping.fields.aggregate(last=Max("position"))["last"] or 0) + 1
    field.save()
    return field


def _require_new(mapping: IntegrationTableMapping, local: str, column: str) -> None:
    """Raise NotUsable where the mapping has the pair."""
    if find(mapping, local, column) is not None:
        raise NotUsable(
            f"{mapping.name} has the field mapping {local}={column} already.",
            "Change that one; it may be disabled.", field="column",
        )  # fmt: skip


@contextmanager
def _alone(mapping: IntegrationTableMapping) -> Iterator[None]:
    """Check and store a mapping's fields in one transaction, one person after the other."""
    with transaction.atomic():
        IntegrationTableMapping.objects.select_for_update().get(pk=mapping.pk)
        yield


def set_field(*, field: IntegrationFieldMapping, changes: FieldChanges) -> tuple[str, ...]:
    """Change a field mapping. Return what a person should know of what follows. Raises as `add_field` does."""
    changed = _changed(field, changes)
    if not changed:
        return ()
    if "enabled" in changed and field.enabled and field.disabled_reason:
        raise NotUsable(
            f"{field.field or field.integration_field} cannot be enabled: {field.disabled_reason}", field="enabled"
        )
    checks = changed != ["enabled"] or field.enabled
    info = Gateway(field.mapping.company).table(field.mapping) if checks and field.integration_field else None
    with _alone(field.mapping):
        told = _turn_mapping(field) if "direction" in changed else ()
        if checks:
            _check(field, info)
        field.save(update_fields=changed)
    _keep_columns(field.mapping, info)
    return told


def _turn_mapping(field: IntegrationFieldMapping) -> tuple[str, ...]:
    """Turn a mapping of choices the way its field goes: all of it goes one way. Return what a person should know."""
    mapping, direction = field.mapping, Direction(field.direction)
    if mapping.uid_kind != "option" or direction in (Direction.BIDIRECTIONAL, mapping.direction):
        return ()
    changed = change_mapping(mapping=mapping, changes=Changes(direction=direction))
    return (f"{mapping.name} and all its fields go {direction.label.lower()} now.", *changed.advice)


def set_fields(
    *, mapping: IntegrationTableMapping, fields: Sequence[IntegrationFieldMapping], changes: FieldChanges
) -> tuple[int, tuple[str, ...]]:
    """Change several field mappings alike, all or none. Return how many changed, and what a person should know of what
    follows. Raises as `add_field` does, of the first that cannot be so, by its name.
    """
    info = Gateway(mapping.company).table(mapping) if any(one.integration_field for one in fields) else None
    changed = {field.pk: names for field in fields if (names := _changed(field, _fitting(field, changes)))}
    told: tuple[str, ...] = ()
    with _alone(mapping):
        for field in fields:
            field.mapping = mapping
            if field.pk in changed:
                told += _turn_mapping(field) if "direction" in changed[field.pk] else ()
                field.save(update_fields=changed[field.pk])
        for field in fields:  # once all are so: two that change places are no obstacle to each other
            if field.pk in changed:
                with _named(field):
                    _check(field, info if field.integration_field else None)
    _keep_columns(mapping, info)
    return len(changed), told


def _fitting(field: IntegrationFieldMapping, changes: FieldChanges) -> FieldChanges:
    """Return the changes without the direction of rules where the field goes one way: its rules go that way."""
    direction = changes.direction or Direction(field.direction)
    return changes if direction == Direction.BIDIRECTIONAL else replace(changes, transformation_direction=None)


@contextmanager
def _named(field: IntegrationFieldMapping) -> Iterator[None]:
    """Name the field mapping in what is refused about it."""
    try:
        yield
    except Refusal as error:
        raise Refusal(error.reason, f"{field}: {error.message}", error.fix, field="fields") from None


def _changed(field: IntegrationFieldMapping, changes: FieldChanges) -> list[str]:
    """Set what is to be changed, not saved. Return the names of what is not as it was."""
    before = {name: getattr(field, name) for name in _STORED}
    _apply(field, changes.values())
    return [name for name in _STORED if getattr(field, name) != before[name]]


def _keep_columns(mapping: IntegrationTableMapping, info: TableInfo | None) -> None:
    """Keep what the columns are that the mapping uses now: later changes of them are told."""
    if info is not None:
        column_looks.look(mapping, info.columns)


_STORED = tuple(one.name for one in fields(FieldChanges))


def remove_field(*, field: IntegrationFieldMapping) -> None:
    """Remove a field mapping. No value is changed on either side."""
    field.delete()


@transaction.atomic
def remove_fields(*, fields: Sequence[IntegrationFieldMapping]) -> None:
    """Remove several field mappings. No value is changed on either side."""
    for field in fields:
        remove_field(field=field)


@transaction.atomic
def reset_rules(*, mapping: IntegrationTableMapping) -> int:
    """Take back the transformation rules of all fields of a mapping. Return how many had some."""
    found = list(mapping.fields.exclude(rules=[]))
    for field in found:
        field.rules = []
        field.save(update_fields=["rules"])
    return len(found)


def save_table(*, company: Any, name: str, rows: dict[str, str]) -> LookUpTable:
    """Store a look-up table with these rows, or change the one of that name. Raises NotUsable."""
    if not name.strip() or len(name) > 60 or name != name.strip():
        raise NotUsable(f"A look-up table cannot be called {name!r}.", "Give it a name of 1 to 60 characters.")
    longest = max((len(text) for row in rows.items() for text in row), default=0)
    if len(rows) > _MAX_ROWS or longest > _MAX_TEXT:
        raise NotUsable(
            f"The look-up table {name} is too large.",
            f"It takes {_MAX_ROWS:,} rows, and {_MAX_TEXT} characters on either side of one.",
        )
    table = LookUpTable.objects.filter(company=company, name=name).first() or LookUpTable(company=company, name=name)
    table.rows = rows
    table.save()
    return table


def delete_table(*, table: LookUpTable) -> None:
    """Delete a look-up table. Raises NotUsable while a rule names it."""
    word = f"table={table.name}"
    users = [
        one
        for one in IntegrationFieldMapping.objects.filter(mapping__company=table.company).exclude(rules=[])
        if any(_same_rule(rule, word) for rule in one.rules)
    ]
    if users:
        named = ", ".join(f"{one.mapping}: {one}" for one in users[:5])
        raise NotUsable(f"The look-up table {table.name} is in use ({named}).", "Take the rules away first.")
    table.delete()


def _same_rule(one: str, other: str) -> bool:
    name, _, value = one.partition("=")
    return f"{name.strip().lower()}={value}" == other


def note(field: IntegrationFieldMapping) -> str:
    """Return a sentence where values of one side may be too long for the other, "" where all fit or none can say."""
    try:
        info = Gateway(field.mapping.company).table(field.mapping) if field.integration_field else None
        return length_note(_pair(field, info))
    except (Refusal, DataverseError):
        return ""


def _apply(field: IntegrationFieldMapping, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(field, name, value)
    direction = Direction(field.direction)
    if direction != Direction.BIDIRECTIONAL and "transformation_direction" not in values:
        field.transformation_direction = direction


def _sides(field: IntegrationFieldMapping, info: TableInfo | None) -> tuple[Any, ColumnInfo | None]:
    """Return the local field and the column, None for a side that a constant takes the place of. Raises Refusal."""
    table = local_records.get_table(field.mapping)
    return (
        find_field(table, field.field) if field.field else None,
        find_column(info, field.integration_field) if info is not None else None,
    )


def _pair(field: IntegrationFieldMapping, info: TableInfo | None) -> Pair:
    local, column = _sides(field, info)
    ready = True
    if column is not None and column.binds and local is not None and local.references:
        ready = bool(coupled_tables(field.mapping.company).get(local.references, set()) & set(column.binds))
    return Pair(
        local, column, Direction(field.direction), field.constant, tuple(field.rules),
        Direction(field.transformation_direction), field.clear_on_failed, field.not_null, ready,
    )  # fmt: skip


def _check(field: IntegrationFieldMapping, info: TableInfo | None) -> None:
    """Raise Refusal where a field mapping cannot be as it is now."""
    if field.mapping.uid_kind == "option":
        check_choices(field)
    check_pair(_pair(field, info), Direction(field.mapping.direction))
    check_rules(field.mapping.company, field.rules)
    if field.enabled:
        require_single_source(field)


def check_choices(field: IntegrationFieldMapping) -> None:
    """Raise NotUsable for what a run over choices does not do: what it transfers are their captions, as they are."""
    mapping = field.mapping
    if field.integration_field != mapping.uid_column:
        raise NotUsable(
            f"{mapping.name} couples records with the choices of {mapping.uid_column}, and transfers their captions.",
            f"Choose {mapping.uid_column} as the column.", field="column",
        )  # fmt: skip
    if field.direction == Direction.BIDIRECTIONAL:
        raise NotUsable(
            f"A field of {mapping.name} cannot be bidirectional: a choice has no time of its last change.",
            "Choose the direction of the mapping.", field="direction",
        )  # fmt: skip
    if field.rules or field.constant:
        name, what = ("rules", "transformation rules") if field.rules else ("constant", "constant")
        raise NotUsable(
            f"A field of {mapping.name} takes no {what}: it holds the caption of a choice as it is.",
            "Leave it out.", field=name,
        )  # fmt: skip
    local = find_field(local_records.get_table(mapping), field.field) if field.field else None
    if local is None or local.type not in ("text", "code"):
        what = local.caption if local is not None else "A constant"
        raise NotUsable(f"{what} takes no caption of a choice.", "Choose a field that holds text.", field="field")


def require_single_source(field: IntegrationFieldMapping) -> None:
    """Raise NotUsable where another enabled field writes to the same column, or to the same local field."""
    others = [*field.mapping.fields.filter(enabled=True).exclude(pk=field.pk)]
    rows = [*others, field]
    for found in second_sources((one.field, one.integration_field, one.direction) for one in rows):
        if found.at == len(others):
            other = others[found.before]
            raise NotUsable(
                f"The {found.side} {found.name} gets its value by the field mapping "
                f"{other.field}={other.integration_field} already.",
                "Disable or remove that one first, or choose a direction in which only one of them writes.",
                field="column",
            )
