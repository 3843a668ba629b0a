"""Sentences about a decision: which fields took part in it, what was found, and what to do next. No Django."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from coupling.matching import compare
from coupling.matching.decisions import Decision, Result
from coupling.rows import DELETED_HERE, Criterion


class SearchedField(NamedTuple):
    """One field of a priority with the value that a record has in it. note: why the value meets no row, where known."""

    criterion: Criterion
    caption: str
    value: Any
    note: str = ""

    @property
    def why_not(self) -> str:
        """Why it takes no part: "Name is blank"."""
        shown = str(self.value).strip() if self.value is not None else ""
        return f'{self.caption} is "{shown}", which counts as blank' if shown else f"{self.caption} is blank"


class Searched:
    """The fields of one priority for one record.

    used: those that took part, all where none has a value; blank: those that took none, blanks and placeholders.
    """

    __slots__ = ("blank", "fields", "used")

    def __init__(self, fields: Sequence[SearchedField]) -> None:
        self.fields = fields
        self.blank = [field for field in fields if compare.blank(field.criterion, field.value)]
        self.used = [field for field in fields if field not in self.blank] or fields if self.blank else fields

    def same(self) -> str:
        """Return what was compared: "City (Name is blank)"."""
        notes = [*(field.why_not for field in self.blank), *(field.note for field in self.used if field.note)]
        return captions(self.used) + (f" ({'; '.join(notes)})" if notes else "")


def captions(fields: Sequence[SearchedField]) -> str:
    """Return the captions of fields that are asked for together: "Name + City"."""
    return " + ".join(field.caption for field in fields)


def matched_on(searched: Searched) -> str:
    """Return on what a record was matched, where a field took no part; "" where all did."""
    if not searched.blank:
        return ""
    left_out = "; ".join(field.why_not for field in searched.blank)
    return f"Matched on {captions(searched.used)} alone: {left_out}."


def not_coupled(
    decision: Decision,
    searched: Searched,
    *,
    mapping: str,
    blank_is_no_match: bool,
    partner: str = "",
    outside: str = "",
) -> str:
    """Return why a record was not coupled, and what to do next, as one text.

    partner: the record that has the row; outside: a sentence about rows outside the filter that it would have matched.
    """
    same = searched.same()
    if decision.result is Result.MULTIPLE:
        return (
            f"{decision.row_count:,} rows in Dataverse have the same {same}, so none was chosen. Add a field that "
            "tells them apart, or merge the duplicates there."
        )
    if decision.result is Result.ALREADY_COUPLED:
        whom = (partner or "another record").removesuffix(".")
        fix = "Match on other fields, or check whether the two records here are duplicates."
        if partner == DELETED_HERE:
            fix = "Choose Release from Deleted Records, then couple it again."
        return f"The one row with the same {same} is already coupled to {whom}. {fix}"
    if all(tried.result is Result.BLANK for tried in decision.trail):
        return _without_value(searched, mapping, blank_is_no_match=blank_is_no_match)
    also = " (every priority was tried)" if len(decision.trail) > 1 else ""
    where = f"inside the filter of {mapping}" if outside else "in Dataverse"
    what_next = "Match on other fields, or create it there."
    if outside:
        what_next = f"{outside} Change them in Dataverse if they should take part, or match on other fields."
    return f"{_ended(f'No row {where} has the same {same}{also}')} {what_next}"


def _ended(sentence: str) -> str:
    """Return a sentence with its period; a caption at its end may have one ("Phone No.")."""
    return sentence if sentence.endswith(".") else f"{sentence}."


def _without_value(searched: Searched, mapping: str, *, blank_is_no_match: bool) -> str:
    """Return that a record has nothing to match on."""
    blank = captions(searched.blank)
    if blank_is_no_match and len(searched.blank) < len(searched.fields):
        return (
            f"The record has no value in {blank}, and {mapping} matches no blank values, so it was not matched on "
            f"{captions(searched.used)} either. Fill it in, or match on other fields."
        )
    placeholders = [field.why_not for field in searched.blank if str(field.value or "").strip()]
    noted = f" ({'; '.join(placeholders)})" if placeholders else ""
    return f"The record has no value in {blank} to match on{noted}. Fill it in, or match on other fields."
