"""What an integration table mapping may be called. No Django."""

LONGEST = 40


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
