"""Regular expressions of transformation rules: PATTERN,REPLACEMENT. No Django, no HTTP.

They are those of RE2, whose search takes time in proportion to the text, whatever the pattern. A search for many
matches may still take the square of it; the deadline between two matches ends that.
"""

import math
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import re2

from sync.rules.quotes import quote
from sync.rules.rule_errors import RuleFailed, Unreadable, check_length, out_of_time

SECONDS = 2.0
"""How long one regular expression may take with one value."""
_MAX_PROGRAM = 5000
"""Steps of the largest pattern, as RE2 counts them."""
_MAX_STEPS = 200_000_000
"""Characters times steps of the longest single search, which nothing interrupts: below a second."""

_until: ContextVar[float] = ContextVar("until", default=math.inf)

_Template = list[str | int]
"""A replacement in parts: text, and numbers of groups."""
_TEMPLATE_PART = re.compile(r"\\([0-9]{1,2})|\$([0-9]{1,2})|\$\{([0-9]{1,2})\}|(\\[\\,$nt]|\$\$)|(\\.?)", re.DOTALL)
_ESCAPES = {r"\\": "\\", r"\,": ",", r"\$": "$", r"\n": "\n", r"\t": "\t", "$$": "$"}


@contextmanager
def ending(until: float) -> Iterator[None]:
    """End the regular expressions used within at a time (of time.monotonic), where they would take longer."""
    token = _until.set(until)
    try:
        yield
    finally:
        _until.reset(token)


def replacer(value: str) -> Callable[[str], str]:
    """Return what replaces each match in a text, for PATTERN,REPLACEMENT. Raises Unreadable.

    It raises RuleFailed for a text that it cannot deal with in time, or of which it would make too much.
    """
    pattern, template = _split(value)

    def change(text: str) -> str:
        _require_encodable(text)
        if len(text) * pattern.programsize > _MAX_STEPS:
            raise RuleFailed(
                f"is too large for its {len(text):,} characters, so it was not tried", "Repeat less in the pattern."
            )
        own, given = time.monotonic() + SECONDS, _until.get()
        deadline = min(own, given)
        parts: list[str] = []
        end, length = 0, 0
        for match in pattern.finditer(text):
            new = "".join(part if isinstance(part, str) else match.group(part) or "" for part in template)
            parts += (text[end : match.start()], new)
            length += match.start() - end + len(new)
            end = match.end()
            check_length(length)
            if time.monotonic() > deadline:
                if given < own:
                    raise out_of_time()
                raise RuleFailed(
                    f"took more than {SECONDS:g} seconds with it, so it was ended",
                    "Make the pattern simpler, one that finds less at a time.",
                )
        return "".join([*parts, text[end:]])

    return change


def _require_encodable(text: str) -> None:
    """Raise RuleFailed for text that is no text: half of a surrogate pair."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise RuleFailed("cannot read it: it holds half a character") from None


def _split(value: str) -> tuple[Any, _Template]:
    """Return pattern and replacement: cut at the first comma where both can be read. Raises Unreadable.

    Commas of classes and of counts stay in the pattern, and so do those behind a backslash.
    """
    commas = [found.start() for found in re.finditer(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{[0-9]*,[0-9]*\}|,", value)
              if found[0] == ","]  # fmt: skip
    if not commas:
        raise Unreadable("needs a comma between pattern and replacement (regex=[^0-9], takes out all but digits)")
    first: Unreadable | None = None
    for comma in commas[:10]:
        try:
            pattern = _compile(value[:comma])
            return pattern, _template(value[comma + 1 :], pattern.groups)
        except Unreadable as error:
            first = first or error
    assert first is not None
    raise first


def _compile(text: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        pattern = re2.compile(text, options)
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        what = reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
        raise Unreadable(
            f"has a pattern that RE2 does not take ({what}); it knows no look-around and no back-reference, "
            "so that no pattern runs for ever"
        ) from None
    except UnicodeEncodeError:
        raise Unreadable("holds half a character") from None
    if pattern.programsize > _MAX_PROGRAM:
        raise Unreadable("has a pattern that is too large; repeat less in it")
    return pattern


def _template(text: str, groups: int) -> _Template:
    """Return the parts of a replacement. Raises Unreadable for a group that the pattern does not have."""
    parts: _Template = []
    end = 0
    for found in _TEMPLATE_PART.finditer(text):
        parts.append(text[end : found.start()])
        end = found.end()
        if found[4]:
            parts.append(_ESCAPES[found[4]])
        elif found[5]:
            raise Unreadable(f"has the replacement {quote(text)}, in which {found[5]} means nothing; write \\\\ for \\")
        else:
            number = int(found[1] or found[2] or found[3])
            if number > groups:
                raise Unreadable(f"names group {number} in the replacement, and the pattern has {groups}")
            parts.append(number)
    parts.append(text[end:])
    return [part for part in parts if part != ""]
