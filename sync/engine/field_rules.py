"""The transformation rules as the rooms below know them: what there is, whether words can be used, what they make."""

import math
from collections.abc import Sequence
from typing import Any

from core.refusals import NotUsable
from coupling.mappings import transformations
from coupling.mappings.transformations import Step, Tables
from sync.rules.rule_errors import RuleFailed
from sync.rules.transformations import RULES, BadRule, Target, as_text, chain


def register() -> None:
    """Register the rules; called once, when the app loads."""
    transformations.register(transformations.Rules(RULES, check, trace))


def check(words: Sequence[str], tables: Tables) -> None:
    """Raise NotUsable for words that are no rules, or that name a look-up table that there is not."""
    try:
        chain(words, "text", tables)
    except BadRule as error:
        raise NotUsable(error.message, error.fix, field="rules") from None


def trace(words: Sequence[str], local_type: str, tables: Tables, value: Any, until: float = math.inf) -> list[Step]:
    """Return what a value is after each rule, for a destination of that type of field; ends where a rule fails.

    until: when it ends at the latest, as a rule that fails (of time.monotonic).

    Raises NotUsable as `check` does.
    """
    check(words, tables)
    targets: dict[str, Target] = {"number": "number", "integer": "number", "date": "date", "datetime": "date"}
    steps: list[Step] = []
    found = value
    try:
        for word, found in chain(words, targets.get(local_type, "text"), tables).steps(value, until):
            steps.append(Step(word, "" if found is None else as_text(found)))
    except RuleFailed as error:
        steps.append(Step(words[len(steps)], "", f"{error.why[:1].upper()}{error.why[1:]}. {error.fix}"))
    return steps
