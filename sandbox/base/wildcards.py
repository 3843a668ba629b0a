"""contains, startswith and endswith, with the wildcards of SQL's LIKE that the service lets through."""

import re
from collections.abc import Callable


def build_text_test(function: str, wanted: str) -> Callable[[str], bool]:
    """Return a test of case-folded text for contains, startswith or endswith."""
    if not any(mark in wanted for mark in "%_["):
        if function == "contains":
            return lambda text: wanted in text
        if function == "startswith":
            return lambda text: text.startswith(wanted)
        return lambda text: text.endswith(wanted)
    # A part is taken where it is first found, which is right whatever follows; so no text takes long to be tested.
    parts = _parts(wanted)
    if function == "endswith":
        *parts, last = parts
    first = parts.pop(0) if function == "startswith" else ""
    found = "".join(f"(?>.*?{part})" for part in parts)
    compiled = re.compile(first + found + (f".*{last}\\Z" if function == "endswith" else ""), re.DOTALL)
    return lambda text: compiled.match(text) is not None


def like_to_regex(text: str) -> str:
    """Return a pattern of SQL's LIKE (% _ [a-c] [^a]) as a regular expression."""
    return ".*".join(_parts(text))


def _parts(text: str) -> list[str]:
    """Return the regular expressions of a pattern's parts, between which anything may stand."""
    parts, at = [""], 0
    while at < len(text):
        letter = text[at]
        if letter == "%":
            parts.append("")
        elif letter == "_":
            parts[-1] += "."
        elif letter == "[" and (end := text.find("]", at + 1)) > at + 1:
            parts[-1] += _character_class(text[at + 1 : end])
            at = end
        else:
            parts[-1] += re.escape(letter)
        at += 1
    return parts


def _character_class(inner: str) -> str:
    negative = inner.startswith("^") and len(inner) > 1
    body = inner[1:] if negative else inner
    parts, at = [], 0
    while at < len(body):
        if at + 2 < len(body) and body[at + 1] == "-":
            low, high = body[at], body[at + 2]
            if low <= high:
                parts.append(f"{re.escape(low)}-{re.escape(high)}")
            at += 3
        else:
            parts.append(re.escape(body[at]))
            at += 1
    if not parts:
        return "(?!)"
    return f"[{'^' if negative else ''}{''.join(parts)}]"
