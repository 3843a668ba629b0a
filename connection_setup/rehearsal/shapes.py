"""The shape of an answer, without its values, and where two shapes differ; pure.

A shape is JSON: a scalar is the kinds it was seen with, joined by "|"; an object is its properties; a list is a list
with the one shape of all its elements, or empty where nothing was in it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Shape = Any
"""A text of kinds, an object of shapes, or a list of one shape."""

_ID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
NOTHING = "nothing"
"""The kind of null: it goes with every other."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Where an answer is not as the stand-in's: the property's path, and both kinds; "missing" for none."""

    path: str
    expected: str
    found: str


def shape_of(value: Any) -> Shape:
    """Return the shape of an answer. No value of it is kept."""
    if isinstance(value, dict):
        return {str(name): shape_of(one) for name, one in sorted(value.items())}
    if isinstance(value, list):
        shapes = [shape_of(one) for one in value]
        merged = shapes[0] if shapes else None
        for one in shapes[1:]:
            merged = _merge(merged, one)
        return [] if not shapes else [merged]
    return _kind(value)


def _kind(value: Any) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes or no"
    if isinstance(value, int | float):
        return "number"
    text = str(value)
    if _ID.fullmatch(text):
        return "id"
    if _MOMENT.fullmatch(text):
        return "moment"
    return "day" if _DAY.fullmatch(text) else "text"


def _merge(one: Shape, two: Shape) -> Shape:
    """Return the shape that both fit: an object's property that one of them lacks may be nothing."""
    if isinstance(one, dict) and isinstance(two, dict):
        return {
            name: _merge(one.get(name, NOTHING), two.get(name, NOTHING)) for name in sorted(one.keys() | two.keys())
        }
    if isinstance(one, list) and isinstance(two, list):
        return [_merge(one[0], two[0])] if one and two else one or two
    if isinstance(one, str) and isinstance(two, str):
        return "|".join(sorted(set(one.split("|")) | set(two.split("|"))))
    return two if one == NOTHING else one


def differences(expected: Shape, found: Shape, path: str = "") -> Iterator[Difference]:
    """Yield where an answer is not as expected: what is missing, and what is of another kind.

    What the answer has beyond it is no difference, nor is null, nor a list that is empty on one side.
    """
    if NOTHING in (expected, found):
        return
    if isinstance(expected, dict) and isinstance(found, dict):
        for name, shape in expected.items():
            inner = f"{path}.{name}" if path else name
            if name not in found:
                if not _may_be_missing(name, shape):
                    yield Difference(inner, _words(shape), "missing")
                continue
            yield from differences(shape, found[name], inner)
    elif isinstance(expected, list) and isinstance(found, list):
        if expected and found:
            yield from differences(expected[0], found[0], f"{path}[]")
    elif isinstance(expected, str) and isinstance(found, str):
        more = set(found.split("|")) - set(expected.split("|")) - {NOTHING}
        # An id, a moment and a day are texts that happen to look like one.
        if more - ({"id", "moment", "day"} if "text" in expected else set()):
            yield Difference(path, expected, found)
    else:
        yield Difference(path, _words(expected), _words(found))


def _may_be_missing(name: str, shape: Shape) -> bool:
    """Return whether a property may be left out: it was null somewhere, or is an annotation of paging."""
    kinds = shape.split("|") if isinstance(shape, str) else ()
    return NOTHING in kinds or name in {"@odata.nextLink", "@odata.count"}


def _words(shape: Shape) -> str:
    if isinstance(shape, dict):
        return "an object"
    return "a list" if isinstance(shape, list) else str(shape)
