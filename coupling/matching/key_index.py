"""Index of the keys of one priority: which local candidates and which Dataverse rows have them. No Django.

Keys are looked up by their hashes, a whole page at a time, in one sorted column of numbers: the processor waits for
many places of memory at once, where a dictionary makes it wait for one after the other. A hash only finds; whether two
keys are equal their texts say, which are stored and compared as columns of bytes.
"""

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

STORED_ROWS = 3
"""Rows stored per key; beyond them only their number is known."""

Slots = NDArray[np.uint32]
Places = NDArray[np.intp]


def encode(texts: Sequence[str]) -> tuple[bytes, NDArray[np.int64]]:
    """Return the texts as UTF-8, one after the other, and how many bytes each has; lone surrogates stay as they are."""
    data = "".join(texts).encode("utf-8", "surrogatepass")
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    if len(data) != sizes.sum():
        parts = [text.encode("utf-8", "surrogatepass") for text in texts]
        data, sizes = b"".join(parts), np.fromiter(map(len, parts), np.int64, len(parts))
    return data, sizes


_WORD = np.dtype("<u8")
_SPARE = bytes(_WORD.itemsize)
_REST = np.array([2**64 - 1, *(2 ** (8 * size) - 1 for size in range(1, 8))], _WORD)
"""What counts of a text's last word, by how many bytes of the text are in it, modulo 8."""


@dataclass(frozen=True, slots=True)
class _Texts:
    """A column of texts: their bytes one after the other, and where each one begins and ends."""

    data: bytes
    """Behind the texts there is room for a word."""
    ends: NDArray[np.int64]

    @classmethod
    def of(cls, texts: Sequence[str]) -> "_Texts":
        data, sizes = encode(texts)
        ends = np.zeros(len(texts) + 1, np.int64)
        np.cumsum(sizes, out=ends[1:])
        return cls(data + _SPARE, ends)

    @classmethod
    def joined(cls, parts: Sequence["_Texts"]) -> "_Texts":
        before = np.cumsum([0, *(part.ends[-1] for part in parts)])
        ends = [part.ends[1:] + size for part, size in zip(parts, before, strict=False)]
        data = [memoryview(part.data)[: part.ends[-1]] for part in parts]
        return cls(b"".join([*data, _SPARE]), np.concatenate([np.zeros(1, np.int64), *ends]))

    def __len__(self) -> int:
        return len(self.ends) - 1

    def __getitem__(self, place: int) -> str:
        return self.data[self.ends[place] : self.ends[place + 1]].decode("utf-8", "surrogatepass")

    def same(self, places: Places, other: "_Texts", there: Places) -> NDArray[np.bool_]:
        """Return pair by pair whether this column's text equals the other one's. Eight bytes are compared at once."""
        sizes = self.ends[places + 1] - self.ends[places]
        same: NDArray[np.bool_] = sizes == other.ends[there + 1] - other.ends[there]
        if not same.all():
            places, there, sizes = places[same], there[same], sizes[same]
        words = (sizes + 7) >> 3
        ends = np.cumsum(words)
        steps = (np.arange(words.sum()) - np.repeat(ends - words, words)) << 3
        differing = self._words(np.repeat(self.ends[places], words) + steps)
        differing ^= other._words(np.repeat(other.ends[there], words) + steps)
        differing[ends[words > 0] - 1] &= _REST[sizes[words > 0] & 7]
        if differing.any():
            among = np.flatnonzero(same)
            same[among[np.searchsorted(ends, np.flatnonzero(differing), "right")]] = False
        return same

    def _words(self, begins: Places) -> NDArray[np.uint64]:
        """Return the eight bytes that begin at each of these places."""
        room = len(self.data) - len(_SPARE) + 1
        found: NDArray[np.uint64] = np.ndarray((room,), _WORD, self.data, strides=(1,))[begins]
        return found


class KeyIndex:
    """Slots for keys: the slot of a key is the number, from 1, of the first candidate that has it; 0 is "no key".

    Candidates are added first, then rows are looked up. hashed: gives 64 bits, the same for equal keys.
    """

    def __init__(self, hashed: Callable[[str], int] = hash) -> None:
        self._hashed = hashed
        self._added: list[tuple[NDArray[np.uint64], _Texts]] = []
        self._texts = _Texts.of(())
        self._hash_of = np.empty(0, np.uint64)
        """Per candidate. The four below are per hash: what it is, whose it was first, and by its upper bits where to
        look for it."""
        self._hashes = np.empty(0, np.uint64)
        self._owners = np.empty(0, np.uint32)
        self._starts = np.zeros(3, np.int64)
        self._shift = np.uint64(63)
        self._collided: dict[str, int] = {}
        """Key -> slot, of keys that share their hash with an earlier candidate's other key."""
        self._slots = np.empty(0, np.uint32)
        self.first = np.zeros(1, np.uint32)
        """Per slot, the first Dataverse row that has its key."""
        self.more: dict[int, list[int]] = {}
        """Slot -> [how many rows have its key, second row, third row], for slots of more than one row."""

    def add(self, keys: Sequence[str]) -> None:
        """Add the keys of further candidates, in their order; "" stands for no key."""
        self._added.append((self._hash(keys), _Texts.of(keys)))

    @property
    def slots(self) -> Slots:
        """The slot of each local candidate."""
        self._sort()
        return self._slots

    def find_slots(self, keys: Sequence[str]) -> Slots:
        """Return the slot of each key; 0 for those that no candidate has."""
        self._sort()
        hashes = self._hash(keys)
        slots = np.zeros(len(keys), np.uint32)
        bucket = (hashes >> self._shift).astype(np.intp)
        at, end = self._starts[bucket], self._starts[bucket + 1]
        asking = np.flatnonzero(at < end)
        while len(asking):
            places = at[asking]
            same = self._hashes[places] == hashes[asking]
            slots[asking[same]] = self._owners[places[same]]
            asking = asking[~same]
            at[asking] += 1
            asking = asking[at[asking] < end[asking]]
        hits = np.flatnonzero(slots)
        for row in hits[~self._texts.same(slots[hits].astype(np.intp) - 1, _Texts.of(keys), hits)].tolist():
            slots[row] = self._collided.get(keys[row], 0)
        return slots

    def without_rows(self) -> "KeyIndex":
        """Return an index of the same keys, all of them added, without rows."""
        self._sort()
        other = copy(self)
        other.first, other.more = np.zeros_like(self.first), {}
        return other

    def let_go(self) -> None:
        """Drop what only looking keys up needs: from now on nothing is added and nothing is looked up."""
        self._sort()
        self._texts = _Texts.of(())
        self._hash_of = self._hashes = np.empty(0, np.uint64)
        self._owners, self._starts, self._collided = np.empty(0, np.uint32), np.zeros(3, np.int64), {}

    def stores_further_row(self, slot: int) -> bool:
        """Return whether a further row of the slot is stored; count it here where it is not."""
        more = self.more.get(slot)
        if more is None or len(more) < STORED_ROWS:
            return True
        more[0] += 1
        return False

    def add_further_row(self, slot: int, row: int) -> None:
        """Store a row of the slot after the first."""
        if (more := self.more.get(slot)) is None:
            self.more[slot] = [2, row]
        else:
            more[0] += 1
            more.append(row)

    def has_several_rows(self) -> NDArray[np.bool_]:
        """Return per slot whether it has more than one row."""
        flags = np.zeros(len(self.first), np.bool_)
        flags[list(self.more)] = True
        return flags

    def row_count(self, slot: int) -> int:
        """Return how many rows the slot has."""
        more = self.more.get(slot)
        return more[0] if more else 1 if self.first[slot] else 0

    def rows(self, slot: int) -> list[int]:
        """Return the rows stored for the slot, in the order they came."""
        first = int(self.first[slot])
        return [first, *self.more.get(slot, (0,))[1:]] if first else []

    def _hash(self, keys: Sequence[str]) -> NDArray[np.uint64]:
        return np.fromiter(map(self._hashed, keys), np.int64, len(keys)).view(np.uint64)

    def _sort(self) -> None:
        """Take in the candidates added since the last time; a slot once given stays."""
        if not self._added:
            return
        self._hash_of = np.concatenate([self._hash_of, *(hashes for hashes, _ in self._added)])
        self._texts = _Texts.joined([self._texts, *(texts for _, texts in self._added)])
        self._added = []
        number = len(self._texts)
        filled = np.flatnonzero(np.diff(self._texts.ends))
        order = filled[np.argsort(self._hash_of[filled])]
        hashes = self._hash_of[order]
        begins = np.flatnonzero(np.concatenate(([True], hashes[1:] != hashes[:-1]))) if len(order) else order
        owners = np.minimum.reduceat(order, begins) if len(order) else order
        self._hashes, self._owners = hashes[begins], (owners + 1).astype(np.uint32)
        owner_of = np.repeat(owners, np.diff(begins, append=len(order)))
        self._slots = np.zeros(number, np.uint32)
        self._slots[order] = owner_of + 1
        self._separate_collisions(order[order != owner_of], owner_of[order != owner_of])
        # Hashes are spread evenly, so their upper bits say where to look, give or take a few.
        bits = max(len(owners).bit_length(), 1)
        self._shift = np.uint64(64 - bits)
        counts = np.bincount((self._hashes >> self._shift).astype(np.intp), minlength=1 << bits)
        self._starts = np.concatenate(([0], np.cumsum(counts)))
        self.first = np.concatenate((self.first, np.zeros(number + 1 - len(self.first), np.uint32)))

    def _separate_collisions(self, later: Places, owner: NDArray[Any]) -> None:
        """Give candidates whose key only shares its hash with the owner's a slot of their own."""
        self._collided = {}
        for place in np.sort(later[~self._texts.same(later, self._texts, owner)]).tolist():
            self._slots[place] = self._collided.setdefault(self._texts[place], place + 1)
