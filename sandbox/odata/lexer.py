"""Lexer of $filter and of alternate keys."""

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
    """A piece of the text, and the position at which it begins."""

    kind: str
    text: str
    position: int


def tokenize(text: str) -> list[Token]:
    """Return all tokens but spaces, the last of kind "end". Raises ServiceError for an invalid character."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            if text[position] == "'":
                raise query_error(f"There is an unterminated literal at position {len(text)} in '{text}'.")
            raise query_error(
                f"Syntax error: character '{text[position]}' is not valid at position {position} in '{text}'."
            )
        kind = found.lastgroup or ""
        if kind == "json":
            end = _find_json_string_end(text, position)
            tokens.append(Token("json", text[position:end], position))
            position = end
            continue
        if kind != "space":
            tokens.append(Token(kind, found.group(), position))
        position = found.end()
    tokens.append(Token("end", "", position))
    return tokens


def _find_json_string_end(text: str, start: int) -> int:
    position = start + 1
    while position < len(text):
        if text[position] == "\\":
            position += 2
            continue
        if text[position] == '"':
            return position + 1
        position += 1
    raise query_error(f"There is an unterminated literal at position {len(text)} in '{text}'.")
