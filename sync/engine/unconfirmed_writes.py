"""Writes to Dataverse that were sent and whose answers were never saved: carried out or not, we do not know.

They are kept with the mapping from before the first request until the pair is settled, whichever job settles it. Read
back equal to what was sent, a value is our own: it counts as agreed on, and is no change made in Dataverse.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from coupling.models import IntegrationTableMapping
from sync.models import SynchState
from sync.rules.values import Carried, Value


@dataclass(frozen=True, slots=True)
class UnconfirmedWrite:
    """One write: the job that sent it, the values in it; `previous`: the row that a restored one replaces."""

    job: int
    values: dict[str, Value]
    previous: str = ""

    def was_applied(self, theirs: Mapping[str, Carried]) -> bool:
        """Whether the row holds all that was sent."""
        return all(theirs.get(name) == value for name, value in self.values.items())

    def merge_into_base(self, base: Mapping[str, Value], theirs: Mapping[str, Carried]) -> dict[str, Value]:
        """The base, with what was sent and is there."""
        return {**base, **{name: value for name, value in self.values.items() if theirs.get(name) == value}}


@dataclass(slots=True)
class Doubts:
    """The doubts about a mapping's pairs, by coupling. Changed in memory; `save` belongs inside a checkpoint."""

    mapping: IntegrationTableMapping
    by_coupling: dict[int, UnconfirmedWrite] = field(default_factory=dict)
    _changed: bool = False

    @classmethod
    def of(cls, mapping: IntegrationTableMapping) -> "Doubts":
        """What is kept with the mapping."""
        kept = SynchState.objects.filter(mapping=mapping).values_list("doubts", flat=True).first()
        return cls(mapping, _decoder.decode(bytes(kept)) if kept else {})

    def get(self, coupling: int) -> UnconfirmedWrite | None:
        """The doubt about a pair, if there is one."""
        return self.by_coupling.get(coupling)

    def add(self, coupling: int, doubt: UnconfirmedWrite) -> None:
        """A write is about to be sent."""
        self.by_coupling[coupling], self._changed = doubt, True

    def settle(self, couplings: Iterable[int]) -> None:
        """What became of these pairs is known."""
        if self.by_coupling:
            for key in couplings:
                self._changed |= self.by_coupling.pop(key, None) is not None

    def save(self) -> None:
        """Keep the doubts with the mapping, where they changed."""
        if self._changed:
            values = {"doubts": _encoder.encode(self.by_coupling) if self.by_coupling else b""}
            SynchState.objects.update_or_create(mapping=self.mapping, defaults=values)
            self._changed = False


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[int, UnconfirmedWrite])
