"""A filter typed as JSON, read strictly: what is no JSON is named with its place. No Django."""

import json
import math
from typing import Any, NoReturn

from coupling.filters.tree import BadFilter


def read_json(text: str) -> Any:
    """Return the value of a JSON text. Raises BadFilter."""
    try:
        return json.loads(text, object_pairs_hook=_one_of_each, parse_constant=_refuse_word, parse_float=_finite)
    except json.JSONDecodeError as error:
        rest = text[error.pos :].split(maxsplit=1)
        where = f"{rest[0][:40]!r} at character {error.pos + 1}" if rest else "its end"
        raise BadFilter(f"The filter is no JSON: {error.msg} before {where}.") from None
    except RecursionError:
        raise BadFilter("The filter is no JSON that can be read: it nests too deep.") from None
    except ValueError:  # a number of thousands of digits
        raise BadFilter("The filter has a number that is too long.") from None


def _one_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise BadFilter(f"A part of the filter has {name[:80]!r} twice.")
        found[name] = value
    return found


def _refuse_word(word: str) -> NoReturn:
    raise BadFilter(f"The filter is no JSON: {word} is no number.")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise BadFilter(f"The filter has a number that is too large: {text[:40]}.")
    return number
