"""Transformation rules of field mappings: the look-up tables they name, and the door to the rules themselves.

The rules stand in the room above (sync.rules.transformations), which registers them here when its app loads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coupling.models import LookUpTable

Tables = Mapping[str, Mapping[str, str]]
"""Look-up tables: name -> what a value becomes."""


@dataclass(frozen=True, slots=True)
class Step:
    """A rule and what a value is after it, as text; `problem`: why the rule fails for the value."""

    rule: str
    value: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What the room above knows about rules.

    usages: name -> (caption, what stands behind the equals sign, what the value becomes); check: raises Refusal for
    words that are no rules; trace: what a value is after each rule, given the type of field that it goes to and when it
    has to end (of time.monotonic).
    """

    usages: Mapping[str, tuple[str, str, str]]
    check: Callable[[Sequence[str], Tables], None]
    trace: Callable[[Sequence[str], str, Tables, Any, float], list[Step]]


_registered: list[Rules] = []


def register(rules: Rules) -> None:
    """Let field mappings know the rules; called once, when the app loads."""
    _registered[:] = [rules]


def rules() -> Rules:
    """Return the rules there are."""
    return _registered[0]


def look_up_tables(company: Any) -> dict[str, dict[str, str]]:
    """Return the company's look-up tables by name."""
    return dict(LookUpTable.objects.filter(company=company).values_list("name", "rows"))


def check_rules(company: Any, words: Sequence[str]) -> None:
    """Raise Refusal with a sentence where these words are no rules that can be used."""
    if words:
        rules().check(words, look_up_tables(company))
