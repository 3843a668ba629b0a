"""A filter as a tree of conditions: read from its stored form, written back. No Django.

Stored as JSON: {"all": [...]}, {"any": [...]} or {"field", "op", "value"}, a group inside a group once; {} is every
record. A condition may carry a "label", the words that pages show for its value.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.refusals import NotUsable
from core.vocabulary import Word
from coupling.filters.fields import Kind

RESET = "Choose Use Default Synchronization Setup for this mapping on Integration Table Mappings."
"""What to do about a stored filter that cannot be used."""
MAX_VALUES = 500
"""Values that one filter may compare with: an address has no room for more, nor has SQLite's stack."""


class Operator(Word):
    """How a condition compares; the label stands between field and value."""

    EQ = "eq", "is"
    NE = "ne", "is not"
    LT = "lt", "is less than"
    LE = "le", "is at most"
    GT = "gt", "is more than"
    GE = "ge", "is at least"
    IN = "in", "is one of"
    NOT_IN = "not_in", "is none of"
    BEGINS_WITH = "begins_with", "begins with"
    CONTAINS = "contains", "contains"
    BLANK = "blank", "is blank"
    NOT_BLANK = "not_blank", "is not blank"


LISTS = frozenset({Operator.IN, Operator.NOT_IN})
ORDERS = frozenset({Operator.LT, Operator.LE, Operator.GT, Operator.GE})
TEXTS = frozenset({Operator.BEGINS_WITH, Operator.CONTAINS})
BLANKS = frozenset({Operator.BLANK, Operator.NOT_BLANK})


class BadFilter(NotUsable):
    """A filter that cannot be used."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison. kind: of the field's values, ANY until the field is known; `value` is of that kind then."""

    field: str
    op: str
    value: Any = None
    label: str = ""
    kind: Kind = Kind.ANY

    @property
    def values(self) -> list[Any]:
        """The values that it compares with: none for blank and not_blank."""
        if self.op in BLANKS:
            return []
        return list(self.value) if self.op in LISTS else [self.value]


@dataclass(frozen=True, slots=True)
class Group:
    """Several parts. every: all of them must hold, or else any of them; without parts it holds for every record."""

    every: bool
    parts: "tuple[Node, ...]"


Node = Condition | Group
EVERYTHING = Group(every=True, parts=())
"""The filter of every record."""


def all_of(*nodes: Node) -> Node:
    """Return the filter that all of these hold."""
    parts: list[Node] = []
    for node in nodes:
        parts += node.parts if isinstance(node, Group) and node.every else [node]
    return parts[0] if len(parts) == 1 else Group(every=True, parts=tuple(parts))


def conditions(node: Node) -> Iterator[Condition]:
    """Yield all conditions of a filter, in order."""
    if isinstance(node, Condition):
        yield node
    else:
        for part in node.parts:
            yield from conditions(part)


def field_names(node: Node) -> list[str]:
    """Return the fields that a filter looks at, each once."""
    return list(dict.fromkeys(condition.field for condition in conditions(node)))


def changed(node: Node, change: Callable[[Condition], Condition]) -> Node:
    """Return the filter with each condition replaced by what `change` makes of it."""
    if isinstance(node, Condition):
        return change(node)
    return replace(node, parts=tuple(changed(part, change) for part in node.parts))


def parse(stored: Any) -> Node:
    """Return the tree of a stored filter. Raises BadFilter, which names what cannot be read."""
    if stored == {}:
        return EVERYTHING
    node = _node(stored, depth=0)
    count = sum(max(1, len(condition.values)) for condition in conditions(node))
    if count > MAX_VALUES:
        raise BadFilter(f"The filter compares with {count:,} values; it may compare with {MAX_VALUES:,}.", RESET)
    return node


def dump(node: Node) -> dict[str, Any]:
    """Return the stored form of a filter that was parsed and not resolved since."""
    if isinstance(node, Group):
        return {"all" if node.every else "any": [dump(part) for part in node.parts]} if node.parts else {}
    stored: dict[str, Any] = {"field": node.field, "op": str(node.op)}
    if node.op not in BLANKS:
        stored["value"] = node.value
    if node.label:
        stored["label"] = node.label
    return stored


def _node(stored: Any, depth: int) -> Node:
    if not isinstance(stored, Mapping):
        raise BadFilter(f"A filter condition cannot be read: {_short(stored)}.", RESET)
    joints = [word for word in ("all", "any") if word in stored]
    if not joints:
        return _condition(stored)
    others = [word for word in stored if word != joints[0]]
    if others:
        raise BadFilter(f"A group of a filter has {joints[0]!r} alone, but here {_short(others[0])} too.", RESET)
    return _group(joints[0], stored[joints[0]], depth)


def _group(word: str, parts: Any, depth: int) -> Node:
    if not isinstance(parts, list):
        raise BadFilter(f"The group {word!r} of a filter needs a list of conditions, not {_short(parts)}.", RESET)
    if not parts:
        if word == "all" and depth == 0:
            return EVERYTHING
        raise BadFilter(f"The group {word!r} of a filter has no conditions.", RESET)
    if depth > 1:
        raise BadFilter(
            f"A filter may have a group inside a group, but no deeper: the group {word!r} is at level {depth + 1}.",
            RESET,
        )
    return Group(every=word == "all", parts=tuple(_node(part, depth + 1) for part in parts))


def _condition(stored: Mapping[str, Any]) -> Condition:
    field, op = stored.get("field"), stored.get("op")
    if not isinstance(field, str) or not field or not isinstance(op, str):
        raise BadFilter(f"A filter condition cannot be read: {_short(dict(stored))}.", RESET)
    unknown = [word for word in stored if word not in ("field", "op", "value", "label")]
    if unknown:
        raise BadFilter(
            f"The filter on {_plain(field)} has a part {_short(unknown[0])}; a condition has field, op, value and "
            "label.",
            RESET,
        )
    if op not in Operator.values:
        raise BadFilter(
            f"The filter on {_plain(field)} uses {_short(op)}, which is not one of {', '.join(Operator.values)}.", RESET
        )
    label = stored.get("label", "")
    if not isinstance(label, str):
        raise BadFilter(f"The label of the filter on {_plain(field)} is no text: {_short(label)}.", RESET)
    return Condition(field, Operator(op), _value(_plain(field), Operator(op), stored), label)


def _value(field: str, op: Operator, stored: Mapping[str, Any]) -> Any:
    """Return the value of a condition; blank text counts as null."""
    value = stored.get("value")
    if op in BLANKS:
        if value is not None:
            raise BadFilter(f"The filter on {field} uses {str(op)!r}, which takes no value: {_short(value)}.", RESET)
        return None
    if "value" not in stored:
        raise BadFilter(f"The filter on {field} uses {str(op)!r} without a value.", RESET)
    if op in LISTS:
        if not isinstance(value, list) or not value:
            raise BadFilter(
                f"The filter on {field} uses {str(op)!r}, which needs a list of values, not {_short(value)}.", RESET
            )
        return [_scalar(field, one) for one in value]
    found = _scalar(field, value)
    if found is None and op not in (Operator.EQ, Operator.NE):
        raise BadFilter(f"The filter on {field} uses {str(op)!r} with a blank, which nothing is compared with.", RESET)
    return found


def _scalar(field: str, value: Any) -> Any:
    if value is not None and not isinstance(value, str | bool | int | float):
        raise BadFilter(f"The filter on {field} compares with {_short(value)}, which is no single value.", RESET)
    return None if isinstance(value, str) and not value.strip() else value


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _plain(name: str) -> str:
    """Return a name as sentences have it."""
    return name if name.isprintable() and len(name) <= 80 else _short(name)
