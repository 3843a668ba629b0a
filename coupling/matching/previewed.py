"""What a preview keeps of each record, packed part by part: what was found, and the values compared. No Django.

A part holds records of one checkpoint of which the same was found. What is kept of a record that would be coupled is
next to nothing beside the ids and names of both sides; of any other record it is what the job would have stored.
"""

import hashlib
import zlib
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import msgspec

_QUICK = 1
"""The level of compression: a higher one takes three times as long for a hundredth of the bytes."""


class Found(StrEnum):
    """What a preview found of a record; in the order of its tabs."""

    COUPLE = "couple"
    """A row that it would be coupled with."""
    NEW = "new"
    """Nothing, not even a row that nearly matches."""
    NEAR = "near"
    """No match, but a near miss, or a row outside the filter: a likely duplicate."""
    SEVERAL = "several"
    TAKEN = "taken"
    LEFT_OUT = "left_out"
    """It was selected, and takes no part."""


CREATABLE = (Found.NEW, Found.NEAR, Found.SEVERAL, Found.TAKEN)
"""What Create New applies to: every record without a unique uncoupled match."""


class PreviewedRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A Dataverse row that came into question; values: those compared, by column."""

    id: bytes
    name: str = ""
    values: list[Any] = []


class PreviewedRecord(msgspec.Struct, array_like=True, frozen=True):
    """A record of a preview.

    position: its place among those matched, in key order; digest: of the values compared here, as they were read;
    values: the same for people, by field; group: the place of the priority that decided; rows: those in question, the
    first one the match; tried: what the priorities before the one that coupled gave; told: what is told of a record
    that would not be coupled (message, mentions, fields, candidates, trail, reason), as an outcome's detail has it;
    near: the group and the values of a row that it nearly matches.
    """

    position: int
    local_id: bytes
    key: str
    name: str
    digest: bytes = b""
    values: list[Any] = []
    group: int = 0
    rows: list[PreviewedRow] = []
    tried: list[tuple[int, str]] = []
    told: dict[str, Any] = {}
    near: tuple[int, Sequence[Any]] | None = None

    @property
    def row(self) -> PreviewedRow | None:
        """The row that it would be coupled with, or the only one in question."""
        return self.rows[0] if len(self.rows) == 1 else None

    def has_text(self, text: str) -> bool:
        """Return whether its number begins with a text, or a name has it in it; given in lower case."""
        return (
            self.key.lower().startswith(text)
            or text in self.name.lower()
            or any(text in row.name.lower() for row in self.rows)
        )


_encoder = msgspec.msgpack.Encoder(enc_hook=str)
_decoder = msgspec.msgpack.Decoder(list[PreviewedRecord])


def pack_records(records: Sequence[PreviewedRecord]) -> bytes:
    """Return records as bytes."""
    return zlib.compress(_encoder.encode(records), _QUICK)


def unpack_records(packed: bytes | memoryview) -> list[PreviewedRecord]:
    """Return the records in the order given to pack_records."""
    return _decoder.decode(zlib.decompress(packed))


def pack_values(values: Sequence[Any]) -> bytes:
    """Return the values of a row or a record as bytes: equal ones for equal values of the same types."""
    return _encoder.encode(values)


def unpack_values(packed: bytes | memoryview) -> list[Any]:
    """Return the values given to pack_values; what JSON has not comes back as text."""
    values: list[Any] = msgspec.msgpack.decode(packed)
    return values


def digest_of(values: Sequence[Any]) -> bytes:
    """Return eight bytes that tell whether values are still the same."""
    return hashlib.blake2b(_encoder.encode(values), digest_size=8).digest()


class KeptRows:
    """Rows that are read once and looked at again in their order: packed, as many together as were added."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._last: tuple[int, list[list[Any]]] = (-1, [])

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Add rows; all parts but the last one have the size of the first."""
        self._size = self._size or len(rows)
        self._parts.append(zlib.compress(_encoder.encode(rows), _QUICK))

    def __getitem__(self, position: int) -> list[Any]:
        """Return the row at a position; what JSON has not has become text."""
        part, place = divmod(position, self._size)
        if self._last[0] != part:
            self._last = part, msgspec.msgpack.decode(zlib.decompress(self._parts[part]))
        return self._last[1][place]
