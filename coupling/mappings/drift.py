"""Drift: what changed about the columns that a mapping uses in Dataverse, and what stops because of it. Pure.

A mapping keeps what its columns were when they were first seen, or when a person last accepted what they had become.
What they are now is compared with that, for four kinds of changes, each of which stops what it touches and no more:

    gone        its fields; the mapping where it finds or tells rows by the column; creation where new rows get a value
                of the mapping's own in it
    retyped     the fields that cannot hold the new type's values; else as gone
    shortened   nothing. Most values still fit: a record whose value does not fails with a sentence of its own, and to
                stop the field would keep all the others from being synchronized
    required    creation in Dataverse, until a field fills the column

Nothing is kept for columns that nothing uses. What changes for the better (a longer column, one that is required no
longer) is followed at once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from core.refusals import NotUsable
from core.vocabulary import Direction
from coupling.mappings.field_checks import Pair, check_pair, needs_value
from coupling.matching.comparable import LOOKUPS
from dataverse.types import ColumnInfo


class Kind(StrEnum):
    """What happened to a column."""

    GONE = "gone"
    RETYPED = "retyped"
    SHORTENED = "shortened"
    REQUIRED = "required"


class Stops(StrEnum):
    """What a change stops."""

    NOTHING = "nothing"
    FIELDS = "fields"
    CREATION = "creation"
    MAPPING = "mapping"


@dataclass(frozen=True, slots=True)
class ColumnState:
    """What is kept of a column. targets: the tables that a lookup points to; id: its MetadataId."""

    type: str
    label: str = ""
    max_length: int | None = None
    required: bool = False
    targets: tuple[str, ...] = ()
    id: str = ""


Columns = Mapping[str, ColumnState]


@dataclass(frozen=True, slots=True)
class UsedField:
    """An enabled field mapping with a column, and its direction together with the mapping's.

    partners: the Dataverse tables that the records which the local field names are coupled with; known: whether the
    local table has the field.
    """

    name: str
    caption: str
    column: str
    pair: Pair
    partners: frozenset[str] = frozenset()
    known: bool = True

    @property
    def sends(self) -> bool:
        """Whether values go to the column."""
        return self.pair.direction != Direction.FROM


@dataclass(frozen=True, slots=True)
class Uses:
    """What a mapping uses columns for.

    roles: by column, what the mapping as a whole needs it for; template: values that new rows get beside the fields';
    filled: further columns that new rows get a value in; creates: whether rows are created in Dataverse.
    """

    direction: Direction
    fields: tuple[UsedField, ...] = ()
    roles: Mapping[str, str] = field(default_factory=dict)
    template: Mapping[str, Any] = field(default_factory=dict)
    filled: frozenset[str] = frozenset()
    creates: bool = True

    @property
    def columns(self) -> frozenset[str]:
        """Every column that is used."""
        return frozenset({*(one.column for one in self.fields), *self.roles, *self.template})


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a column. was, now: what it was and is, in words; "" for nothing.

    fields: the names of the fields that it touches; stopped: of those that it stops; no_new_rows: whether no row is
    created in Dataverse; message: what happened and what that means; fix: what a person does about it.
    """

    kind: Kind
    column: str
    was: str
    now: str
    fields: tuple[str, ...]
    stopped: frozenset[str]
    stops: Stops
    message: str
    fix: str
    no_new_rows: bool = False

    @property
    def key(self) -> str:
        """What it is known by from look to look."""
        return f"{self.kind}:{self.column}"

    @property
    def token(self) -> str:
        """What tells whether it is the change that a person has seen: another length later is another change."""
        return f"{self.key}={self.now}"

    @property
    def acceptable(self) -> bool:
        """Whether a person may have the column taken as it is: what stops fields or the mapping needs another one."""
        return self.stops in (Stops.NOTHING, Stops.CREATION)


def snapshot(columns: Mapping[str, ColumnInfo], uses: Uses) -> dict[str, ColumnState]:
    """Return what is kept of a table's columns: of those that are used, and of all that a new row must fill."""
    used = uses.columns
    found: dict[str, ColumnState] = {}
    for name, column in columns.items():
        required = needs_value(column)
        if name in used or required:
            targets = tuple(sorted(column.binds))
            found[name] = ColumnState(
                column.type, column.label, column.max_length, required, targets, column.metadata_id
            )
    return found


def follow(then: Columns, now: Columns, uses: Uses) -> dict[str, ColumnState]:
    """Return what is compared with from now on: `then`, with what is used since, and what became better."""
    used = uses.columns
    followed = {name: state for name, state in then.items() if name in used or state.required}
    for name, state in now.items():
        before = followed.get(name)
        if before is None:
            if name in used:
                followed[name] = replace(state, required=False)
            continue
        longer = before.max_length is not None and state.max_length is not None and state.max_length > before.max_length
        followed[name] = replace(
            before, id=state.id, label=state.label, required=before.required and state.required,
            max_length=state.max_length if longer and state.type == before.type else before.max_length,
        )  # fmt: skip
    return {name: state for name, state in followed.items() if name in used or state.required}


def emptied(then: Columns, seen: Columns, now: Columns, uses: Uses) -> frozenset[str]:
    """Return the used columns that were deleted and made anew since they were last seen: they came back without values.

    then: what is compared with; seen: what there was at the last look.
    """
    return frozenset(
        name
        for name in uses.columns & then.keys() & now.keys()
        if name not in seen or (seen[name].id != now[name].id and "" not in (seen[name].id, now[name].id))
    )


def accepted(then: Columns, now: Columns, changes: Sequence[Change]) -> dict[str, ColumnState]:
    """Return what is compared with once a person has accepted these changes. Others stay."""
    found = dict(then)
    for change in changes:
        if not change.acceptable:
            continue
        state = now.get(change.column)
        if state is None:
            found.pop(change.column, None)
        elif change.kind is Kind.REQUIRED:
            found[change.column] = replace(found.get(change.column, state), required=True)
        elif change.kind is Kind.SHORTENED:
            found[change.column] = replace(found[change.column], max_length=state.max_length)
        else:
            found[change.column] = replace(state, required=found[change.column].required)
    return found


def drift(then: Columns, now: Columns, uses: Uses) -> list[Change]:
    """Return what changed between two looks at a table's columns that matters for what a mapping uses, by column."""
    changes: list[Change] = []
    for name in sorted(uses.columns & then.keys()):
        was, state = then[name], now.get(name)
        if state is None:
            changes.append(_gone(name, was, uses))
        elif _retyped(was, state):
            changes.append(_other_type(name, was, state, uses))
        elif (found := _shortened(name, was, state, uses)) is not None:
            changes.append(found)
    stopped = frozenset(field for change in changes for field in change.stopped)
    return changes + _newly_required(then, now, uses, stopped)


def _gone(name: str, was: ColumnState, uses: Uses) -> Change:
    fields = _fields(name, uses)
    stops, means, fix = _consequence(name, fields, uses, "Add the column in Dataverse again")
    message = f"The column {_called(name, was)} is gone in Dataverse: it was deleted or renamed. {means}"
    return Change(
        Kind.GONE, name, _type(was), "", _names(fields), frozenset(_names(fields)), stops, message.strip(), fix,
        name in uses.template and uses.creates,
    )  # fmt: skip


def _retyped(was: ColumnState, state: ColumnState) -> bool:
    return state.type != was.type or not set(was.targets) <= set(state.targets)


def _other_type(name: str, was: ColumnState, state: ColumnState, uses: Uses) -> Change:
    fields = _fields(name, uses)
    stopped = [one for one in fields if not _takes(one, name, state, uses.direction)]
    stops, means, fix = _consequence(name, stopped, uses, f"Make the column {_type(was)} again in Dataverse")
    if stops is Stops.NOTHING:
        fix = _ACCEPT
        means = f"{_list(fields)} {_verb(fields, 'goes')} on, with the new type's values." if fields else ""
    message = f"The column {_called(name, state)} was {_type(was)} and is {_type(state)} in Dataverse. {means}"
    return Change(
        Kind.RETYPED, name, _type(was), _type(state), _names(fields), frozenset(_names(stopped)), stops,
        message.strip(), fix, name in uses.template and uses.creates,
    )  # fmt: skip


def _takes(used: UsedField, name: str, state: ColumnState, direction: Direction) -> bool:
    """Return whether a field can be mapped to its column as it is now."""
    if not used.known:
        return True  # that it is not known here is told elsewhere
    if used.partners and not used.partners & set(state.targets) and state.type in LOOKUPS:
        return False
    column = ColumnInfo(
        name, state.type, state.label, max_length=state.max_length, binds=dict.fromkeys(state.targets, name)
    )
    try:
        check_pair(replace(used.pair, column=column), direction)
    except (NotUsable, KeyError):  # KeyError: values of that type cannot be mapped at all
        return False
    return True


def _shortened(name: str, was: ColumnState, state: ColumnState, uses: Uses) -> Change | None:
    before, length = was.max_length, state.max_length
    if before is None or length is None or length >= before:
        return None
    fields = [one for one in _fields(name, uses) if one.sends]
    too_long = len(str(uses.template.get(name) or "")) > length and uses.creates
    if not fields and not too_long:
        return None
    means = []
    if fields:
        limits = [one.pair.field.max_length if one.pair.field is not None else None for one in fields]
        fits = all(limit is not None and limit <= length for limit in limits)
        then = "no value here is longer." if fits else "a record with a longer value fails with a sentence of its own."
        means.append(f"{_list(fields)} {_verb(fields, 'goes')} on; {then}")
    if too_long:
        means.append("The value that new rows get in it is longer, so none are created.")
    message = f"The column {_called(name, state)} takes {length} characters in Dataverse, and took {before}."
    fix = f"Shorten the values (the rule substring does), or lengthen the column in Dataverse. {_ACCEPT}"
    return Change(
        Kind.SHORTENED, name, str(before), str(length), _names(fields), frozenset(),
        Stops.CREATION if too_long else Stops.NOTHING, f"{message} {' '.join(means)}", fix, too_long,
    )  # fmt: skip


def _newly_required(then: Columns, now: Columns, uses: Uses, stopped: frozenset[str]) -> list[Change]:
    if not uses.creates:
        return []
    filled = {one.column for one in uses.fields if one.sends and one.name not in stopped}
    filled |= {*uses.template, *uses.filled}
    found = []
    for name, state in sorted(now.items()):
        if not state.required or name in filled or (name in then and then[name].required):
            continue
        message = (
            f"The column {_called(name, state)} is required in Dataverse now, and no field fills it. No row is created "
            "there until one does; what is coupled goes on."
        )
        fix = (
            "Map a field or a constant to the column, or have it no longer required in Dataverse. Accept the change "
            "where Dataverse fills it by itself, or asks for it on its forms alone."
        )
        found.append(
            Change(
                Kind.REQUIRED, name, "optional", "required", (), frozenset(), Stops.CREATION, message, fix,
                no_new_rows=True,
            )
        )  # fmt: skip
    return found


_ACCEPT = "Accept the change when you know of it."


def _consequence(name: str, stopped: Sequence[UsedField], uses: Uses, undo: str) -> tuple[Stops, str, str]:
    """Return what stops where a column cannot be used, what that means, and what to do. undo: in Dataverse."""
    if role := uses.roles.get(name):
        stopped_all = f"The mapping needs it {role}, so it stops. Nothing is changed on either side meanwhile."
        return Stops.MAPPING, stopped_all, f"{undo}, or change the mapping so that it needs the column no longer."
    means: list[str] = []
    fix, stops = "", Stops.NOTHING
    if stopped:
        stops = Stops.FIELDS
        means.append(
            f"{_list(stopped)} {_verb(stopped, 'is')} not synchronized meanwhile; the other fields go on, and no value "
            "is blanked."
        )
        fix = (
            f"{undo}: then this goes on by itself. Or map the field to another column, or disable it, on Integration "
            "Field Mapping List."
        )
    if name in uses.template and uses.creates:
        stops = stops if stopped else Stops.CREATION
        means.append("New rows get a value in it, so none are created in Dataverse.")
        fix = fix or f"{undo}. Accept the change to create rows without the value."
    return stops, " ".join(means), fix


def _verb(fields: Sequence[UsedField], singular: str) -> str:
    several = len({one.caption for one in fields}) > 1
    return {"goes": "go", "is": "are"}[singular] if several else singular


def _fields(column: str, uses: Uses) -> list[UsedField]:
    return [one for one in uses.fields if one.column == column]


def _names(fields: Sequence[UsedField]) -> tuple[str, ...]:
    return tuple(one.name for one in fields)


def _list(fields: Sequence[UsedField]) -> str:
    captions = list(dict.fromkeys(one.caption for one in fields))
    return f"The field{'s' if len(captions) > 1 else ''} {' and '.join(captions)}"


def _called(name: str, state: ColumnState) -> str:
    return f"{state.label} ({name})" if state.label else name


def state_in_words(state: ColumnState | None) -> str:
    """Return what a column is, as the Change Log has it: "String of 50 characters, required"."""
    if state is None:
        return "not there"
    length = "" if state.max_length is None else f" of {state.max_length:,} characters"
    return f"{_type(state)}{length}{', required' if state.required else ''}"


def _type(state: ColumnState) -> str:
    return f"{state.type} to {', '.join(state.targets)}" if state.targets else state.type
