"""A look at selected records before they are synchronized: which side changed, what is not coupled or gone.

It reads both sides as a run does, and writes nothing. So many records at most; more are synchronized without it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from core.vocabulary import Direction
from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from sync.engine.decisions import Decider
from sync.engine.options import Options
from sync.engine.pairs import Pair, read_couplings
from sync.rules.changed_sides import Changed, PairChanges, default_way, pair_changes

MOST = 500
"""So many records are looked at."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Newer values of a record that would be overwritten, by the captions of their fields."""

    label: str
    fields: tuple[str, ...]


@dataclass
class Look:
    """What a look found. changed: how many pairs changed on which side; gone: those a side of which was deleted;
    losses: by way, what it would overwrite.
    """

    changed: Counter[Changed] = field(default_factory=Counter)
    gone: int = 0
    losses: dict[str, list[Loss]] = field(default_factory=lambda: {"to": [], "from": []})

    @property
    def way(self) -> str:
        """The way by default."""
        return default_way(one for one, count in self.changed.items() if count)


def look(mapping: IntegrationTableMapping, ids: Sequence[UUID]) -> Look:
    """Look at the pairs of these records. Raises Refusal, DataverseError."""
    gateway = Gateway(mapping.company)
    decider = Decider(mapping, gateway, Options())
    couplings = read_couplings(decider.reader.couplings.filter(local_id__in=ids, pending=False))
    rows = gateway.read(mapping, decider.columns, [one.integration_id for one in couplings])
    pairs = decider.reader.read_pairs(couplings, rows)
    decider.fields.prepare(
        [pair.local.values for pair in pairs if pair.local], [pair.remote.values for pair in pairs if pair.remote]
    )
    found = Look()
    for pair in pairs:
        changes = _changes(decider, pair)
        if changes is None:
            found.gone += 1
            continue
        found.changed[changes.changed] += 1
        for way, names in (("to", changes.lost_there), ("from", changes.lost_here)):
            if names:
                captions = tuple(decider.fields.specs[name].caption for name in names)
                found.losses[way].append(Loss(" ".join(pair.key_and_name).strip(), captions))
    return found


def _changes(decider: Decider, pair: Pair) -> PairChanges | None:
    """Return what changed of a pair; None where a side of it was deleted."""
    if pair.local is None or pair.remote is None:
        return None
    return pair_changes(
        decider.rules, pair.base, decider.values.local_values(pair.local), decider.values.remote_values(pair.remote),
        overwrites=decider.mapping.direction == Direction.BIDIRECTIONAL,
    )  # fmt: skip
