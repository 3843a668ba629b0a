"""What holds back a record or row that is outside a filter, in words. No Django, no HTTP."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from coupling.rows import Condition


@dataclass(frozen=True, slots=True)
class ColumnWords:
    """What people call a column, and its choices."""

    caption: str
    choices: Mapping[Any, str] = field(default_factory=dict)

    def value(self, value: Any) -> str:
        """Return a value as a sentence shows it."""
        if value is None or value == "":
            return "blank"
        if isinstance(value, bool):
            return self.choices.get(value) or ("Yes" if value else "No")
        return self.choices.get(value) or str(value)


def describe(
    unmet: Sequence[Condition], value_of: Callable[[str], Any], words_of: Callable[[str], ColumnWords], taker: str
) -> str:
    """Return what holds a record or row outside the filter: "Blocked is All (CUSTOMER takes blank)".

    taker: whose filter it is.
    """
    return ", ".join(_describe(one, value_of(one.column), words_of(one.column), taker) for one in unmet)


def _describe(condition: Condition, value: Any, words: ColumnWords, taker: str) -> str:
    wanted = condition.value if isinstance(condition.value, list) else [condition.value]
    named = " or ".join(words.value(one) for one in wanted)
    takes = f"takes all but {named}" if condition.operator == "ne" else f"takes {named}"
    return f"{words.caption} is {words.value(value)} ({taker} {takes})"
