"""Which field of a local table goes with which column of a Dataverse table, and what does not fit. Pure.

Names, labels and types decide; of fields that those leave over, the values of some records and rows.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from enum import Enum
from itertools import product

from core.refusals import NotUsable
from core.vocabulary import Direction
from coupling.filters import COMPANY_COLUMN
from coupling.mappings.field_checks import (
    Pair,
    can_be_mapped,
    check_pair,
    length_note,
    needs_value,
    second_sources,
    widest_direction,
)
from coupling.mappings.value_samples import ValueSamples
from coupling.matching.comparable import LOOKUPS
from dataverse.types import ColumnInfo, TableName
from masterdata.catalog import LocalField, LocalTable

SURE = 90
"""From this score on a proposal needs no second look, where nothing is to be noted about it."""
_ALIKE = 0.85
"""How much of two names must be the same for them to be spelled nearly alike."""
_CALLED_ALIKE = 0.7
"""How much of two tables' names must be the same for one to be offered first."""
_SAME_VALUES = 60
"""Percent of values that have to be the same for a pair to be proposed by them alone."""
_SHORTEST = 5
"""Letters below which names that are nearly alike say nothing."""
_KEPT_BY_DATAVERSE = frozenset({
    "createdon", "modifiedon", "createdby", "modifiedby", "createdonbehalfby", "modifiedonbehalfby", "ownerid",
    "owningbusinessunit", "owninguser", "owningteam", "versionnumber", "importsequencenumber", "overriddencreatedon",
    "timezoneruleversionnumber", "utcconversiontimezonecode", "exchangerate", "statecode", "statuscode",
    COMPANY_COLUMN,
})  # fmt: skip
"""Columns that Dataverse or this program fills; who wants one of them mapped chooses it."""
_OTHER_WORDS: Sequence[frozenset[str]] = [
    frozenset(words.split())
    for words in (
        "number no nr num",
        "phone phonenumber phoneno telephone telephone1 telephonenumber mainphone businessphone",
        "mobilephone mobilephoneno mobile cellphone mobilenumber",
        "fax faxno faxnumber",
        "email emailaddress emailaddress1 mail",
        "homepage website websiteurl url webpage",
        "address street street1 line1 address1line1 address1 address1street1",
        "address2 street2 line2 address1line2 address1street2",
        "city town address1city",
        "postcode postalcode zip zipcode zippostalcode address1postalcode address1zippostalcode",
        "county state stateorprovince stateprovince address1stateorprovince address1stateprovince",
        "countryregioncode countryregion country countrycode address1country address1countryregion",
        "startingdate startdate starton startson start validfrom",
        "endingdate enddate endon endson end validto expirydate expireson expiresat",
        "quantity qty",
        "currency currencycode transactioncurrency",
        "blocked inactive",
        "surname lastname familyname",
        "firstname givenname",
        "description details",
    )
]


class Why(Enum):
    """What speaks for a pair: how much, and in words."""

    NAME_AND_LABEL = (98, "same name and label")
    NAME = (95, "same name")
    LABEL = (93, "same label")
    CROSSWISE = (90, "the name of one is the label of the other")
    OTHER_WORD = (80, "another word for the same")
    CALLED = (75, "what people know a record by on both sides")
    LEADS_TO = (70, "leads to the rows that its records are coupled with")
    VALUES = (60, "the same values")
    SPELLED = (50, "spelled nearly alike")

    @property
    def score(self) -> int:
        """How much it speaks for the pair, of 100."""
        return self.value[0]

    @property
    def label(self) -> str:
        """It in words."""
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Sides:
    """Both tables. coupled: by the name of a local table, the Dataverse tables whose rows mappings couple with it."""

    fields: Sequence[LocalField]
    title: str
    table: str
    columns: Mapping[str, ColumnInfo]
    primary_id: str
    primary_name: str
    direction: Direction = Direction.BIDIRECTIONAL
    coupled: Mapping[str, Collection[str]] = field(default_factory=dict)

    def pair(self, one: LocalField | None, column: ColumnInfo | None, direction: Direction, constant: str = "") -> Pair:
        """Return a field and a column as the checks take them."""
        return Pair(one, column, direction, constant, lookup_ready=self.lookup_ready(one, column))

    def lookup_ready(self, one: LocalField | None, column: ColumnInfo | None) -> bool:
        """Return whether a lookup leads to rows that the records which a field names are coupled with."""
        if one is None or column is None or not (column.binds and one.references):
            return True
        return not set(self.coupled.get(one.references, ())).isdisjoint(column.binds)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A pair, what speaks for it, the way it can go, and what to know about it."""

    field: LocalField
    column: ColumnInfo
    why: Why
    direction: Direction
    notes: tuple[str, ...] = ()

    @property
    def is_sure(self) -> bool:
        """Whether it needs no second look."""
        return self.why.score >= SURE and not self.notes


@dataclass(frozen=True, slots=True)
class Proposals:
    """All pairs, in the order of the fields; sentences about what looks alike and does not fit."""

    pairs: tuple[Proposal, ...]
    unfit: tuple[str, ...]


def propose(sides: Sides, samples: ValueSamples | None = None) -> Proposals:
    """Return the pairs that fit best: each field and each column at most once. samples: values of both sides."""
    alike = _by_values(sides, samples) if samples is not None else ()
    found = sorted([*_candidates(sides), *alike], key=lambda one: (-one[0].score, one[1], one[2]))
    fields = list(sides.fields)
    taken_fields: set[int] = set()
    taken_columns: set[str] = set()
    pairs: list[tuple[int, Proposal]] = []
    unfit: dict[int, str] = {}
    for why, at, name in found:
        if at in taken_fields or name in taken_columns:
            continue
        one, column = fields[at], sides.columns[name]
        direction, problem = fitting_direction(sides, one, column)
        if direction is None:
            if why.score >= SURE:
                unfit.setdefault(at, f"{one.caption} and {column.label or name} ({name}), {why.label}: {problem}")
            continue
        taken_fields.add(at)
        taken_columns.add(name)
        pairs.append((at, Proposal(one, column, why, direction, notes_of(sides, one, column, direction))))
    ordered = sorted(pairs, key=lambda one: one[0])
    return Proposals(
        tuple(one for _, one in ordered), tuple(text for at, text in sorted(unfit.items()) if at not in taken_fields)
    )


def _by_values(sides: Sides, samples: ValueSamples) -> Iterator[tuple[Why, int, str]]:
    """Yield the pairs of texts whose values are the same for the most part."""
    columns = [one for name, one in sides.columns.items() if one.type == "String" and name not in _KEPT_BY_DATAVERSE]
    for at, one in enumerate(sides.fields):
        for column in columns if one.type in ("text", "code") else ():
            share = samples.same(one, column)
            if share is not None and share.percent >= _SAME_VALUES:
                yield Why.VALUES, at, column.name


def fitting_direction(sides: Sides, one: LocalField, column: ColumnInfo) -> tuple[Direction | None, str]:
    """Return the widest way that a pair can go within the mapping's, or None and why it cannot go any."""
    if not can_be_mapped(column):
        return None, f"{column.label or column.name} holds {column.type} values, which cannot be synchronized."
    wanted = [sides.direction]
    if sides.direction == Direction.BIDIRECTIONAL:
        widest = widest_direction(sides.pair(one, column, sides.direction), sides.direction)
        wanted = list(dict.fromkeys([widest, Direction.TO, Direction.FROM]))
    problem = ""
    for direction in wanted:
        try:
            check_pair(sides.pair(one, column, direction), sides.direction)
        except NotUsable as error:
            problem = problem or error.message
            continue
        return direction, ""
    return None, problem


def notes_of(sides: Sides, one: LocalField, column: ColumnInfo, direction: Direction) -> tuple[str, ...]:
    """Return what a person should know about a pair that fits: lengths, choices without partner, one way only."""
    notes = [_length_note(sides, one, column, direction), _choices_note(one, column, direction)]
    if sides.direction == Direction.BIDIRECTIONAL and direction != sides.direction:
        notes.insert(0, _one_way_note(sides, one, column, direction))
    return tuple(filter(None, notes))


def _length_note(sides: Sides, one: LocalField, column: ColumnInfo, direction: Direction) -> str:
    if not length_note(sides.pair(one, column, direction)):
        return ""
    return f"{one.max_length} characters here, {column.max_length} there: records with longer values fail."


def _one_way_note(sides: Sides, one: LocalField, column: ColumnInfo, direction: Direction) -> str:
    try:
        check_pair(sides.pair(one, column, Direction.BIDIRECTIONAL), sides.direction)
    except NotUsable as error:
        return f"Goes {direction.label.lower()} alone: {error.message}"
    return ""


def _choices_note(one: LocalField, column: ColumnInfo, direction: Direction) -> str:
    if one.type != "choice" or not column.choices or column.type == "Boolean" or direction == Direction.FROM:
        return ""
    there = {plain(label) for label in column.choices.values()} | {str(value) for value in column.choices}
    missing = [label for value, label in one.choices if value and not there & {plain(label), value}]
    if not missing:
        return ""
    return f"{', '.join(missing)} {'has' if len(missing) == 1 else 'have'} no choice of that name in {column.name}."


def required_and_missing(sides: Sides, mapped: Collection[str]) -> list[ColumnInfo]:
    """Return the columns that a new row must have a value in and that get none. mapped: columns that get one."""
    if sides.direction == Direction.FROM:
        return []
    return [
        column
        for name, column in sides.columns.items()
        if needs_value(column) and name not in mapped and name != sides.primary_id and name not in _KEPT_BY_DATAVERSE
    ]  # fmt: skip


def clashes(chosen: Sequence[Pair]) -> dict[int, str]:
    """Return sentences, by place, about pairs that write where one before them writes already."""
    found: dict[int, str] = {}
    rows = [
        (one.field.name if one.field else "", one.column.name if one.column else "", one.direction) for one in chosen
    ]
    for one in second_sources(rows):
        pair, other = chosen[one.at], chosen[one.before]
        captions = (pair.column_caption, other.local_caption)
        if one.side == "field":
            captions = (pair.local_caption, other.column_caption)
        found[one.at] = "{} gets its value from {} already.".format(*captions)
    return found


def nearest_tables(table: LocalTable, known: Sequence[TableName], most: int = 3) -> list[TableName]:
    """Return the tables of Dataverse that are called most like a local table, the best first; none for none."""
    own = {plain(one) for one in (table.name, table.caption, table.caption_plural)}

    def likeness(one: TableName) -> float:
        words = {plain(bare_name(one.name)), plain(one.label), plain(one.plural)} - {""}
        return max((SequenceMatcher(None, first, second).ratio() for first, second in product(own, words)), default=0)

    found = sorted(((likeness(one), one) for one in known), key=lambda pair: (-pair[0], pair[1].name))
    return [one for score, one in found[:most] if score >= _CALLED_ALIKE]


# -- what looks alike -------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Return a name or label without case, spaces and punctuation."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def bare_name(logical_name: str) -> str:
    """Return a logical name without its publisher's prefix: number of new_number, but address1_city as it is."""
    found = re.match(r"(?!address\d)[a-z][a-z0-9]{1,7}_(?=.)", logical_name)
    return logical_name[found.end() :] if found else logical_name


def _candidates(sides: Sides) -> Iterator[tuple[Why, int, str]]:
    """Yield every pair that something speaks for: why, the field's place, the column's name."""
    columns = {
        name: column
        for name, column in sides.columns.items()
        if name not in _KEPT_BY_DATAVERSE and name != sides.primary_id and not name.endswith("_base")
    }
    words = {
        name: (_column_words(sides, bare_name(name), column), _column_words(sides, column.label, column))
        for name, column in columns.items()
    }
    for at, one in enumerate(sides.fields):
        whole, named = ((_local_words(one.name, of_row), _local_words(one.caption, of_row)) for of_row in (False, True))
        for name, column in columns.items():
            names_row = bool(one.references) and column.type in LOOKUPS
            own = named if names_row else whole
            why = _alike(*own, *words[name]) or _by_meaning(sides, one, column)
            holds_key = bool(one.references) and not names_row  # Vendor No. is spelled like Vendor, and is no name
            if why is None and not holds_key and _spelled_alike({*own}, words[name][0] | words[name][1]):
                why = Why.SPELLED
            if why is not None:
                yield why, at, name


def _alike(local_name: str, caption: str, names: set[str], labels: set[str]) -> Why | None:
    """Return what the words for both sides say."""
    if local_name in names:
        return Why.NAME_AND_LABEL if caption in labels else Why.NAME
    if caption in labels:
        return Why.LABEL
    if local_name in labels or caption in names:
        return Why.CROSSWISE
    here, there = {local_name, caption}, names | labels
    return Why.OTHER_WORD if any(words & here and words & there for words in _OTHER_WORDS) else None


def _by_meaning(sides: Sides, one: LocalField, column: ColumnInfo) -> Why | None:
    if one.name == sides.title and column.name == sides.primary_name:
        return Why.CALLED
    return Why.LEADS_TO if _leads_to(sides, one, column) else None


def _spelled_alike(here: set[str], there: set[str]) -> bool:
    for first, second in product(here, there):
        shorter, both = min(len(first), len(second)), len(first) + len(second)
        if shorter < _SHORTEST or 2 * shorter < _ALIKE * both:
            continue
        if SequenceMatcher(None, first, second).ratio() >= _ALIKE:
            return True
    return False


def _local_words(text: str, names_row: bool) -> str:
    """Return a name or caption of a field, plain. names_row: without what says that it holds the key of a record."""
    words = plain(text)
    return re.sub(r"(?<=.)(number|code|no|id)$", "", words) if names_row else words


def _column_words(sides: Sides, text: str, column: ColumnInfo) -> set[str]:
    """Return a name or label of a column, plain, and without the table's own name before it; none for no text."""
    words = plain(text)
    if column.type in LOOKUPS:
        words = re.sub(r"(?<=.)id$", "", words)
    own = plain(bare_name(sides.table))
    found = {words, words.removeprefix(own) if words.startswith(own) else words}
    return found - {""}


def _leads_to(sides: Sides, one: LocalField, column: ColumnInfo) -> bool:
    """Return whether a lookup is the only one that leads to the rows which a reference's records are coupled with."""
    wanted = set(sides.coupled.get(one.references, ())) if one.references else set()
    if column.type not in LOOKUPS or wanted.isdisjoint(column.binds):
        return False
    others = (
        other.name
        for other in sides.columns.values()
        if other.type in LOOKUPS and not wanted.isdisjoint(other.binds) and other.name not in _KEPT_BY_DATAVERSE
    )
    return list(others) == [column.name]
