"""Two values side by side, with what differs marked and what shows nothing made visible. No Django."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, NamedTuple

_LONGEST = 200
"""Characters of a value that are compared sign by sign."""


class Part(NamedTuple):
    """A stretch of a value. differs: only this side has it."""

    text: str
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Sides:
    """A value here and one in Dataverse. look: eq (they are equal as compared), ne, or blank (there is none there)."""

    here: tuple[Part, ...]
    there: tuple[Part, ...]
    look: str


def mark(here: str, there: str) -> tuple[tuple[Part, ...], tuple[Part, ...]]:
    """Return two values with the signs marked that only one of them has; none where they have little in common."""
    if here == there or max(len(here), len(there)) > _LONGEST:
        return (Part(visible(here)),), (Part(visible(there)),)
    matcher = SequenceMatcher(None, here, there, autojunk=False)
    if matcher.ratio() < 0.6:
        return (Part(visible(here)),), (Part(visible(there)),)
    one: list[Part] = []
    other: list[Part] = []
    for tag, start, end, there_start, there_end in matcher.get_opcodes():
        differs = tag != "equal"
        one.append(Part(visible(here[start:end], spaces=differs), differs))
        other.append(Part(visible(there[there_start:there_end], spaces=differs), differs))
    return tuple(part for part in one if part.text), tuple(part for part in other if part.text)


def visible(text: str, *, spaces: bool = False) -> str:
    """Return a text whose characters that show nothing stand as [U+200B]; spaces: blanks too, as "\N{OPEN BOX}"."""
    return "".join(_visible(sign, spaces=spaces) for sign in text)


def _visible(sign: str, *, spaces: bool) -> str:
    if sign == " ":
        return "\N{OPEN BOX}" if spaces else sign
    unseen = unicodedata.category(sign) in ("Cf", "Cc", "Zs", "Zl", "Zp") or "\ufe00" <= sign <= "\ufe0f"
    return f"[U+{ord(sign):04X}]" if unseen else sign


def compare(here: Iterable[Any], there: Iterable[Any] | None, *, equal: bool = False) -> Sides:
    """Return the values of a record beside those of a row, field by field in the same order; there: None for no row.

    equal: they are the same by the criteria, however they are written.
    """
    local = ", ".join(text for value in here if (text := text_of(value)))
    remote = ", ".join(text for value in there or () if (text := text_of(value)))
    if equal:
        return Sides((Part(visible(local)),), (Part(visible(remote)),), "eq")
    if not remote:
        return Sides((Part(visible(local)),), (), "blank")
    one, other = mark(local, remote)
    return Sides(one, other, "ne" if local != remote else "eq")


def text_of(value: Any) -> str:
    """Return a value as it is shown; "" for none."""
    return "" if value is None else str(value).strip(" ")
