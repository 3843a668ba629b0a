"""How transformation rules say what is wrong: with a rule, or with one value. No Django, no HTTP."""

MAX_RESULT = 1_048_576
"""Characters of the longest text that a rule may make: what a column in Dataverse holds at most."""


class Unreadable(ValueError):
    """What is wrong with what stands behind a rule's equals sign, as the end of a sentence."""


class RuleFailed(Exception):
    """A rule that does not work for one value. `why`: the end of a sentence about it; `fix`: what to do next."""

    def __init__(self, why: str, fix: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.fix = fix or "Correct the value, or change the rules on Integration Field Mapping List."


def out_of_time() -> RuleFailed:
    """Return what a rule fails with whose time was up before its own bound."""
    return RuleFailed("was not done when the time for the whole trial was up", "Make the patterns simpler.")


def check_length(length: int) -> None:
    """Raise RuleFailed before a text is made that is longer than any column."""
    if length > MAX_RESULT:
        raise RuleFailed(f"would make {length:,} characters of it, more than a column of Dataverse takes")
