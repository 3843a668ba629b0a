"""What becomes of records that are coupled with the choices of a column. No Django, no HTTP.

A choice has a value and a caption, and no time of its last change. A record goes by its code or its name: a caption
that is either of them is right as it is, so that nobody's "Net 30" becomes "NET 30". A code holds its beginning.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from core.vocabulary import Direction
from sync.rules.canonical import canonical_text

MAX_CAPTION = 200
"""Characters of a caption that are stored here."""


@dataclass(frozen=True, slots=True)
class ChoiceRecord:
    """A local record: its code, its name, and the text of the mapped field, which a new choice is called."""

    id: UUID
    key: str
    title: str
    text: str

    @property
    def caption(self) -> str:
        """What its choice is called when it is created or renamed."""
        return (canonical_text(self.text) or self.key)[:MAX_CAPTION]


@dataclass(frozen=True, slots=True)
class ChoicePair:
    """A coupled record and choice; caption, local_text: both as of the last synchronization, None before it."""

    local_id: UUID
    value: int
    caption: str
    local_text: str | None


class Action(StrEnum):
    """What is to be done about a pair."""

    KEEP = "keep"
    RENAME = "rename"
    TAKE = "take"
    GONE_HERE = "gone here"
    GONE_THERE = "gone there"


def decide(
    pair: ChoicePair, record: ChoiceRecord | None, caption: str | None, direction: Direction, size: int
) -> Action:
    """Return what is to be done about a pair. caption: the choice's, None where it is gone; size: see `is_called`."""
    if record is None:
        return Action.GONE_HERE
    if caption is None:
        return Action.GONE_THERE
    if direction == Direction.FROM:
        return Action.KEEP if caption[:MAX_CAPTION] == pair.caption else Action.TAKE
    if is_called(record, caption, size) or _folded(pair.local_text) == _folded(record.text):
        return Action.KEEP
    return Action.RENAME


def is_called(record: ChoiceRecord, caption: str, size: int) -> bool:
    """Return whether a caption is the record's text, code or name; size: how many characters a code has at most."""
    folded = _folded(caption)
    own = {_folded(record.text), _folded(record.title)} - {""}
    return folded in own or _folded(code_of(caption, size)) == _folded(record.key)


def choices_of(record: ChoiceRecord, choices: Mapping[int, str], size: int) -> list[int]:
    """Return the values of the choices that are called like a record."""
    return [value for value, caption in choices.items() if is_called(record, caption, size)]


def code_of(caption: str, size: int) -> str:
    """Return the code of a record that is made of a choice: the beginning of its caption, in capitals."""
    return caption.strip()[:size].strip().upper()


def free_values(count: int, taken: Iterable[int], first: int) -> list[int]:
    """Return values for new choices in order: above all that are taken from `first` on, the publisher's first one."""
    start = max([first - 1, *(value for value in taken if first <= value < first + 10_000)]) + 1
    return list(range(start, start + count))


def _folded(text: str | None) -> str:
    return (canonical_text(text) or "").casefold()
