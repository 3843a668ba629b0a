"""Decide what becomes of a pair: data in, decision out. No Django, no HTTP.

Every mapped field is compared with the value both sides agreed on at the last synchronization, its base:

- A bidirectional field changed on one side goes to the other. Changed on both sides to the same value, that value is
  the new base. Changed to different ones, the field's conflict option decides, then the mapping's; blank means that
  a person decides, and until then nothing of the pair is written.
- A one-way field has a master. When the master changed, its value is written, whatever the other side holds; when it
  did not, a change made by hand on the other side stays as it is.
- A field without a base (just coupled, newly mapped) has no history: equal values become the base; different ones go
  by the conflict option when the field is bidirectional, and from the master when it is one-way.
- By the option Newer wins the side counts that was changed last. Where that is not known, a person decides.
- What a person picked for a field is written on the side, or the sides, that hold something else; the fields that
  nobody picked go on waiting, and what both sides agreed on about them stays.
- A number that identifies a row in Dataverse is kept there, also where its master is here: it is replaced where it is
  blank or was sent from here, or where a person chose to send.
- What was written becomes the base, so that our own writes, read back, compare as unchanged.
- Transformation rules rewrite the value of the side they belong to as it is read, so that what is compared, stored as
  base and written is what they make of it: rules to Dataverse make "ADA" of a local "Ada", and "ADA" there is alike.
  What such a bidirectional field gets from the other side is written as it is there, and read anew it may differ from
  it: "Eve" from Dataverse is "Eve" here, and is read as "EVE". That is no change. So the base holds both: the row's
  value, and, under a name of its own, the record's. Each side is compared with its own, and nothing goes back and
  forth, whatever the rules do. Where they are changed, what they make of the value differs from the base, which is a
  change of that side: it is transferred once.
- Where blanks are kept, a blank overwrites no value. The two sides stay apart, which the base holds in the same way,
  until either changes; where both changed, the one with a value wins over the blank one.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from types import MappingProxyType

from core.vocabulary import ConflictOption, Direction
from sync.rules.bases import LOCAL
from sync.rules.values import Problem, Side, Value, ValueOrProblem


class NoBase(Enum):
    """The base of a field without history."""

    NO_BASE = "no base"


NO_BASE = NoBase.NO_BASE
NO_VALUE = "\0"
"""What a base holds for a value that cannot be transferred: no text is this."""


@dataclass(frozen=True, slots=True)
class FieldRule:
    """One mapped field: its name among the values, which way it flows, its own conflict option.

    With `not_null` an empty value is never sent to Dataverse. `identifies`: it is the number people know a record by.
    `keep_blank`: a blank never overwrites a value. `reread`: what the side `rewrites`, whose values transformation
    rules rewrite, is read as once a value of the other side is written to it; None where they cannot differ.
    """

    name: str
    direction: Direction = Direction.BIDIRECTIONAL
    conflict: ConflictOption = ConflictOption.ASK
    not_null: bool = False
    identifies: bool = False
    keep_blank: bool = False
    reread: Callable[[Value], ValueOrProblem] | None = None
    rewrites: Side = Side.LOCAL

    @property
    def keeps_numbers(self) -> bool:
        """Whether a number that Dataverse has already is kept there."""
        return self.identifies and self.direction == Direction.TO


@dataclass(frozen=True, slots=True)
class Put:
    """A person's choice for a field: this value, on both sides."""

    value: Value


Picked = Mapping[str, ConflictOption | Put]
"""What a person chose for fields that conflict: the side that counts, or the value."""


@dataclass(frozen=True, slots=True)
class FieldConflict:
    """A field that both sides changed, with the value they last agreed on. by_time: the newer one is to win."""

    name: str
    local: ValueOrProblem
    remote: ValueOrProblem
    base: Value | NoBase
    by_time: bool = False


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Nothing to write. `base` is stored from now on; `deferred`: a change waits for a run in its direction."""

    base: Mapping[str, Value]
    deferred: bool = False


@dataclass(frozen=True, slots=True)
class Write:
    """Values to write, per side, and the base once they are written; `deferred` as in Unchanged.

    waiting: fields that go on waiting for a person, who picked others.
    """

    to_remote: Mapping[str, Value]
    to_local: Mapping[str, Value]
    base: Mapping[str, Value]
    deferred: bool = False
    waiting: tuple[FieldConflict, ...] = ()


@dataclass(frozen=True, slots=True)
class Conflict:
    """Fields that wait for a person; nothing of the pair is written."""

    fields: tuple[FieldConflict, ...]


@dataclass(frozen=True, slots=True)
class CannotTransfer:
    """Fields whose value cannot be transferred; nothing of the pair is written.

    problems: the field, the side it was to be written to, and why it cannot be.
    """

    problems: tuple[tuple[str, Side, Problem], ...]

    @property
    def side(self) -> Side:
        """The side that the first problem keeps from being written."""
        return self.problems[0][1]


Decision = Unchanged | Write | Conflict | CannotTransfer


class _Action(Enum):
    """What becomes of one field."""

    NONE = "none"
    SEND = "send"
    GET = "get"
    ASK = "ask"
    KEEP = "keep"


@dataclass(slots=True)
class _PairResult:
    """What the fields of a pair add up to, filled field by field."""

    base: dict[str, Value]
    to_remote: dict[str, Value] = field(default_factory=dict)
    to_local: dict[str, Value] = field(default_factory=dict)
    conflicts: list[FieldConflict] = field(default_factory=list)
    problems: list[tuple[str, Side, Problem]] = field(default_factory=list)
    deferred: bool = False


def intersect_direction(one: Direction, other: Direction) -> Direction | None:
    """Return the direction that both allow, None where they exclude each other."""
    if one == Direction.BIDIRECTIONAL:
        return other
    if other in (Direction.BIDIRECTIONAL, one):
        return one
    return None


def decide(
    rules: Sequence[FieldRule],
    base: Mapping[str, Value],
    local_values: Mapping[str, ValueOrProblem],
    remote_values: Mapping[str, ValueOrProblem],
    *,
    conflict: ConflictOption = ConflictOption.ASK,
    allowed: Direction = Direction.BIDIRECTIONAL,
    overwrite: ConflictOption = ConflictOption.ASK,
    chosen: ConflictOption = ConflictOption.ASK,
    alike: Collection[str] = (),
    kept: Collection[str] = (),
    newer: Mapping[str, Side] = MappingProxyType({}),
    picked: Picked = MappingProxyType({}),
) -> Decision:
    """Decide about one pair.

    conflict: the mapping's option; a field's own goes before it. allowed: which way this run may write; a change that
    would go the other way is deferred to a later run. chosen: a person's choice for what conflicts in this run, before
    every option. overwrite: a person chose one side to win wherever the two differ. alike: fields without a base whose
    values are equal but for their transformation rules: what those make of them is no conflict, it is transferred.
    kept: fields that take no part now, and whose base stays for when they do again. newer: by field the side that was
    changed last, where that is known. picked: what a person chose for single fields, before all else.
    """
    names = {rule.name for rule in rules} | {one for name in kept for one in (name, name + LOCAL)}
    result = _PairResult(base={name: value for name, value in base.items() if name in names})
    for rule in rules:
        local, remote = local_values[rule.name], remote_values[rule.name]
        if local == remote and not isinstance(local, Problem):
            result.base[rule.name] = local
            continue
        before = _before(rule, base, local, remote, alike)
        if (apart := rule.name + LOCAL) in base:
            result.base[apart] = base[apart]
        option = chosen or rule.conflict or conflict
        if (pick := picked.get(rule.name)) is not None and isinstance(pick, Put):
            _put(result, rule, local, remote, pick.value)
            continue
        if pick is not None:
            rule = replace(rule, keep_blank=False)  # who chose a blank means it
            action = _action_when_overwriting(rule, pick)
        elif overwrite:
            action = _action_when_overwriting(rule, overwrite)
        else:
            action = _choose_action(rule, local, remote, before, _by_time(option, newer.get(rule.name)))
        if action is _Action.ASK:
            by_time = option == ConflictOption.NEWEST
            result.conflicts.append(FieldConflict(rule.name, local, remote, before[1], by_time))
        elif action is _Action.SEND:
            _send(result, rule, local, remote, allowed)
        elif action is _Action.GET:
            _get(result, rule, local, remote, allowed)
        elif action is _Action.KEEP and not isinstance(local, Problem):
            result.base[rule.name] = local  # it does not count as a change again
    if result.problems:
        return CannotTransfer(tuple(result.problems))
    writes = bool(result.to_remote or result.to_local)
    if result.conflicts and not (writes and picked):
        return Conflict(tuple(result.conflicts))
    if writes:
        return Write(result.to_remote, result.to_local, result.base, result.deferred, tuple(result.conflicts))
    return Unchanged(result.base, result.deferred)


_Before = tuple[Value | NoBase, Value | NoBase]
"""What the record and the row held at the last synchronization."""


def _before(
    rule: FieldRule,
    base: Mapping[str, Value],
    local: ValueOrProblem,
    remote: ValueOrProblem,
    alike: Collection[str],
) -> _Before:
    """Return what both sides of a field held at the last synchronization. alike: as `decide` is given it."""
    known = base.get(rule.name, NO_BASE)
    if known is NO_BASE and rule.name in alike:
        return _before_the_rules(rule, local, remote)
    return base.get(rule.name + LOCAL, known), known


def _before_the_rules(rule: FieldRule, local: ValueOrProblem, remote: ValueOrProblem) -> _Before:
    """Return what both sides of a field without a base hold, which are equal but for its rules."""
    written = _storable(remote if rule.rewrites == Side.LOCAL else local)
    return written, written


def _storable(value: ValueOrProblem) -> Value:
    return NO_VALUE if isinstance(value, Problem) else value


def _choose_action(
    rule: FieldRule, local: ValueOrProblem, remote: ValueOrProblem, before: _Before, option: ConflictOption
) -> _Action:
    # Nothing equals NO_BASE: without history both sides count as changed.
    local_changed, remote_changed = _storable(local) != before[0], _storable(remote) != before[1]
    if rule.keeps_numbers and local_changed and option != ConflictOption.SEND and remote_changed and remote is not None:
        return _Action.KEEP
    if rule.direction == Direction.TO:
        return _Action.SEND if local_changed else _Action.NONE
    if rule.direction == Direction.FROM:
        return _Action.GET if remote_changed else _Action.NONE
    if local_changed and remote_changed:
        if rule.keep_blank and (local is None or remote is None):
            return _Action.GET if local is None else _Action.SEND
        return {ConflictOption.SEND: _Action.SEND, ConflictOption.GET: _Action.GET}.get(option, _Action.ASK)
    if local_changed:
        return _Action.SEND
    return _Action.GET if remote_changed else _Action.NONE


def _by_time(option: ConflictOption, newer: Side | None) -> ConflictOption:
    """Return the side that an option lets win, where it goes by time and the newer one is known."""
    if option != ConflictOption.NEWEST or newer is None:
        return option
    return ConflictOption.SEND if newer is Side.LOCAL else ConflictOption.GET


def _action_when_overwriting(rule: FieldRule, overwrite: ConflictOption) -> _Action:
    if overwrite == ConflictOption.SEND:
        return _Action.NONE if rule.direction == Direction.FROM else _Action.SEND
    return _Action.NONE if rule.direction == Direction.TO else _Action.GET


def _send(
    result: _PairResult, rule: FieldRule, value: ValueOrProblem, remote: ValueOrProblem, allowed: Direction
) -> None:
    if value is None and rule.keep_blank:
        _settle(result.base, rule, None, remote)
    elif allowed == Direction.FROM:
        result.deferred = True
    elif isinstance(value, Problem):
        result.problems.append((rule.name, Side.INTEGRATION, value))
    elif value is None and rule.not_null:
        result.base[rule.name] = None  # the column keeps what it has; the blank does not count as a change again
    else:
        result.to_remote[rule.name] = value
        _settle(result.base, rule, value, _read_back(rule, Side.INTEGRATION, value))


def _get(
    result: _PairResult, rule: FieldRule, local: ValueOrProblem, value: ValueOrProblem, allowed: Direction
) -> None:
    if value is None and rule.keep_blank:
        _settle(result.base, rule, local, None)
    elif allowed == Direction.TO:
        result.deferred = True
    elif isinstance(value, Problem):
        result.problems.append((rule.name, Side.LOCAL, value))
    else:
        result.to_local[rule.name] = value
        _settle(result.base, rule, _read_back(rule, Side.LOCAL, value), value)


def _put(result: _PairResult, rule: FieldRule, local: ValueOrProblem, remote: ValueOrProblem, value: Value) -> None:
    """Have both sides hold a value that a person chose: each that holds another one is written."""
    here, there = _read_back(rule, Side.LOCAL, value), _read_back(rule, Side.INTEGRATION, value)
    if local != here:
        result.to_local[rule.name] = value
    if remote != there and not (value is None and rule.not_null):
        result.to_remote[rule.name] = value
    _settle(result.base, rule, here, there)


def _read_back(rule: FieldRule, side: Side, value: Value) -> ValueOrProblem:
    """Return what a side is read as once a value of the other one is written to it."""
    return rule.reread(value) if rule.reread is not None and rule.rewrites == side else value


def _settle(base: dict[str, Value], rule: FieldRule, local: ValueOrProblem, remote: ValueOrProblem) -> None:
    """Store in a base what each side is read as from now on."""
    base.pop(rule.name + LOCAL, None)
    base[rule.name] = _storable(remote)
    if _storable(local) != base[rule.name]:
        base[rule.name + LOCAL] = _storable(local)


def base_of_new(rules: Iterable[FieldRule], values: Mapping[str, Value], side: Side) -> dict[str, Value]:
    """Return the base of a pair whose record on `side` is new and gets these values; rules: those with `reread`."""
    base = dict(values)
    for rule in rules:
        if rule.name in values:
            value = values[rule.name]
            read = _read_back(rule, side, value)
            _settle(base, rule, *((read, value) if side == Side.LOCAL else (value, read)))
    return base


@dataclass(frozen=True, slots=True)
class Insert:
    """A new record on `side`: the values it gets, which are the pair's base from then on."""

    side: Side
    values: Mapping[str, Value]


def receives(direction: Direction, side: Side) -> bool:
    """Return whether a new record on `side` gets a field that flows that way."""
    return direction != (Direction.FROM if side == Side.INTEGRATION else Direction.TO)


def decide_new(
    rules: Sequence[FieldRule], values: Mapping[str, ValueOrProblem], *, side: Side
) -> Insert | CannotTransfer:
    """Decide what a new record on `side` gets from the other side's values: each field that flows there, blanks too."""
    transferred: dict[str, Value] = {}
    problems: list[tuple[str, Side, Problem]] = []
    for rule in rules:
        if not receives(rule.direction, side):
            continue
        value = values[rule.name]
        if isinstance(value, Problem):
            problems.append((rule.name, side, value))
        else:
            transferred[rule.name] = value
    return CannotTransfer(tuple(problems)) if problems else Insert(side, transferred)
