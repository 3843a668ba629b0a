"""Syntax tree of a $filter."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant. `kind` is null, bool, number, string, guid or date; the value of a date is its text."""

    kind: str
    value: str | bool | Decimal | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """A property, of the row itself or of one that its lookups lead to."""

    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """`left operator right`."""

    operator: str
    left: Path
    right: Literal | Path


@dataclass(frozen=True, slots=True)
class TextFunction:
    """The function contains, startswith or endswith."""

    function: str
    path: Path
    value: Literal


@dataclass(frozen=True, slots=True)
class QueryFunction:
    """A query function such as Microsoft.Dynamics.CRM.In, with its values as they were written."""

    function: str
    path: Path
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quantified:
    """`collection/any(x:...)` or `all`; the condition is None in `any()`."""

    function: str
    collection: str
    variable: str
    condition: "Expression | None"


@dataclass(frozen=True, slots=True)
class Not:
    """True where the condition is false."""

    condition: "Expression"


@dataclass(frozen=True, slots=True)
class And:
    """True where all conditions are."""

    conditions: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """True where at least one condition is."""

    conditions: "tuple[Expression, ...]"


Expression = Compare | TextFunction | QueryFunction | Quantified | Not | And | Or
