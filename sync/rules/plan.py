"""What becomes of a pair: data in, decision out. No Django, no HTTP.

Every mapped field is compared with the value both sides agreed on at the last synchronization, its base:

- A bidirectional field changed on one side goes to the other. Changed on both sides to the same value, that value is
  the new base. Changed to different ones, the field's conflict option decides, then the mapping's; blank means that
  a person decides, and until then nothing of the pair is written.
- A one-way field has a master. When the master changed, its value is written, whatever the other side holds; when it
  did not, a change made by hand on the other side stays as it is.
- A field without a base (just coupled, newly mapped) has no history: equal values become the base; different ones go
  by the conflict option when the field is bidirectional, and from the master when it is one-way.
- What was written becomes the base, so that our own writes, read back, compare as unchanged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from core.vocabulary import ConflictOption, DeletionOption, Direction
from sync.rules.values import Carried, Problem, Side, Value


class NoBase(Enum):
    """The base of a field without history."""

    NO_BASE = "no base"


NO_BASE = NoBase.NO_BASE


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One mapped field: its name among the values, which way it flows, its own conflict option.

    With `not_null` an empty value is never sent to Dataverse.
    """

    name: str
    direction: Direction = Direction.BIDIRECTIONAL
    conflict: ConflictOption = ConflictOption.ASK
    not_null: bool = False


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field that both sides changed, with the value they last agreed on."""

    name: str
    local: Carried
    integration: Carried
    base: Value | NoBase


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Nothing to write. `base` is what to keep from now on; `left` says that a change waits for another direction."""

    base: Mapping[str, Value]
    left: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """Values to write, per side, and the base once they are written."""

    to_integration: Mapping[str, Value]
    to_local: Mapping[str, Value]
    base: Mapping[str, Value]
    left: bool = False


@dataclass(frozen=True, slots=True)
class Conflict:
    """Fields that wait for a person; nothing of the pair is written."""

    fields: tuple[FieldConflict, ...]


@dataclass(frozen=True, slots=True)
class CannotTransfer:
    """Fields whose value cannot be carried over; nothing of the pair is written. `to` is where it was to go."""

    problems: tuple[tuple[str, Side, Problem], ...]

    @property
    def to(self) -> Side:
        """The side that could not be written, of the first problem."""
        return self.problems[0][1]


Decision = Unchanged | Write | Conflict | CannotTransfer


class _Way(Enum):
    NONE = "none"
    SEND = "send"
    GET = "get"
    ASK = "ask"


@dataclass(slots=True)
class _Result:
    base: dict[str, Value]
    to_integration: dict[str, Value] = field(default_factory=dict)
    to_local: dict[str, Value] = field(default_factory=dict)
    conflicts: list[FieldConflict] = field(default_factory=list)
    problems: list[tuple[str, Side, Problem]] = field(default_factory=list)
    left: bool = False


def intersect_direction(one: Direction, other: Direction) -> Direction | None:
    """The direction both allow, or None when they exclude each other."""
    if one == Direction.BIDIRECTIONAL:
        return other
    if other in (Direction.BIDIRECTIONAL, one):
        return one
    return None


def decide(
    rules: Sequence[FieldRule],
    base: Mapping[str, Value],
    local: Mapping[str, Carried],
    integration: Mapping[str, Carried],
    *,
    conflict: ConflictOption = ConflictOption.ASK,
    allowed: Direction = Direction.BIDIRECTIONAL,
    overwrite: ConflictOption = ConflictOption.ASK,
    chosen: ConflictOption = ConflictOption.ASK,
) -> Decision:
    """Decide about one pair.

    conflict: the mapping's option; a field's own goes before it. allowed: which way this run may write; a change that
    would go the other way is left for a later run. chosen: a person's choice for what conflicts in this run, before
    every option. overwrite: a person chose one side to win wherever the two differ.
    """
    names = {rule.name for rule in rules}
    result = _Result(base={name: value for name, value in base.items() if name in names})
    for rule in rules:
        ours, theirs, was = local[rule.name], integration[rule.name], base.get(rule.name, NO_BASE)
        if ours == theirs and not isinstance(ours, Problem):
            result.base[rule.name] = ours
            continue
        way = (
            _overwritten(rule, overwrite)
            if overwrite
            else _way(rule, ours, theirs, was, chosen or rule.conflict or conflict)
        )
        _apply(result, rule, way, ours, theirs, was, allowed)
    if result.problems:
        return CannotTransfer(tuple(result.problems))
    if result.conflicts:
        return Conflict(tuple(result.conflicts))
    if result.to_integration or result.to_local:
        return Write(result.to_integration, result.to_local, result.base, result.left)
    return Unchanged(result.base, result.left)


def _way(rule: FieldRule, ours: Carried, theirs: Carried, was: Value | NoBase, option: ConflictOption) -> _Way:
    we_changed, they_changed = (
        ours != was,
        theirs != was,
    )  # nothing equals NO_BASE: without history both count as changed
    if rule.direction == Direction.TO:
        return _Way.SEND if we_changed else _Way.NONE
    if rule.direction == Direction.FROM:
        return _Way.GET if they_changed else _Way.NONE
    if we_changed and they_changed:
        return {ConflictOption.SEND: _Way.SEND, ConflictOption.GET: _Way.GET, ConflictOption.ASK: _Way.ASK}[option]
    return _Way.SEND if we_changed else _Way.GET


def _overwritten(rule: FieldRule, overwrite: ConflictOption) -> _Way:
    if overwrite == ConflictOption.SEND:
        return _Way.NONE if rule.direction == Direction.FROM else _Way.SEND
    return _Way.NONE if rule.direction == Direction.TO else _Way.GET


def _apply(
    result: _Result,
    rule: FieldRule,
    way: _Way,
    ours: Carried,
    theirs: Carried,
    was: Value | NoBase,
    allowed: Direction,
) -> None:
    if way is _Way.NONE:
        return
    if way is _Way.ASK:
        result.conflicts.append(FieldConflict(rule.name, ours, theirs, was))
        return
    sending = way is _Way.SEND
    if allowed == (Direction.FROM if sending else Direction.TO):
        result.left = True
        return
    value = ours if sending else theirs
    if isinstance(value, Problem):
        result.problems.append((rule.name, Side.INTEGRATION if sending else Side.LOCAL, value))
        return
    if sending and value is None and rule.not_null:
        result.base[rule.name] = None  # said once; the column keeps what it has
        return
    (result.to_integration if sending else result.to_local)[rule.name] = value
    result.base[rule.name] = value


@dataclass(frozen=True, slots=True)
class Insert:
    """A new record on `side`: the values it gets, which are the pair's base from then on."""

    side: Side
    values: Mapping[str, Value]


def receives(direction: Direction, side: Side) -> bool:
    """Whether a new record on `side` gets a field that flows that way."""
    return direction != (Direction.FROM if side == Side.INTEGRATION else Direction.TO)


def decide_new(rules: Sequence[FieldRule], values: Mapping[str, Carried], *, side: Side) -> Insert | CannotTransfer:
    """What a new record on `side` gets, from the values of the other side: every field that flows there, blanks too."""
    given: dict[str, Value] = {}
    problems: list[tuple[str, Side, Problem]] = []
    for rule in rules:
        if not receives(rule.direction, side):
            continue
        value = values[rule.name]
        if isinstance(value, Problem):
            problems.append((rule.name, side, value))
        else:
            given[rule.name] = value
    return CannotTransfer(tuple(problems)) if problems else Insert(side, given)


@dataclass(frozen=True, slots=True)
class Restore:
    """Create the missing side anew from the one that is left."""

    side: Side


@dataclass(frozen=True, slots=True)
class DeleteCoupling:
    """Take the two apart. `both_gone`: nothing is left of either."""

    both_gone: bool = False


@dataclass(frozen=True, slots=True)
class DeletionToResolve:
    """One side is gone and nobody said what to do: the pair fails with `reason`."""

    reason: str


def decide_missing(
    *, local_gone: bool, integration_gone: bool, option: DeletionOption, allowed: Direction
) -> Restore | DeleteCoupling | DeletionToResolve:
    """What becomes of a pair one side of which was deleted.

    A pair both sides of which are gone is taken apart whatever the option says. Restoring needs a direction that
    flows from the surviving side; where it does not, the pair fails as if no option were set.
    """
    if local_gone and integration_gone:
        return DeleteCoupling(both_gone=True)
    if option == DeletionOption.UNCOUPLE:
        return DeleteCoupling()
    if option == DeletionOption.RESTORE:
        if integration_gone and allowed != Direction.FROM:
            return Restore(Side.INTEGRATION)
        if local_gone and allowed != Direction.TO:
            return Restore(Side.LOCAL)
    return DeletionToResolve("integration_deleted" if integration_gone else "local_deleted")
