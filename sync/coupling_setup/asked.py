"""What the address or the form of Set Up Coupling asks for, kept from one request to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote
from uuid import UUID

from sync.coupling_setup.fields import Show
from sync.coupling_setup.services import NONE, WAYS
from ui.searched import searched_text

NEW = "new"
"""What stands for a row that does not exist yet."""
MOST_OF_NAME = 70
"""Characters of a mapping's name that are kept, more than any has: of a longer one no other takes the place."""
MOST, MOST_OF_BACK, MOST_OF_PAGE = 900, 4000, 7000
"""Characters that a word, the way back and a page's place may take in an address; Django redirects up to 16,384."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address or the form asks for: the search, the row chosen, the fields shown, where Cancel leads."""

    text: str | None = None
    everywhere: bool = False
    page: str = ""
    row: str = ""
    show: Show = Show.ALL
    initial: str = ""
    mapping: str = ""
    back: str = ""

    @classmethod
    def of(cls, given: Mapping[str, str], back: str) -> "Asked":
        """Return what a form or an address gives; back: where Cancel leads, proved to be a place of this site.

        What is longer than anything that this site writes there counts as not given: it would stand in addresses.
        """
        show = given.get("show", "")
        initial = given.get("initial", "")
        return cls(
            searched_text(given) if "q" in given else None,
            given.get("everywhere") == "1",
            _bounded(given.get("page", ""), MOST_OF_PAGE),
            _bounded(given.get("row", ""), MOST),
            Show(show) if show in [one.value for one in Show] else Show.ALL,
            initial if initial in (NONE, *WAYS) else "",
            given.get("mapping", "")[:MOST_OF_NAME],
            _bounded(back, MOST_OF_BACK),
        )

    @property
    def row_id(self) -> UUID | None:
        """The row that is chosen; None where none is."""
        try:
            return UUID(self.row)
        except ValueError:
            return None

    def query(self, **other: Any) -> dict[str, Any]:
        """Return it as the query of an address, with some of it in another way."""
        asked = replace(self, **other)
        # A blank search is one, too; a blank value would be left out of the address.
        text = " " if asked.text == "" else asked.text
        return {
            "q": text, "everywhere": "1" if asked.everywhere else "", "page": asked.page, "row": asked.row,
            "show": asked.show.value, "initial": asked.initial, "mapping": asked.mapping, "next": asked.back,
        }  # fmt: skip


def _bounded(text: str, most: int) -> str:
    return text if len(text) <= most and len(quote(text, safe="")) <= most else ""
