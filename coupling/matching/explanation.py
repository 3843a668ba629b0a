"""Sentences about a decision: which fields took part in it, what was found, and what to do next. No Django."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from coupling.matching import compare, near_misses
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


def will_be_created(*, of_choices: bool) -> str:
    """Return the sentence that a record without a match is created in Dataverse, as a row or as a choice."""
    return f"A new {'choice' if of_choices else 'row'} will be created in Dataverse."


def not_coupled(
    decision: Decision,
    searched: Searched,
    *,
    mapping: str,
    blank_is_no_match: bool,
    partner: str = "",
    outside: str = "",
    near: str = "",
    closest: str = "",
    noun: str = "row",
) -> str:
    """Return why a record was not coupled, and what to do next, as one text.

    noun: what was searched, a row or a choice; partner: the record that has the row; outside: a sentence about rows
    outside the filter that it would have matched; near: one about a row that it nearly matches; closest: one about the
    row that is closest to it.
    """
    same = searched.same()
    if decision.result is Result.MULTIPLE:
        return (
            f"{decision.row_count:,} {noun}s in Dataverse have the same {same}, so none was chosen. Add a field that "
            "tells them apart, or merge the duplicates there."
        )
    if decision.result is Result.ALREADY_COUPLED:
        whom = (partner or "another record").removesuffix(".")
        fix = "Match on other fields, or check whether the two records here are duplicates."
        if partner == DELETED_HERE:
            fix = "Choose Release from Deleted Records, then couple it again."
        return f"The one {noun} with the same {same} is already coupled to {whom}. {fix}"
    if all(tried.result is Result.BLANK for tried in decision.trail):
        return _without_value(searched, mapping, blank_is_no_match=blank_is_no_match)
    also = " (every priority was tried)" if len(decision.trail) > 1 else ""
    where = f"inside the filter of {mapping}" if outside else "in Dataverse"
    what_next = "Match on other fields, or create it there."
    if outside:
        what_next = f"{outside} Change them in Dataverse if they should take part, or match on other fields."
    elif near:
        what_next = f"{near} Correct the one that is wrong, and couple again."
    elif closest:
        what_next = (
            f"{closest} If it is the same, write it alike on both sides and couple again; else match on other fields, "
            "or create it there."
        )
    return f"{_ended(f'No {noun} {where} has the same {same}{also}')} {what_next}"


def nearly_matched(searched: Searched, values: Sequence[Any]) -> str:
    """Return in what a row differs from a record as a near miss (coupling.matching.near_misses); "" for none.

    values: the row's, field by field of `searched`.
    """
    told = []
    for field, value in zip(searched.fields, values, strict=True):
        if field not in searched.used:
            continue
        told.append(near_misses.sentence(
            field.caption, field.value, value, case_sensitive=field.criterion.case_sensitive
        ))  # fmt: skip
    return f"{'; '.join(filter(None, told))}." if any(told) else ""


def closest_row(searched: Searched, values: Sequence[Any]) -> str:
    """Return the value of the closest row, by the first field that is compared as text. See nearly_matched."""
    for field, value in zip(searched.fields, values, strict=True):
        if near_misses.has_near_misses([field.criterion]):
            told = near_misses.closest_sentence(field.caption, field.value, value)
            return f"{told}." if told else ""
    return ""


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
