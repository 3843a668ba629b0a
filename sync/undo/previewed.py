"""What a preview of an undo keeps of each coupling, packed part by part. No Django.

A part holds the couplings of one checkpoint that come to the same: they end, they cannot, or they stay for one reason.
"""

import zlib
from collections.abc import Iterable, Sequence

import msgspec

from sync.rules.changes import Change, Kept, code_of
from sync.rules.values import Side

ENDS, FAILS = "ends", "fails"
"""Kinds of parts; any other is the reason for which couplings stay."""
_QUICK = 1
"""The level of compression: a higher one takes three times as long for a hundredth of the bytes."""


class PreviewedValue(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A value that synchronization wrote: what it is now, and what it goes back to; why: it stays, and goes nowhere.

    name: what the field is known by among its mapping's; here: whether the record here holds it.
    """

    name: str
    caption: str
    here: bool
    held: Kept
    back: Kept
    why: str = ""


class PreviewedPair(msgspec.Struct, array_like=True, frozen=True):
    """A coupling that the job made. number: its id; created: its row was made by Create New; message: why it stays."""

    number: int
    local_id: bytes
    row_id: bytes
    key: str
    name: str
    row_name: str = ""
    created: bool = False
    message: str = ""
    values: list[PreviewedValue] = []

    @property
    def back(self) -> list[PreviewedValue]:
        """The values that go back."""
        return [one for one in self.values if not one.why]

    @property
    def kept(self) -> list[PreviewedValue]:
        """The values that stay."""
        return [one for one in self.values if one.why]

    def has_text(self, text: str) -> bool:
        """Return whether its number begins with a text, or a name has it in it; given in lower case."""
        return self.key.lower().startswith(text) or text in self.name.lower() or text in self.row_name.lower()


Fingerprint = frozenset[tuple[bool, str, str, str]]
"""Which values go back: side, field, what is replaced, what it is replaced by; values by their codes."""


def fingerprint(values: Iterable[PreviewedValue]) -> Fingerprint:
    """Return what was to be written by a preview."""
    return frozenset((one.here, one.name, code_of(one.held), code_of(one.back)) for one in values if not one.why)


def fingerprint_of(changes: Iterable[Change]) -> Fingerprint:
    """Return what is to be written now."""
    return frozenset((one.side == Side.LOCAL, one.name, code_of(one.before), code_of(one.after)) for one in changes)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[PreviewedPair])


def pack_pairs(pairs: Sequence[PreviewedPair]) -> bytes:
    """Return couplings as bytes."""
    return zlib.compress(_encoder.encode(pairs), _QUICK)


def unpack_pairs(packed: bytes | memoryview) -> list[PreviewedPair]:
    """Return the couplings of a part."""
    return _decoder.decode(zlib.decompress(packed))
