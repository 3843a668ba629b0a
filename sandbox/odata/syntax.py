"""What the parser makes of a $filter."""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: kind is null, bool, number, string, guid or date (`value` of a date is its text)."""

    kind: str
    value: str | bool | Decimal | None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """A property, perhaps of a row that a lookup leads to."""

    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Compare:
    """`left operator right`."""

    operator: str
    left: Path
    right: Literal | Path


@dataclass(frozen=True, slots=True)
class Text:
    """contains, startswith or endswith."""

    function: str
    path: Path
    value: Literal


@dataclass(frozen=True, slots=True)
class Query:
    """A query function such as Microsoft.Dynamics.CRM.In; its values as they were written."""

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
    """The opposite."""

    condition: "Expression"


@dataclass(frozen=True, slots=True)
class And:
    """All of them."""

    conditions: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """One of them at least."""

    conditions: "tuple[Expression, ...]"


Expression = Compare | Text | Query | Quantified | Not | And | Or
