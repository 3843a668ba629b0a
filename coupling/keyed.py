"""The keys of one priority: which local candidates have which, and which Dataverse rows met them. No Django here.

One dictionary from key to slot does the comparing, whole pages at a time; everything else is arrays of numbers by slot.
A dictionary with a list per key and a tuple per row takes three times the memory and a multiple of the time.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import repeat

KEPT = 3
"""Rows remembered per key; beyond them only their number is known."""


class KeyIndex:
    """Slots for keys: the slot of a key is the number, from 1, of the first candidate that has it; 0 is "no key"."""

    def __init__(self) -> None:
        # A dictionary of texts alone keeps no hashes of its own and looks into every key when it grows or probes, which
        # at a million keys takes twice as long to fill; one key that is no text makes it keep them.
        self._slot_of: dict[str | None, int] = {"": 0, None: 0}
        self.slots = array("I")
        """Per local candidate, its slot."""
        self.first = array("I", [0])
        """Per slot, the first Dataverse row that met it."""
        self.more: dict[int, list[int]] = {}
        """Slot -> [how many rows met it, second row, third row], for slots that more than one row met."""

    def add(self, keys: Sequence[str], numbers: Iterable[int]) -> None:
        """Add the keys of further candidates, in their order, with the candidates' numbers; "" stands for no key."""
        self.slots.extend(map(self._slot_of.setdefault, keys, numbers))
        self.first.frombytes(bytes(4 * len(keys)))

    def met(self, keys: Sequence[str]) -> list[int]:
        """The slot of each key; 0 for those that no candidate has."""
        return list(map(self._slot_of.get, keys, repeat(0)))

    def counts_further(self, slot: int) -> bool:
        """Whether the row that met the slot must be remembered; counts it where it need not be."""
        more = self.more.get(slot)
        if more is None or len(more) < KEPT:
            return True
        more[0] += 1
        return False

    def meet(self, slot: int, row: int) -> None:
        """Remember a row that met the slot after the first."""
        if (more := self.more.get(slot)) is None:
            self.more[slot] = [2, row]
        else:
            more[0] += 1
            more.append(row)

    def count(self, slot: int) -> int:
        """How many rows met the slot."""
        more = self.more.get(slot)
        return more[0] if more else 1 if self.first[slot] else 0

    def rows(self, slot: int) -> list[int]:
        """The rows remembered for the slot, in the order they came."""
        first = self.first[slot]
        return [first, *self.more.get(slot, (0,))[1:]] if first else []
