"""What a request asked and who asked it, and whom and what the service's words about a refusal name; pure.

Shapes: MicrosoftDocs/powerapps-docs (bulk-operations), MarkMpn's privilege debugger, and reports of real environments.
"""

import re
from dataclasses import dataclass
from uuid import UUID

GUID = r"([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})"
_USER = re.compile(
    rf"(?:Principal (?:user|team) \(Id=|Principal with id |user with id |CallingUser: |User: |UserId: |User with ID )"
    rf"{GUID}"
)
_PRIVILEGE = re.compile(r"\b(prv[A-Za-z]\w*)")
_TABLE = re.compile(r"(?:for entity '|of entity |in the )(\w+)")
_RECORD = re.compile(rf"(?:record with id |ObjectID: |of the record is ){GUID}")
_DEFINITION = re.compile(r"/?(Entity|Relationship|GlobalOptionSet)Definitions\b")
_PATH_ROW = re.compile(rf"^/?\w+\({GUID}\)")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked and who asked it: `own` is the caller's user id, None while it is not known."""

    method: str = "GET"
    path: str = ""
    own: UUID | None = None
    person: bool = False
    """Whether a person who signed in asks, not the application by itself."""

    @property
    def row(self) -> str:
        """The id of the row that the address names; "" for none."""
        found = _PATH_ROW.match(self.path)
        return found.group(1).lower() if found else ""

    @property
    def defines(self) -> bool:
        """Whether a definition is made or changed: a table, a column, a relationship, a choice."""
        return self.method != "GET" and bool(_DEFINITION.match(self.path))

    @property
    def caller(self) -> str:
        """The caller as a sentence names it."""
        return "The user who signed in" if self.person else "The application user"


@dataclass(frozen=True, slots=True)
class Named:
    """What a refusal names; "" for what it does not."""

    user: str = ""
    privilege: str = ""
    table: str = ""
    record: str = ""


def read_named(said: str) -> Named:
    """Return whom and what the service's words name."""

    def first(pattern: re.Pattern[str]) -> str:
        found = pattern.search(said)
        return found.group(1) if found else ""

    return Named(first(_USER).lower(), first(_PRIVILEGE), first(_TABLE), first(_RECORD).lower())
