"""Labels of definitions: their languages must be provisioned, for some kinds; and the order of a body's properties."""

from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.base.errors import ServiceError
from sandbox.customizing.base import read_type
from sandbox.environment import Environment

_REFUSED = frozenset({"DateTime", "Memo"})
"""Columns that were seen refused for a label of another language; others store it under the base language."""


def check_column(environment: Environment, body: Mapping[str, Any]) -> None:
    """Raise 400 where a column's label is in a language that the environment lacks, for the kinds that refuse it."""
    if environment.customization.strict_labels or read_type(body) in _REFUSED:
        check(environment, body)


def check(environment: Environment, body: Any) -> None:
    """Raise 400 for the first label, at any depth, in a language that the environment lacks."""
    known = {environment.base_language, *environment.customization.languages}
    for language in _languages(body):
        if language not in known:
            raise ServiceError(
                400, "0x80044195", f"The language code {language} is not a valid language for this organization"
            )


def _languages(body: Any) -> Iterator[int]:
    if isinstance(body, Mapping):
        if isinstance(body.get("LanguageCode"), int) and "Label" in body:
            yield body["LanguageCode"]
        for value in body.values():
            yield from _languages(value)
    elif isinstance(body, list):
        for one in body:
            yield from _languages(one)


def check_type_first(body: Any) -> None:
    """Raise the bare error for an object of a definition whose `@odata.type` is not its first property."""
    if isinstance(body, Mapping):
        if "@odata.type" in body and next(iter(body)) != "@odata.type":
            raise ServiceError(500, "0x80040216", "An unexpected error occurred.")
        for value in body.values():
            check_type_first(value)
    elif isinstance(body, list):
        for one in body:
            check_type_first(one)
