"""What this room registers with those below: Tell Me entries."""

from ui.registry import Entry, tell_me


def register() -> None:
    """Register everything; called once, when the app loads."""
    for entry in _ENTRIES:
        tell_me(entry)


_ENTRIES: tuple[Entry, ...] = ()
