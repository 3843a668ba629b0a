"""The Dataverse rows that are somebody's candidates, stored in few bytes and known by numbers from 1. No Django."""

from array import array
from collections.abc import Sequence

import numpy as np

from coupling.matching.key_index import encode
from coupling.matching.previewed import pack_values, unpack_values
from coupling.matching.remote_page import RemotePage

ID_BYTES = 16


def digits_at(ids: bytearray, places: Sequence[int]) -> list[str]:
    """Return those ids at these places, counted from 0, as 32 digits each."""
    if not places:
        return []
    digits = np.frombuffer(ids, f"V{ID_BYTES}")[places].tobytes().hex()
    return [digits[at : at + 2 * ID_BYTES] for at in range(0, len(digits), 2 * ID_BYTES)]


class FoundRows:
    """Ids and names of rows, with the values compared where these are kept."""

    def __init__(self) -> None:
        self.ids = bytearray()
        self._names = bytearray()
        self._ends = array("Q", [0])
        self._values = bytearray()
        self._values_ends = array("Q", [0])

    def __len__(self) -> int:
        return len(self._ends) - 1

    def store(self, page: RemotePage, names: Sequence[str | None]) -> None:
        """Store the rows of a page that are somebody's candidates. names: of all rows of the page."""
        rows = page.stored
        self.ids += np.frombuffer(page.raw, f"V{ID_BYTES}")[rows].tobytes()
        encoded, sizes = encode([names[row] or "" for row in rows])
        self._ends.frombytes((np.cumsum(sizes) + len(self._names)).astype(np.uint64).tobytes())
        self._names += encoded

    def store_values(self, page: RemotePage, columns: Sequence[Sequence[object]]) -> None:
        """Store the values compared of the rows that `store` has just stored. columns: each with all of the page."""
        for row in page.stored:
            self._values += pack_values([column[row] for column in columns])
            self._values_ends.append(len(self._values))

    def id_of(self, row: int) -> bytes:
        """Return the 16 bytes of a row's id."""
        return bytes(self.ids[ID_BYTES * (row - 1) : ID_BYTES * row])

    def name_of(self, row: int) -> str:
        """Return a row's name."""
        return self._names[self._ends[row - 1] : self._ends[row]].decode("utf-8", "surrogatepass")

    def values_of(self, row: int) -> list[object]:
        """Return the values compared of a row, where they are kept."""
        return unpack_values(memoryview(self._values)[self._values_ends[row - 1] : self._values_ends[row]])
