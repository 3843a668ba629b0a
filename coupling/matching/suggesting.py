"""Which criteria suit two sides that were measured: each field pair alone, what adds most with it, and an order. No
Django.

A pair is tried in each way it may be compared, and stands in the way that couples most; but for what has one way of its
own, such as phone numbers: the others only hide that many share one. What identifies a record (a
name, a mail address, a phone or registration number) may be matched on alone; what many share by nature (a place, a
group, a date) only together with it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from coupling.matching.measured import Coupled, FieldMeasure, Group, MeasuredSides

MOST_PRIORITIES = 4
_MOST_ANCHORS, _MOST_OTHERS, _MOST_WIDENED = 6, 8, 3
MOST_SUGGESTED = 8
_TRUSTED = 0.1
"""Of what a priority of the suggested order adds, the part that may be wrongly joined."""
_SHARED_BY_NATURE = re.compile(
    r"city|town|post_?code|zip|county|country|region|state|territory|street|address|language|group|salesperson|owner"
    r"|payment|shipment|shipping|currency|terms|type|blocked|contact|home_page|website"
)
_IDENTIFYING_TYPES = frozenset({"text", "code"})
_JOINING_TYPES = _IDENTIFYING_TYPES | {"reference", "date"}


@dataclass(frozen=True, slots=True)
class Pair:
    """A field pair to be tried. numbers: of its criteria, one for each way to compare it, the most natural one first.

    type: the local field's; only_measured: whether it is in no suggestion, as numbers that this company gave, which say
    nothing elsewhere; own_way: whether the first way is how such values are compared, whatever another one couples.
    """

    local: str
    numbers: tuple[int, ...]
    type: str = "text"
    only_measured: bool = False
    own_way: bool = False

    @property
    def identifies(self) -> bool:
        """Whether it may be matched on alone."""
        return self.type in _IDENTIFYING_TYPES and not self.only_measured and not _SHARED_BY_NATURE.search(self.local)

    @property
    def joins(self) -> bool:
        """Whether it tells apart what has the same name, say."""
        return self.type in _JOINING_TYPES and not self.only_measured


@dataclass(frozen=True, slots=True)
class MeasuredPair:
    """A field pair as it is on both sides, and what a coupling by it alone would do, in each way to compare it."""

    pair: Pair
    best: int
    """The number of the criterion that it stands in."""
    fields: dict[int, FieldMeasure]
    alone: dict[int, Coupled]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Criteria by priority, and what a coupling by them would do."""

    groups: tuple[Group, ...]
    coupled: Coupled


def measure_pairs(sides: MeasuredSides, pairs: Iterable[Pair]) -> list[MeasuredPair]:
    """Return what each field pair gives alone, in the order given."""
    found = []
    for pair in pairs:
        alone = {number: sides.couple([(number,)]) for number in pair.numbers}
        among = pair.numbers[:1] if pair.own_way else pair.numbers
        best = max(among, key=lambda number: (_worth(alone[number]), -among.index(number)))
        found.append(MeasuredPair(pair, best, {number: sides.measure(number) for number in pair.numbers}, alone))
    return found


def suggest(sides: MeasuredSides, measured: Sequence[MeasuredPair]) -> list[Suggestion]:
    """Return the criteria that couple most, the best ones first; none where nothing is coupled by any.

    The first is the order of priorities in which each adds most; the others are its parts, and what else couples some.
    """
    singles = [
        Suggestion(((one.best,),), one.alone[one.best])
        for one in measured
        if one.pair.identifies and one.alone[one.best].unique
    ]
    candidates = [*singles, *_combinations(sides, measured)]
    numbers = {one.best for one in measured if one.pair.own_way}
    # Of what is worth the same, a number or an address says more than a name.
    candidates.sort(key=lambda one: (-_worth(one.coupled), len(one.groups[0]), not numbers.issuperset(one.groups[0])))
    order = _order(sides, candidates)
    first = [Suggestion(order, sides.couple(order))] if order else []
    found = {one.groups: one for one in [*first, *candidates]}
    return list(found.values())[:MOST_SUGGESTED]


def _worth(coupled: Coupled) -> int:
    """Return what a coupling is worth: each record that gets a row, less what is wrongly joined."""
    return coupled.unique - coupled.wrongly_joined


def _combinations(sides: MeasuredSides, measured: Sequence[MeasuredPair]) -> list[Suggestion]:
    """Return fields that are worth more together than each of them alone, two or three at a time."""

    def meets(one: MeasuredPair) -> int:
        return one.alone[one.best].unique + one.alone[one.best].wrongly_joined

    anchors = sorted((one for one in measured if one.pair.identifies and meets(one)), key=meets, reverse=True)
    others = sorted((one for one in measured if one.pair.joins and meets(one)), key=meets, reverse=True)
    found: dict[Group, Coupled] = {}
    worth: dict[Group, int] = {(one.best,): _worth(one.alone[one.best]) for one in measured}

    def try_(group: Group, than: Iterable[Group]) -> None:
        if group in found or len(set(group)) < len(group):
            return
        coupled = sides.couple([group])
        worth[group] = _worth(coupled)
        if worth[group] > max(0, *(worth[one] for one in than)):
            found[group] = coupled

    place = {one.best: at for at, one in enumerate(measured)}
    for anchor in anchors[:_MOST_ANCHORS]:
        for other in others[:_MOST_OTHERS]:
            group = tuple(sorted((anchor.best, other.best), key=lambda number: place[number]))
            try_(group, [(anchor.best,), (other.best,)])
    widened = sorted(found, key=lambda group: -worth[group])[:_MOST_WIDENED]
    for group in widened:
        for other in others[:_MOST_OTHERS]:
            try_(tuple(sorted((*group, other.best), key=lambda number: place[number])), [group])
    return [Suggestion((group,), coupled) for group, coupled in found.items()]


def _order(sides: MeasuredSides, candidates: Sequence[Suggestion]) -> tuple[Group, ...]:
    """Return the priorities in which each adds most to those before; none that would join more than a few wrongly."""
    order: tuple[Group, ...] = ()
    reached = sides.couple(order)
    while len(order) < MOST_PRIORITIES:
        groups = [one.groups[0] for one in candidates if one.groups[0] not in order]
        tried = [(group, sides.couple([*order, group])) for group in groups]
        trusted = [(group, coupled) for group, coupled in tried if _is_trusted(reached, coupled)]
        if not trusted:
            break
        group, coupled = max(trusted, key=lambda one: (_worth(one[1]), -len(one[0])))
        order, reached = (*order, group), coupled
    return order


def _is_trusted(before: Coupled, after: Coupled) -> bool:
    """Return whether a further priority adds some, and of what it adds hardly any wrongly."""
    unique, wrong = after.unique - before.unique, after.wrongly_joined - before.wrongly_joined
    return _worth(after) > _worth(before) and wrong <= _TRUSTED * (unique + max(wrong, 0))
