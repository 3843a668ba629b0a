"""Outcomes without rows of their own, packed: numbers that say what each is about, and what is noted of each. Pure."""

import zlib
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

_QUICK = 1
"""The level of compression: a higher one takes three times as long for a hundredth of the bytes."""

Note = Any
"""What goes with one outcome, as JSON has it; None for nothing."""


def pack_numbers(numbers: Sequence[int]) -> bytes:
    """Return numbers as bytes. Those that follow one another, as ids of one write do, take next to nothing."""
    steps = np.diff(np.asarray(numbers, np.int64), prepend=0)
    return zlib.compress(steps.astype("<i8").tobytes(), _QUICK)


def unpack_numbers(packed: bytes | memoryview) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Return the numbers in the order given to pack_numbers."""
    return np.cumsum(np.frombuffer(zlib.decompress(packed), "<i8"))


def pack_notes(notes: Sequence[Note]) -> bytes:
    """Return notes as bytes; none at all take none."""
    if all(note is None for note in notes):
        return b""
    return zlib.compress(msgspec.msgpack.encode(notes), _QUICK)


def unpack_notes(packed: bytes | memoryview, count: int) -> list[Note]:
    """Return the notes in the order given to pack_notes."""
    if not packed:
        return [None] * count
    notes: list[Note] = msgspec.msgpack.decode(zlib.decompress(packed))
    return notes
