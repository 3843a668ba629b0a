"""Placeholders: what people enter where a value must stand, and is no phone number, mail address or name. No Django.

Which of the three a criterion compares say the words in the names of its field and column, or else its Compare As.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from core.vocabulary import CompareAs
from coupling.rows import Criterion

_STATED = {CompareAs.PHONE: "phone", CompareAs.EMAIL: "email", CompareAs.COMPANY_NAME: "name"}
_IN_NAMES = (
    ("phone", re.compile(r"phone|fax|mobile|pager|telex")),
    ("email", re.compile(r"e_?mail")),
)
"""A field that is called like one of these holds them, whatever it is compared as."""
_NAME = re.compile(r"name")
_WORDS = frozenset(
    [
        "n/a",
        "n.a",
        "na",
        "none",
        "null",
        "nil",
        "no name",
        "noname",
        "unknown",
        "tbd",
        "tba",
        "not available",
        "not applicable",
        "not known",
        "k.a",
        "k. a",
        "keine",
        "unbekannt",
        "ohne",
        "entfällt",
        "n.v.t",
        "nvt",
        "onbekend",
        "geen",
        "ingen",
        "ukendt",
        "okänd",
        "ei ole",
        "brak",
        "aucun",
        "aucune",
        "inconnu",
        "inconnue",
        "ninguno",
        "ninguna",
        "desconocido",
        "nessuno",
        "nessuna",
        "sconosciuto",
        "nenhum",
        "desconhecido",
    ]
)
_DOTTED = _WORDS | {f"{word}." for word in _WORDS}
_SIGNS = "()<>[]{}-–—.*_#'\"“”/ "
_DIGIT = re.compile(r"[^\D0]")


@cache
def kind_of(criterion: Criterion) -> str:
    """Return what a criterion compares: "phone", "email" or "name"; "" for anything else, which has no placeholders."""
    names = f"{criterion.local} {criterion.integration}".casefold()
    for kind, pattern in _IN_NAMES:
        if pattern.search(names):
            return kind
    if criterion.compare_as in _STATED:
        return _STATED[criterion.compare_as]
    return "name" if criterion.compare_as is CompareAs.TEXT and _NAME.search(names) else ""


def without_placeholders(criterion: Criterion, keys: list[str], values: Sequence[Any]) -> list[str]:
    """Return the canonical texts of a column's values, blank for those that are placeholders."""
    kind = kind_of(criterion)
    if not kind:
        return keys
    if kind == "name" and criterion.compare_as is CompareAs.TEXT and not criterion.case_sensitive:
        # Most names begin with a letter or digit: two quick looks at them instead of a call.
        return [key if key[:1].isalnum() and key not in _DOTTED else "" if _no_name(key) else key for key in keys]
    test = _TESTS[kind]
    return ["" if key and test(str(value)) else key for key, value in zip(keys, values, strict=True)]


def is_placeholder(criterion: Criterion, text: str) -> bool:
    """Return whether a text that is not blank is a placeholder under a criterion."""
    kind = kind_of(criterion)
    return bool(kind) and _TESTS[kind](text)


def visible(text: str) -> str:
    """Return a text without its invisible marks (direction, joiners, soft hyphens)."""
    if text.isascii():
        return text
    return "".join(sign for sign in text if unicodedata.category(sign) != "Cf")


def _no_name(text: str) -> bool:
    bare = visible(text).casefold().strip(_SIGNS)
    return bare in _WORDS or not any(map(str.isalnum, bare))


def _no_phone(text: str) -> bool:
    return _DIGIT.search(text) is None


def _no_mail(text: str) -> bool:
    return "@" not in text or not any(map(str.isalnum, text))


_TESTS: dict[str, Callable[[str], bool]] = {"phone": _no_phone, "email": _no_mail, "name": _no_name}
