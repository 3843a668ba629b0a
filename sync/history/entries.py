"""The entries of the timeline on a record's card."""

from dataclasses import dataclass, field
from datetime import datetime

from ui.kit import Link, Status


@dataclass(frozen=True, slots=True)
class Written:
    """A field of an entry: caption, before, after; where it is put back, and what the link is called for those who
    hear it.
    """

    caption: str
    before: str
    after: str
    url: str = ""
    label: str = ""
    new: bool = False
    """Whether the record or row was created with it: there is no before."""


@dataclass(slots=True)
class Entry:
    """What one job did to the record on one side, or another event in its life."""

    at: datetime
    title: str
    icon: str
    job: Link | None = None
    look: str = ""
    """"there": it came from Dataverse; "warn": nothing was written."""
    status: Status | None = None
    notes: list[str] = field(default_factory=list)
    fields: list[Written] = field(default_factory=list)

    @property
    def note(self) -> str:
        """What stands before the job."""
        text = ", ".join(filter(None, self.notes))
        return f"{text}," if text and self.job is not None else text
