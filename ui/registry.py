"""What upper rooms add to the shell, filled while their apps load: Tell Me entries, cues, sections, menus, columns."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from core.roles import Can
from ui.kit import Cue, FactBox, Notice, Table


@dataclass(frozen=True, slots=True)
class Entry:
    """A page or action that Tell Me finds by its title or one of its other names.

    `url_name` is reversed with the company's slug as keyword `company` when `per_company`.
    """

    title: str
    url_name: str
    group: str = "Pages"
    also: Sequence[str] = ()
    needs: Can = Can.READ
    per_company: bool = True
    query: str = ""
    navigation: int | None = None
    """Its place in the main navigation; None keeps it out."""
    arguments: Sequence[tuple[str, str]] = ()
    """Further keywords of the address."""


@dataclass(frozen=True, slots=True)
class Found:
    """A record that Tell Me found."""

    title: str
    url: str
    group: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RoleCenterPart:
    """What a room shows on the role center.

    attention: what a person should see to, and what is well (state ok), which one line says; tables: each with its
    title; boxes: beside them.
    """

    attention: Sequence[Cue] = ()
    tables: Sequence[tuple[str, Table]] = ()
    boxes: Sequence[FactBox] = ()


PartProvider = Callable[[HttpRequest, Any], RoleCenterPart]
RecordProvider = Callable[[HttpRequest, Any, str], Iterable[Found]]
BoxProvider = Callable[[HttpRequest, Any, Any, Any], FactBox | None]
SectionProvider = Callable[[HttpRequest, Any, Any, Any], tuple[str, dict[str, Any]] | None]


@dataclass(slots=True)
class _Registry:
    entries: list[Entry] = field(default_factory=list)
    parts: list[tuple[int, PartProvider]] = field(default_factory=list)
    status: list[Callable[[HttpRequest, Any], Any]] = field(default_factory=list)
    entry_sources: list[Callable[[], Iterable[Entry]]] = field(default_factory=list)
    notices: list[Callable[[HttpRequest, Any], Notice | None]] = field(default_factory=list)
    list_notices: list[Callable[[HttpRequest, Any], Notice | None]] = field(default_factory=list)
    record_finders: list[RecordProvider] = field(default_factory=list)
    record_boxes: list[BoxProvider] = field(default_factory=list)
    record_sections: list[SectionProvider] = field(default_factory=list)
    company_source: Callable[[Any], Iterable[Any]] = field(default=lambda _: ())

    def all_entries(self) -> list[Entry]:
        """Return every entry: those made known one by one, and those of the sources."""
        return [*self.entries, *(entry for source in self.entry_sources for entry in source())]


registry = _Registry()


def tell_me(entry: Entry) -> None:
    """Make a page findable."""
    if entry not in registry.entries:
        registry.entries.append(entry)


def tell_me_source(source: Callable[[], Iterable[Entry]]) -> None:
    """Make pages findable that are only known once every app has loaded."""
    registry.entry_sources.append(source)


def role_center_part(provider: PartProvider, *, position: int = 100) -> None:
    """Add a room's part to the role center; the provider gets the request and the company."""
    registry.parts.append((position, provider))
    registry.parts.sort(key=lambda part: part[0])


def role_center_status(provider: Callable[[HttpRequest, Any], Any]) -> None:
    """Name what tells the connection's state (a Status, or None) in the role center's head."""
    registry.status.append(provider)


def role_center_notice(provider: Callable[[HttpRequest, Any], Notice | None]) -> None:
    """Add what the role center says above its cues while there is something to say: the first step of a new company."""
    registry.notices.append(provider)


def list_notice(provider: Callable[[HttpRequest, Any], Notice | None]) -> None:
    """Add what every list of a company says above its rows while there is something to say."""
    registry.list_notices.append(provider)


def companies(source: Callable[[Any], Iterable[Any]]) -> None:
    """Name where the shell gets the companies from that a user may see; each has a name and a slug."""
    registry.company_source = source


def record_box(provider: BoxProvider) -> None:
    """Add a fact box to the card of a record, above those of the card: the provider gets the request, the company, the
    table and the record.
    """
    registry.record_boxes.append(provider)


def record_section(provider: SectionProvider) -> None:
    """Add a section below the values on the card of a record: the provider gets the request, the company, the table and
    the record, and answers a template of its room with what that shows, or None.
    """
    registry.record_sections.append(provider)


def find_records(provider: RecordProvider) -> None:
    """Let Tell Me find records: the provider gets the request, the company and the text, and gives a few hits."""
    registry.record_finders.append(provider)
