"""Whether a value that synchronization replaced is put back: pure."""

from collections.abc import Sequence
from enum import Enum

from sync.rules.changes import Kept, code_of, told
from sync.rules.quotes import quote


class PutBack(Enum):
    """What becomes of one value."""

    WRITE = "write"
    THERE_ALREADY = "there already"
    CHANGED_SINCE = "changed since"


def decide(current: Kept, *, before: Kept, after: Kept, anyway: bool = False) -> PutBack:
    """Return what becomes of a value that was `before`, was made `after`, and is `current` now.

    What somebody changed since stays, unless it is to be put back anyway. Values are compared by their codes: a choice
    that is called otherwise by now is the same one.
    """
    if code_of(current) == code_of(before):
        return PutBack.THERE_ALREADY
    if code_of(current) == code_of(after) or anyway:
        return PutBack.WRITE
    return PutBack.CHANGED_SINCE


def in_quotes(kept: Kept) -> str:
    """Return a value as a sentence quotes it."""
    text = told(kept)
    return quote(text) if text else "nothing"


def changed_since(caption: str, side: str, current: Kept, after: Kept) -> str:
    """Return the sentence about a value that stays since somebody changed it; side: "here" or "in Dataverse"."""
    return (
        f"{caption} was changed {side} since: it holds {in_quotes(current)}, and synchronization had written "
        f"{in_quotes(after)}. So it stays."
    )


def put_back_words(captions: Sequence[str]) -> str:
    """Return the fields as a sentence lists them."""
    first, last = captions[:-1], captions[-1]
    return f"{', '.join(first)} and {last}" if first else last
