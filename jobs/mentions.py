"""Other companies that a text mentions: only who has a role in one reads its name, and the record there.

What is stored names none of them: the text says HIDDEN in the place of each, and the mentions are kept beside it, in
that order. A Reader puts the names in when the text is shown, so whatever shows it without one names nobody.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from masterdata.visible_companies import companies_for

HIDDEN = "another company of this installation"
_MARK = re.compile("\x1f([0-9]+)\x1f")


class Mention(NamedTuple):
    """A company that a text mentions, and the record there that it is about ("S1 Shared Works"), "" for none."""

    company_id: int
    record: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return it as the detail of an outcome keeps it."""
        return {"company": self.company_id, "record": self.record}

    @classmethod
    def from_json(cls, stored: Any) -> "Mention | None":
        """Return what the detail of an outcome keeps; None for anything else."""
        if not isinstance(stored, Mapping) or not isinstance(stored.get("company"), int):
            return None
        return cls(stored["company"], str(stored.get("record") or ""))


class Text(NamedTuple):
    """A text that names no other company, and the mentions in it in their order."""

    text: str
    mentions: tuple[Mention, ...] = ()

    def detail(self) -> dict[str, Any]:
        """Return what is kept of the mentions in the detail of an outcome; nothing where there are none."""
        return {"mentions": [one.to_json() for one in self.mentions]} if self.mentions else {}


def mark(company_id: int) -> str:
    """Return what stands for a company in a text that is still put together; see `take_marks`."""
    return f"\x1f{company_id}\x1f"


def take_marks(text: str) -> Text:
    """Return the text with HIDDEN in the place of each mark, and what was marked."""
    return Text(_MARK.sub(HIDDEN, text), tuple(Mention(int(found)) for found in _MARK.findall(text)))


class Reader:
    """Somebody who reads texts that mention companies. names: of those whose names they read, by id."""

    def __init__(self, names: Mapping[int, str] | None = None) -> None:
        self._given = names

    @cached_property
    def names(self) -> Mapping[int, str]:
        """Return the names of the companies in which the reader has a role; nobody in particular has none."""
        return self._given or {}

    def read(self, text: str, mentions: Iterable[Mention]) -> str:
        """Return the text with the names that the reader may read, and the records there."""
        first, *rest = text.split(HIDDEN)
        known = [*mentions][: len(rest)]
        shown = [self._describe(one) for one in known] + [HIDDEN] * (len(rest) - len(known))
        return first + "".join(name + part for name, part in zip(shown, rest, strict=True))

    def _describe(self, mention: Mention) -> str:
        name = self.names.get(mention.company_id)
        if name is None:
            return HIDDEN
        return f"{name}, where it is coupled to {mention.record}" if mention.record else name

    def read_outcome(self, message: str, detail: Any) -> tuple[str, Any]:
        """Return the message and the detail of an outcome as the reader sees them, without the mentions."""
        if not isinstance(detail, Mapping):
            return message, detail
        shown = {name: value for name, value in detail.items() if name != "mentions"}
        mentions = _mentions(detail.get("mentions"))
        if isinstance(candidates := detail.get("candidates"), list):
            shown["candidates"] = [self.read_candidate(one) for one in candidates]
        return self.read(message, mentions) if mentions else message, shown

    def read_candidate(self, candidate: Any) -> Any:
        """Return a Dataverse row that came into question, with whom it is coupled to as the reader sees it."""
        if not isinstance(candidate, Mapping) or "mention" not in candidate:
            return candidate
        shown = {name: value for name, value in candidate.items() if name != "mention"}
        mention = Mention.from_json(candidate["mention"])
        name = self.names.get(mention.company_id) if mention is not None else None
        if mention is not None and name is not None:
            shown["coupled_to"] = f"{mention.record} in {name}" if mention.record else name
        return shown

    def read_rows(self, rows: Iterable[Any]) -> None:
        """Have rows of outcomes, which are not saved afterwards, carry what the reader sees."""
        for row in rows:
            row.message, row.detail = self.read_outcome(row.message, row.detail)


NOBODY = Reader()
"""A reader who has no role in any company: what is shown to nobody in particular."""


class PersonReading(Reader):
    """A person, by their roles as they are now; None: a command without --user, which acts with all rights."""

    def __init__(self, person: Any) -> None:
        super().__init__()
        self._person = person

    @cached_property
    def names(self) -> Mapping[int, str]:
        """Return the names of the companies in which the person has a role, asked for when first needed."""
        return {company.pk: str(company) for company in companies_for(self._person)}


def _mentions(stored: Any) -> Sequence[Mention]:
    """Return the mentions that are kept; one that cannot be read keeps its place and names nobody."""
    found = stored if isinstance(stored, list) else []
    return [Mention.from_json(one) or Mention(0) for one in found]
