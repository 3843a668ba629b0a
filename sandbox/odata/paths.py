"""Paths of addresses below /api/data/v9.x/."""

import re
from dataclasses import dataclass

from sandbox.base.errors import query_error

PREFIX = "Microsoft.Dynamics.CRM."
_ROOT = re.compile(r"(?:https?://[^/]+)?/api/data/v9\.[0-2]/", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a path: a name, and the text in parentheses after it (None without them)."""

    name: str
    key: str | None = None


def parse_segments(path: str) -> list[Segment]:
    """Return the steps of a path relative to the Web API's root. Raises ServiceError for unbalanced brackets."""
    found: list[Segment] = []
    depth, quoted, start = 0, False, 0
    for at, letter in enumerate(path + "/"):
        if letter == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif letter == "(":
            depth += 1
        elif letter == ")":
            depth -= 1
        elif letter == "/" and depth == 0:
            if at > start:
                found.append(_segment(path[start:at]))
            start = at + 1
    if depth or quoted:
        raise query_error(f"Bad Request - Error in query syntax: '{path}'.")
    return found


def _segment(text: str) -> Segment:
    name, bracket, rest = text.partition("(")
    if not bracket:
        return Segment(text)
    if not rest.endswith(")"):
        raise query_error(f"Bad Request - Error in query syntax: '{text}'.")
    return Segment(name, rest[:-1])


def strip_root(address: str) -> str | None:
    """Return an absolute address or path relative to the Web API's root; None where it is not below it."""
    found = _ROOT.match(address)
    return address[found.end() :] if found else None


def path_shape(path: str) -> str:
    """Return a path without its ids and arguments: `accounts(id)`, `accounts/CreateMultiple`, `WhoAmI`."""
    steps = []
    depth, quoted, text = 0, False, ""
    for letter in path:
        if letter == "'":
            quoted = not quoted
        elif not quoted and letter == "(":
            depth += 1
            if depth == 1:
                text += "("
        elif not quoted and letter == ")":
            depth -= 1
            if depth == 0:
                text += "id)"
        elif depth <= 0:
            text += letter
    for step in filter(None, text.split("/")):
        name = step.removeprefix(PREFIX)
        if step[:1].isupper() and not step.startswith(("EntityDefinitions", "GlobalOptionSet", "RelationshipDef")):
            name = name.partition("(")[0]
        steps.append(name)
    return "/".join(steps)
