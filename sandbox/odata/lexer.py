"""A $filter or $orderby text, cut into tokens."""

import re
from dataclasses import dataclass

from sandbox.base.errors import query_error

_TOKEN = re.compile(
    r"""
    (?P<space>\s+)
  | (?P<guid>[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12})(?![\w-])
  | (?P<date>-?\d{4}-\d\d-\d\d(?:[Tt]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+-]\d\d:\d\d)?)?)(?![\w-])
  | (?P<number>[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w])
  | (?P<string>'(?:[^']|'')*')
  | (?P<name>[A-Za-z_@$][\w.]*)
  | (?P<mark>[(),/:=\[\]])
  | (?P<json>")
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the text; `at` is where it begins."""

    kind: str
    text: str
    at: int


def tokens(text: str) -> list[Token]:
    """All tokens, spaces left out, ended by one of kind "end". Raises ServiceError where the text cannot be cut."""
    made: list[Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            if text[at] == "'":
                raise query_error(f"There is an unterminated literal at position {len(text)} in '{text}'.")
            raise query_error(f"Syntax error: character '{text[at]}' is not valid at position {at} in '{text}'.")
        kind = found.lastgroup or ""
        if kind == "json":
            end = _json_string_end(text, at)
            made.append(Token("json", text[at:end], at))
            at = end
            continue
        if kind != "space":
            made.append(Token(kind, found.group(), at))
        at = found.end()
    made.append(Token("end", "", at))
    return made


def _json_string_end(text: str, at: int) -> int:
    place = at + 1
    while place < len(text):
        if text[place] == "\\":
            place += 2
            continue
        if text[place] == '"':
            return place + 1
        place += 1
    raise query_error(f"There is an unterminated literal at position {len(text)} in '{text}'.")
