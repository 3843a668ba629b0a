"""A look at selected records before they are synchronized: which side changed, what is not coupled or gone.

It reads both sides as a run does, and writes nothing. So many records at most; more are synchronized without it.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from core.vocabulary import ConflictOption, Direction
from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from sync.engine.decisions import Decider
from sync.engine.options import Options
from sync.engine.pairs import CHUNK, Pair, read_couplings
from sync.rules.changed_sides import Changed, PairChanges, default_way, pair_changes

MOST = 5_000
"""So many records are looked at: a few requests, and a second or two."""
HERE, THERE = "here", "in Dataverse"


@dataclass(frozen=True, slots=True)
class Loss:
    """Values of a record that would be overwritten, by the captions of their fields. where: "here".

    newer: whether they are known to be newer: of a pair that was never synchronized, or a field that is new in the
    mapping, nobody knows.
    """

    label: str
    fields: tuple[str, ...]
    where: str = ""
    newer: bool = True


@dataclass
class Look:
    """What a look found. changed: how many pairs changed on which side; gone: those a side of which was deleted;
    losses: by way, what it would overwrite; sides: what changed of pairs that may go both ways.
    """

    changed: Counter[Changed] = field(default_factory=Counter)
    gone: int = 0
    losses: dict[str, list[Loss]] = field(default_factory=lambda: {"merge": [], "to": [], "from": []})
    sides: set[Changed] = field(default_factory=set)

    @property
    def way(self) -> str:
        """The way by default."""
        return default_way(self.sides)


def look(asked: Iterable[tuple[IntegrationTableMapping, Sequence[UUID]]]) -> Look:
    """Look at the pairs of these records, by mapping. Raises Refusal, DataverseError."""
    found = Look()
    for mapping, ids in asked:
        if mapping.uid_kind != "option":
            for start in range(0, len(ids), CHUNK):
                _look(found, mapping, ids[start : start + CHUNK])
    return found


def _look(found: Look, mapping: IntegrationTableMapping, ids: Sequence[UUID]) -> None:
    gateway = Gateway(mapping.company)
    decider = Decider(mapping, gateway, Options())
    couplings = read_couplings(decider.reader.couplings.filter(local_id__in=ids, pending=False))
    rows = gateway.read(mapping, decider.columns, [one.integration_id for one in couplings])
    pairs = decider.reader.read_pairs(couplings, rows)
    decider.fields.prepare(
        [pair.local.values for pair in pairs if pair.local], [pair.remote.values for pair in pairs if pair.remote]
    )
    for pair in pairs:
        changes = _changes(decider, pair)
        if changes is None:
            found.gone += 1
            continue
        found.changed[changes.changed] += 1
        if mapping.direction == Direction.BIDIRECTIONAL:
            found.sides.add(changes.changed)
        for ways, names, where in _losses(Direction(mapping.direction), changes):
            for newer in (True, False):
                captions = tuple(decider.fields.specs[one].caption for one in names if (one in pair.base) is newer)
                for way in ways if captions else ():
                    found.losses[way].append(Loss(" ".join(pair.key_and_name).strip(), captions, where, newer))


def _losses(direction: Direction, changes: PairChanges) -> list[tuple[tuple[str, ...], tuple[str, ...], str]]:
    """Return by which ways which fields are lost, and where. A mapping of one way goes that, whatever is chosen."""
    if direction == Direction.BIDIRECTIONAL:
        return [
            (("to",), changes.lost_there, THERE), (("from",), changes.lost_here, HERE),
            (("merge",), changes.lost_merged, ""),
        ]  # fmt: skip
    every = ("merge", "to", "from")
    return [(every, changes.lost_there, THERE) if direction == Direction.TO else (every, changes.lost_here, HERE)]


def _changes(decider: Decider, pair: Pair) -> PairChanges | None:
    """Return what changed of a pair; None where a side of it was deleted."""
    if pair.local is None or pair.remote is None:
        return None
    return pair_changes(
        decider.rules, pair.base, decider.values.local_values(pair.local), decider.values.remote_values(pair.remote),
        overwrites=decider.mapping.direction == Direction.BIDIRECTIONAL,
        conflict=ConflictOption(decider.mapping.update_conflict),
    )  # fmt: skip
