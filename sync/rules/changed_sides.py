"""Which side of a pair changed since the last synchronization, and what each way to write it would overwrite: pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.vocabulary import ConflictOption, Direction
from sync.rules.bases import LOCAL
from sync.rules.changes import is_blank
from sync.rules.plan import FieldRule
from sync.rules.values import Problem, Value, ValueOrProblem


class Changed(StrEnum):
    """Which sides of a pair changed."""

    NEITHER = "neither"
    HERE = "here"
    THERE = "there"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class PairChanges:
    """changed: which sides hold a change that the mapping transfers; lost_there, lost_here: the fields whose newer
    value a write there, or here, would replace; lost_merged: those both sides changed of which merging keeps one.
    """

    changed: Changed
    lost_there: tuple[str, ...] = ()
    lost_here: tuple[str, ...] = ()
    lost_merged: tuple[str, ...] = ()


def pair_changes(
    rules: Sequence[FieldRule],
    base: Mapping[str, Value],
    local_values: Mapping[str, ValueOrProblem],
    remote_values: Mapping[str, ValueOrProblem],
    *,
    overwrites: bool,
    conflict: ConflictOption = ConflictOption.ASK,
) -> PairChanges:
    """Return what changed of a pair. A field without history counts as changed on both sides: nobody knows which is
    newer, so what a write would replace of it is lost, unless it is blank.

    overwrites: a write replaces what differs, whatever changed; otherwise only what changed on the writing side.
    conflict: the mapping's option; a field's own goes before it.
    """
    here = there = waits = False
    lost_there, lost_here, lost_merged = [], [], []
    for rule in rules:
        local, remote = local_values[rule.name], remote_values[rule.name]
        if local == remote and not isinstance(local, Problem):
            continue
        known = rule.name in base
        here_changed = not known or local != base.get(rule.name + LOCAL, base[rule.name])
        there_changed = not known or remote != base[rule.name]
        goes_there, comes_here = rule.direction != Direction.FROM, rule.direction != Direction.TO
        here |= here_changed and goes_there
        there |= there_changed and comes_here
        lost = there_changed and (overwrites or here_changed) if known else overwrites and not is_blank(remote)
        if goes_there and lost:
            lost_there.append(rule.name)
        lost = here_changed and (overwrites or there_changed) if known else overwrites and not is_blank(local)
        if comes_here and lost:
            lost_here.append(rule.name)
        if here_changed and there_changed and known:
            option = rule.conflict or conflict
            asks = rule.direction == Direction.BIDIRECTIONAL and option in (ConflictOption.ASK, ConflictOption.PERSON)
            keeps = rule.keep_blank and (local is None or remote is None)
            keeps |= rule.keeps_numbers and option != ConflictOption.SEND
            waits |= asks and not keeps
            if not asks and not keeps:
                lost_merged.append(rule.name)
    changed = {(True, True): Changed.BOTH, (True, False): Changed.HERE, (False, True): Changed.THERE}
    merged = () if waits else tuple(lost_merged)  # of a pair that waits for a person nothing is written
    return PairChanges(changed.get((here, there), Changed.NEITHER), tuple(lost_there), tuple(lost_here), merged)


def default_way(changes: Iterable[Changed]) -> str:
    """Return the way that selected pairs go by default: that of the side that alone changed, "merge" otherwise."""
    found = {one for one in changes if one is not Changed.NEITHER}
    return {frozenset({Changed.HERE}): "to", frozenset({Changed.THERE}): "from"}.get(frozenset(found), "merge")
