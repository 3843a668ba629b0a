"""Matching criteria: those a mapping offers, those stored on it, and those given for one run."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from core.refusals import NotUsable, Refusal
from core.vocabulary import CompareAs
from coupling import local_records
from coupling.matching.match import Group, group_by_priority
from coupling.models import IntegrationFieldMapping, IntegrationTableMapping
from coupling.rows import Criterion
from masterdata.catalog import LocalField


class NoCriteria(Refusal):
    """Match-based coupling without a field to match on."""

    def __init__(self, mapping: str) -> None:
        super().__init__(
            "no_criteria",
            f"No field of {mapping} is chosen to match on, so nothing was coupled.",
            "Choose at least one under Match on this Field on the page Select Coupling Criteria, then run the coupling "
            "again.",
        )


class BadCriteria(NotUsable):
    """Criteria that name a field the mapping does not have, or that cannot be compared."""


def available_criteria(mapping: IntegrationTableMapping) -> list[IntegrationFieldMapping]:
    """Return the field mappings that can be matched on: any status and direction, no constants."""
    return [field for field in mapping.fields.all() if field.field and field.integration_field and not field.constant]


def stored_criteria(mapping: IntegrationTableMapping) -> list[Criterion]:
    """Return the criteria stored on the mapping."""
    return [to_criterion(field) for field in available_criteria(mapping) if field.use_for_match]


def to_criterion(field: IntegrationFieldMapping) -> Criterion:
    """Return a field mapping as the criterion stored on it."""
    return Criterion(
        field.field, field.integration_field, field.match_priority, field.case_sensitive, CompareAs(field.compare_as)
    )


def adapt_to_field_type(given: Criterion, field: LocalField) -> Criterion:
    """Return the criterion with the comparison of its field's type: numbers and dates compare by value."""
    if given.compare_as is not CompareAs.TEXT:
        return given
    by_type = {"number": CompareAs.NUMBER, "integer": CompareAs.NUMBER, "date": CompareAs.DATE}
    return Criterion(
        given.local, given.integration, given.priority, given.case_sensitive, by_type.get(field.type, CompareAs.TEXT)
    )


def parse_criteria(mapping: IntegrationTableMapping, words: Iterable[str]) -> list[Criterion]:
    """Return criteria from a command line's words, FIELD[=COLUMN][:PRIORITY][:cs][:as=HOW].

    COLUMN: which of several columns a field is mapped to. Several criteria may stand in one text, with blanks between
    them, as `to_words` writes them. Without `as` a field is compared as its mapping says. Raises BadCriteria.
    """
    known: dict[str, list[IntegrationFieldMapping]] = {}
    for field in available_criteria(mapping):
        known.setdefault(field.field, []).append(field)
    found: list[Criterion] = []
    for word in (part for text in words for part in text.split() or [text]):
        parts = re.fullmatch(r"([^:=]+)(?:=([^:]+))?(?::(\d+))?(?::(cs))?(?::as=(\w+))?", word.strip())
        if parts is None or parts[5] not in (None, *CompareAs):
            raise BadCriteria(
                f"{word!r} is not a criterion.",
                "Write FIELD, or FIELD=COLUMN, with :PRIORITY, :cs and :as=HOW behind it where wanted, in this "
                f"order; HOW is {', '.join(CompareAs)}.",
            )
        field = _named(mapping, known, parts[1], parts[2])
        found.append(
            Criterion(
                field.field,
                field.integration_field,
                int(parts[3] or 0),
                bool(parts[4]),
                CompareAs(parts[5] or field.compare_as),
            )
        )
    return found


def _named(
    mapping: IntegrationTableMapping,
    known: Mapping[str, Sequence[IntegrationFieldMapping]],
    name: str,
    column: str | None,
) -> IntegrationFieldMapping:
    """Return the field mapping that a word names; the column where the field has several. Raises BadCriteria."""
    fields = known.get(name)
    if fields is None:
        raise BadCriteria(f"{mapping.name} has no field {name!r} to match on.", f"It has {', '.join(sorted(known))}.")
    found = [one for one in fields if column in (None, one.integration_field)]
    if len(found) == 1:
        return found[0]
    columns = " and ".join(one.integration_field for one in fields)
    if not found:
        raise BadCriteria(f"{name} is not mapped to {column} in {mapping.name}.", f"It is mapped to {columns}.")
    raise BadCriteria(
        f"{name} is mapped to {columns} in {mapping.name}, and {name!r} does not say which is meant.",
        f"Write {name}={found[0].integration_field}, for one of them.",
    )


def to_words(mapping: IntegrationTableMapping, given: Iterable[Criterion]) -> str:
    """Return criteria as `parse_criteria` reads them, in one text: "phone_no:as=phone name:1 city:1"."""
    stored = {(field.field, field.integration_field): field.compare_as for field in available_criteria(mapping)}
    mapped = Counter(local for local, _ in stored)
    return " ".join(
        one.local
        + (f"={one.integration}" if mapped[one.local] > 1 else "")
        + (f":{one.priority}" if one.priority else "")
        + (":cs" if one.case_sensitive else "")
        + (f":as={one.compare_as}" if one.compare_as != stored.get((one.local, one.integration)) else "")
        for one in given
    )


def check_criteria(mapping: IntegrationTableMapping, given: Sequence[Criterion]) -> list[Criterion]:
    """Return the criteria where they fit the mapping. Raises NoCriteria, BadCriteria."""
    if not given:
        raise NoCriteria(mapping.name)
    pairs = {(field.field, field.integration_field) for field in available_criteria(mapping)}
    for one in given:
        if (one.local, one.integration) not in pairs:
            raise BadCriteria(
                f"{mapping.name} has no field mapping between {one.local!r} and {one.integration!r} to match on.",
                "Choose the fields again on the page Select Coupling Criteria.",
            )
    return list(given)


def to_json(given: Iterable[Criterion]) -> list[dict[str, Any]]:
    """Return the criteria as JSON values."""
    return list(msgspec.to_builtins(list(given)))


def from_json(written: Any) -> list[Criterion]:
    """Return the criteria that `to_json` wrote. Raises msgspec.ValidationError."""
    return msgspec.convert(written, list[Criterion])


def group_criteria(mapping: IntegrationTableMapping, given: Iterable[Criterion]) -> list[Group]:
    """Return the criteria by priority, each compared as its local field's type asks. Raises local_records.Unusable."""
    return group_by_priority(adapt_to_field_type(one, local_records.get_field(mapping, one.local)) for one in given)


def readable(mapping: IntegrationTableMapping, given: Sequence[Criterion]) -> str:
    """Return the criteria in order, as a person reads them: "Phone No., then Name + City"."""
    return ", then ".join(group_caption(mapping, group) for group in group_by_priority(given))


def sentence_end(words: str) -> str:
    """Return words with the full stop of a sentence; captions such as "Phone No." have one already."""
    return words if words.endswith(".") else f"{words}."


def group_caption(mapping: IntegrationTableMapping, group: Group) -> str:
    """Return the captions of one priority's fields: "Name + City"."""
    return " + ".join(field_caption(mapping, one.local) for one in group.criteria)


def field_caption(mapping: IntegrationTableMapping, name: str) -> str:
    """Return the caption of a local field; its name where the field is gone."""
    try:
        return local_records.get_field(mapping, name).caption
    except local_records.Unusable:
        return name
