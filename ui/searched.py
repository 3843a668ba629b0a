"""What stands above and below a table of a page's own: the search, and the links to other pages of what was found."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

MOST_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """A filter: what is chosen of (value, caption) pairs; "" is everything."""

    name: str
    label: str
    value: str
    options: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Search:
    """A search form. id: of the search field, and the beginning of the filter's; hint: what is searched by."""

    id: str
    label: str
    url: str
    text: str
    hint: str
    filter: Choice | None = None


@dataclass(frozen=True, slots=True)
class Pages:
    """Which page of what was found is shown. label: of what; url: the address of another page by its number."""

    label: str
    number: int
    last: int
    size: int
    url: Callable[[int], str]

    @classmethod
    def of(cls, label: str, wanted: str, count: int, size: int, url: Callable[[int], str]) -> Self:
        """Return the page that was asked for, or the nearest there is."""
        last = max(1, -(-count // size))
        number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 8 else 1
        return cls(label, min(max(1, number), last), last, size, url)

    @property
    def shown(self) -> slice:
        """Return which of what was found stand on the page."""
        return slice((self.number - 1) * self.size, self.number * self.size)

    @property
    def previous(self) -> str:
        """Return the address of the page before, "" on the first."""
        return self.url(self.number - 1) if self.number > 1 else ""

    @property
    def next(self) -> str:
        """Return the address of the page behind, "" on the last."""
        return self.url(self.number + 1) if self.number < self.last else ""


def searched_text(given: Mapping[str, str]) -> str:
    """Return what is searched for: the field q."""
    return str(given.get("q", "")).replace("\x00", "").strip()[:MOST_CHARACTERS]
