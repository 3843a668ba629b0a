"""What the page People sends: a choice for each person and company, beside what was shown. No Django.

A choice comes as role-PERSON-COMPANY, what was shown as was-PERSON-COMPANY; COMPANY is the company's id or "all".
"""

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from accounts.decisions import CHOICES

ALL = "all"
MOST_CELLS = 2_000
"""How many cells of one request are read at most."""


class Cell(NamedTuple):
    """A person in a company. company: its id, None for all companies."""

    person: int
    company: int | None

    @property
    def name(self) -> str:
        """Return what its fields are called after their first word."""
        return f"{self.person}-{ALL if self.company is None else self.company}"


class Change(NamedTuple):
    """Another choice than the one that was shown."""

    cell: Cell
    was: str
    choice: str


def cells_of(names: Collection[str]) -> Iterator[Cell]:
    """Yield the cells that fields are about."""
    for name in list(names)[:MOST_CELLS]:
        word, _, rest = name.partition("-")
        person, _, company = rest.partition("-")
        if word == "role" and _is_id(person) and (company == ALL or _is_id(company)):
            yield Cell(int(person), None if company == ALL else int(company))


def changes_in(given: Mapping[str, str]) -> list[Change]:
    """Return the choices that differ from what was shown; what is no choice is left out."""
    found = []
    for cell in cells_of(list(given)):
        choice, was = given[f"role-{cell.name}"], given.get(f"was-{cell.name}", "")
        if choice in CHOICES and was in CHOICES and choice != was:
            found.append(Change(cell, was, choice))
    return found


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16
