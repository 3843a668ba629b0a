"""What the full synchronization's review recommends for each mapping, and which lines may start. No Django.

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
    """What is known of a mapping: its uncoupled records and rows, whether criteria are selected.

    only_base_currency: Dataverse has exactly one currency, with the exchange rate 1.
    """

    name: str
    local_count: int
    remote_count: int
    dependencies: tuple[str, ...] = ()
    kind: Kind = Kind.TABLE
    criteria: bool = False
    overridden: bool = False
    only_base_currency: bool = False


def recommend(mappings: Iterable[Facts]) -> dict[str, Recommendation]:
    """Return the recommendation for each mapping by name. Dependencies on mappings that are not given do not count."""
    facts = {one.name: one for one in mappings}
    found = {name: _without_dependencies(one) for name, one in facts.items()}
    waiting = {name for name, one in facts.items() if found[name] is Recommendation.NONE and not one.criteria}
    changed = True
    while changed:  # what waits for a dependency makes those that depend on it wait too
        changed = False
        for name, one in facts.items():
            if found[name] is not Recommendation.NONE or one.kind is not Kind.TABLE:
                continue
            if any(other in waiting and other != name for other in one.dependencies):
                found[name] = Recommendation.DEPENDENCY
                waiting.add(name)
                changed = True
    return found


def _without_dependencies(one: Facts) -> Recommendation:
    if one.overridden or one.kind is Kind.SALESPEOPLE:
        return Recommendation.FULL
    local_count, remote_count = one.local_count, one.remote_count
    if one.kind is Kind.OPTION:
        return Recommendation.NONE if local_count else Recommendation.NO_RECORDS
    if one.kind is Kind.CURRENCY:
        if one.only_base_currency:
            return Recommendation.FULL
        return Recommendation.NONE if local_count else Recommendation.NO_RECORDS
    if one.kind is Kind.UNITS and remote_count <= 1:
        remote_count = 0  # the built-in unit group
    if local_count and remote_count:
        return Recommendation.NONE
    return Recommendation.FULL if local_count or remote_count else Recommendation.NO_RECORDS


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
class NextStep:
    """What happens next: lines to start, lines that need no job, lines that cannot start, with the reason."""

    start: tuple[str, ...] = ()
    nothing_to_do: tuple[str, ...] = ()
    blocked: Mapping[str, str] = field(default_factory=dict)


def next_step(lines: Sequence[Line]) -> NextStep:
    """Return what may start now.

    A line starts when every line it depends on has ended well or has nothing to do; one that ended badly blocks it. A
    name that no line has does not count. Lines that wait for each other in a circle are blocked, so that no run
    stalls.
    """
    current = {line.name: line for line in lines if not line.removed}
    start: list[str] = []
    nothing_to_do: list[str] = []
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
                nothing_to_do.append(line.name)
                current[line.name] = replace(line, status="finished")
                moved = True
            elif broken is not None:
                blocked[line.name] = f"{broken.name}, which this depends on, {_ENDED_BADLY[broken.status]}."
                current[line.name] = replace(line, status="blocked")
                moved = True
            elif line.recommendation is Recommendation.DEPENDENCY:
                blocked[line.name] = (
                    "A mapping that this depends on has no coupling criteria. Select its criteria, then choose Refresh."
                )
                current[line.name] = replace(line, status="blocked")
                moved = True
            elif all(_is_done(other) for other in waits_for):
                start.append(line.name)
    remaining = [line for line in current.values() if not line.status and line.name not in start]
    if remaining and not start and not any(line.status in RUNNING for line in current.values()):
        for line in remaining:
            others = ", ".join(name for name in line.dependencies if name in current)
            blocked[line.name] = f"It waits for {others}, which waits for it. Remove one of the lines."
    return NextStep(tuple(start), tuple(nothing_to_do), blocked)


_ENDED_BADLY = {"failed": "failed", "cancelled": "was cancelled", "blocked": "could not start"}


def _is_done(line: Line) -> bool:
    """Return whether lines that depend on this one may start."""
    return line.status == "finished" or (not line.status and line.recommendation is Recommendation.NO_RECORDS)
