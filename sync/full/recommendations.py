"""The full synchronization's review: what to recommend for each mapping, and which lines may start. No Django.

The recommendation follows from the uncoupled records on both sides, inside both filters:

- on one side only: full synchronization creates them on the other;
- on both: no synchronization, since it would duplicate them; they are coupled first, by criteria;
- on both, and a mapping this one depends on waits for criteria: dependency not satisfied;
- on neither: nothing to synchronize now.

Salespeople are always synchronized in full. Currencies are when Dataverse has no other currency than its base.
Choices (payment terms and the like) are coupled as soon as there are records here. A unit group that is alone in
Dataverse is the built-in one and counts as none.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from core.vocabulary import Recommendation


class Kind(StrEnum):
    """What a mapping's rule goes by."""

    TABLE = "table"
    SALESPEOPLE = "salespeople"
    CURRENCY = "currency"
    OPTION = "option"
    UNITS = "units"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a mapping: uncoupled records here and rows there, whether criteria are chosen.

    only_base_currency: Dataverse has exactly one currency, with the exchange rate 1.
    """

    name: str
    local: int
    integration: int
    dependencies: tuple[str, ...] = ()
    kind: Kind = Kind.TABLE
    criteria: bool = False
    overridden: bool = False
    only_base_currency: bool = False


def recommend(mappings: Iterable[Facts]) -> dict[str, Recommendation]:
    """The recommendation for each mapping by name. Dependencies on mappings that are not given do not count."""
    facts = {one.name: one for one in mappings}
    found = {name: _alone(one) for name, one in facts.items()}
    waiting = {name for name, one in facts.items() if found[name] is Recommendation.NONE and not one.criteria}
    settled = False
    while not settled:  # a dependency that is not satisfied does not satisfy those that depend on it either
        settled = True
        for name, one in facts.items():
            if found[name] is not Recommendation.NONE or one.kind is not Kind.TABLE:
                continue
            if any(other in waiting and other != name for other in one.dependencies):
                found[name] = Recommendation.DEPENDENCY
                waiting.add(name)
                settled = False
    return found


def _alone(one: Facts) -> Recommendation:
    if one.overridden or one.kind is Kind.SALESPEOPLE:
        return Recommendation.FULL
    here, there = one.local, one.integration
    if one.kind is Kind.OPTION:
        return Recommendation.NONE if here else Recommendation.NO_RECORDS
    if one.kind is Kind.CURRENCY:
        if one.only_base_currency:
            return Recommendation.FULL
        return Recommendation.NONE if here else Recommendation.NO_RECORDS
    if one.kind is Kind.UNITS and there <= 1:
        there = 0
    if here and there:
        return Recommendation.NONE
    return Recommendation.FULL if here or there else Recommendation.NO_RECORDS


# -- waves ----------------------------------------------------------------------------------------------------------

RUNNING = frozenset({"queued", "in_process", "postponed"})
BROKEN = frozenset({"failed", "cancelled", "blocked"})


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the review as the waves see it; `status` is blank before it starts."""

    name: str
    recommendation: Recommendation
    dependencies: tuple[str, ...] = ()
    status: str = ""
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What happens next: lines to start, lines that need no job, lines that cannot start with the reason why."""

    start: tuple[str, ...] = ()
    nothing_to_do: tuple[str, ...] = ()
    blocked: Mapping[str, str] = field(default_factory=dict)


def step(lines: Sequence[Line]) -> Step:
    """Find what may start now.

    A line starts when every line it depends on has ended well or has nothing to do; one that ended badly blocks it. A
    name that no line has does not count. Lines that wait for each other in a circle are blocked, so that no run
    stands still.
    """
    current = {line.name: line for line in lines if not line.removed}
    start: list[str] = []
    nothing: list[str] = []
    blocked: dict[str, str] = {}
    moved = True
    while moved:
        moved = False
        for line in list(current.values()):
            if line.status or line.name in start:
                continue
            waits_for = [current[name] for name in line.dependencies if name in current and name != line.name]
            broken = next((other for other in waits_for if other.status in BROKEN), None)
            if line.recommendation is Recommendation.NO_RECORDS:
                nothing.append(line.name)
                current[line.name] = replace(line, status="finished")
                moved = True
            elif broken is not None:
                blocked[line.name] = f"{broken.name}, which this depends on, {_WORDS[broken.status]}."
                current[line.name] = replace(line, status="blocked")
                moved = True
            elif line.recommendation is Recommendation.DEPENDENCY:
                blocked[line.name] = (
                    "A mapping this depends on waits for coupling criteria. Select them there, then choose Refresh."
                )
                current[line.name] = replace(line, status="blocked")
                moved = True
            elif all(_released(other) for other in waits_for):
                start.append(line.name)
    left = [line for line in current.values() if not line.status and line.name not in start]
    if left and not start and not any(line.status in RUNNING for line in current.values()):
        for line in left:
            others = ", ".join(name for name in line.dependencies if name in current)
            blocked[line.name] = f"It waits for {others}, which waits for it. Correct the dependencies of the mappings."
    return Step(tuple(start), tuple(nothing), blocked)


_WORDS = {"failed": "failed", "cancelled": "was cancelled", "blocked": "could not start"}


def _released(line: Line) -> bool:
    return line.status == "finished" or (not line.status and line.recommendation is Recommendation.NO_RECORDS)
