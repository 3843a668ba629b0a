"""What an integration table mapping, and a set of its criteria, may be called. No Django."""

LONGEST = 40
LONGEST_SET, MOST_SETS = 60, 100
"""Of a criteria set's name, and of a mapping's sets: a list on a page, not a store of data."""


def problem_of(name: str) -> tuple[str, str]:
    """Return why a mapping cannot be called so, and what to do; blank where it can."""
    if not name.strip():
        return "The mapping has no name.", "Give it one that says what it maps."
    if len(name) > LONGEST:
        return (
            f"A mapping cannot be called {name[:80]!r}: the name has {len(name)} characters.",
            f"Give the mapping one of at most {LONGEST}.",
        )
    if "/" in name or not name.isprintable() or name != name.strip() or not any(one.isalnum() for one in name):
        return f"A mapping cannot be called {name!r}.", "Use letters and digits, with spaces or dashes between."
    return "", ""


def problem_of_set(name: str) -> tuple[str, str]:
    """Return why a criteria set cannot be called so, and what to do; blank where it can."""
    if not name:
        return "A criteria set has a name, so nothing was saved.", "Write one."
    if len(name) > LONGEST_SET or not name.isprintable() or name != " ".join(name.split()):
        return (
            f"A criteria set cannot be called {name[:80]!r}, so nothing was saved.",
            f"Use at most {LONGEST_SET} characters, none of them invisible.",
        )
    return "", ""
