"""What this room registers with those below: Tell Me entries."""

from core.roles import Can
from ui.registry import Entry, tell_me


def register() -> None:
    """Register everything; called once, when the app loads."""
    for entry in _ENTRIES:
        tell_me(entry)


_ENTRIES = (
    Entry(
        "People",
        "accounts:people",
        group="Administration",
        also=("Users", "Roles", "Rights per company", "Permissions"),
        needs=Can.ADMINISTER,
    ),
    Entry(
        "Role Changes",
        "accounts:changes",
        group="Administration",
        also=("Who gave which role", "Audit of roles"),
        needs=Can.ADMINISTER,
    ),
)
