"""Scan or probe: whether to read the whole Dataverse table, or to ask for the few rows that may match. No Django.

The cost is the number of requests. A probe must find every row that a scan would have matched, so its filters are wide
(they find a little more) and the matcher compares exactly afterwards; where no such filter can be said, all is scanned.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

from core.vocabulary import CompareAs
from coupling.matching import compare, probe_texts
from coupling.matching.match import Group
from coupling.matching.placeholders import visible
from coupling.rows import Criterion
from dataverse import odata

PAGE_SIZE = 5000
ROWS_IF_UNKNOWN = 100_000
"""Rows that a table of unknown size is taken to have: the service counts to 5000."""
MAX_PROBED_RECORDS = 2000
"""Records that filters are made for; for more of them the table is scanned."""
NO_COUNTERPART = "\x02no counterpart\x02"
"""Precedes a value that has no counterpart in Dataverse: it is a value, and no row has it."""
_MAX_CONDITIONS, _MAX_LENGTH = 300, 20_000
"""Conditions and encoded characters of one filter; Dataverse takes 500 conditions and an address of 32,000."""
_OR = "%20or%20"
_MOST_APART = 4
"""Filters up to which each priority is asked for by itself."""
_FEW_RECORDS = 25
"""Up to so many are asked for by all that tells them apart; more of them by what takes few characters."""
_RUN = re.compile(r"[A-Za-z0-9]{3,}")


@dataclass(frozen=True, slots=True)
class Countries:
    """Where phone numbers without a prefix belong: the field with a record's own country, and the company's country."""

    field: str = ""
    own: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the Dataverse rows are read: scan (all, in pages) or probe (by these filters); requests: the estimate."""

    kind: str
    requests: int
    filters: tuple[str, ...] = ()


def choose_plan(wanted: Sequence[str] | None, rows: int | None) -> Plan:
    """Return the cheaper plan.

    wanted: the probe's filters, None where it cannot be asked; rows: how many the table has inside the integration
    filter, None for 5000 or more.
    """
    pages = -(-max(ROWS_IF_UNKNOWN if rows is None else rows, 1) // PAGE_SIZE)
    if wanted is not None and len(wanted) <= pages:
        return Plan("probe", len(wanted), tuple(wanted))
    return Plan("scan", pages)


def probe_filters(
    groups: Sequence[Group],
    records: Sequence[Mapping[str, Any]],
    column_types: Mapping[str, str],
    countries: Countries = Countries(),
) -> list[str] | None:
    """Return the $filter texts that find every row any of the records can match; None where no filters can.

    records: local field -> value (lookups as the id of the coupled row); column_types: Dataverse column -> its type;
    countries: where phone numbers belong.
    """
    texts: list[str] = []
    of_all: dict[str, None] = {}
    room = _MAX_LENGTH if len(records) <= _FEW_RECORDS else _MAX_LENGTH // 10
    for group in groups:
        canonical = {one: compare.canonical_column(one, countries.own) for one in group.criteria}
        terms: dict[str, None] = {}
        for record in records:
            filled = [one for one in group.criteria if canonical[one]([record[one.local]]) != [""]]
            if not filled or any(_has_no_counterpart(record[one.local]) for one in filled):
                continue
            found = [_term(criterion, record, column_types, countries) for criterion in filled]
            term = _together([one for one in found if one is not None], room)
            if term is None:
                return None
            terms[term] = None
        texts += _pack_terms(list(terms))
        of_all |= terms
    # By one column each a filter finds its rows soonest; of very many columns together they cost fewer requests.
    return texts if len(texts) <= _MOST_APART else _pack_terms(list(of_all))


def _together(conditions: Sequence[str], room: int) -> str | None:
    """Return the filter that conditions hold: all, or of those on texts the shortest that have room; None for none.

    Each of them finds every row that is wanted, so that any of them may be left out.
    """
    texts = sorted((one for one in conditions if "with(" in one or "contains(" in one), key=len)
    kept = [one for one in conditions if one not in texts]
    left = room - len(quote(odata.all_of(*kept)))
    for at, one in enumerate(texts):
        length = len(quote(one)) + len(_OR)
        if length > (left if at or kept else _MAX_LENGTH) and (at or length > _MAX_LENGTH):
            break
        kept.append(one)
        left -= length
    return odata.all_of(*kept) if kept else None


def near_filters(
    groups: Sequence[Group], records: Sequence[Mapping[str, Any]], column_types: Mapping[str, str]
) -> list[str]:
    """Return the $filter texts that find most rows whose text nearly is a record's: by its first run of plain letters.

    A text without such a run is not asked for. See probe_filters for the arguments.
    """
    terms: dict[str, None] = {}
    for group in groups:
        texts = [one for one in group.criteria if one.compare_as in (CompareAs.TEXT, CompareAs.COMPANY_NAME)]
        for criterion in texts[:1]:
            if column_types.get(criterion.integration) not in {"String", "Memo"}:
                continue
            for record in records:
                value = record[criterion.local]
                if isinstance(value, str) and not compare.blank(criterion, value) and not _has_no_counterpart(value):
                    terms |= dict.fromkeys(_near_terms(criterion.integration, visible(value).strip()))
    return _pack_terms(list(terms))


def _near_terms(column: str, value: str) -> list[str]:
    run = _RUN.search(value.replace("ss", " ").replace("SS", " "))
    if run is None:
        return []
    return [odata.startswith(column, run[0]) if value.startswith(run[0]) else odata.contains(column, run[0])]


def _pack_terms(terms: list[str]) -> list[str]:
    packed: list[str] = []
    part: list[str] = []
    length = conditions = 0
    for term in terms:
        own = term.count(" eq ") + term.count("with(") + term.count("contains(")
        takes = len(quote(term)) + len(_OR)
        if part and (conditions + own > _MAX_CONDITIONS or length + takes > _MAX_LENGTH):
            packed.append(odata.any_of(*part))
            part, length, conditions = [], 0, 0
        part.append(term)
        length += takes
        conditions += own
    return [*packed, odata.any_of(*part)] if part else packed


def _has_no_counterpart(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(NO_COUNTERPART)


def _term(
    criterion: Criterion, record: Mapping[str, Any], column_types: Mapping[str, str], countries: Countries
) -> str | None:
    """Return a filter that finds every row equal to a record under the criterion, and few others; None for none."""
    value, column = record[criterion.local], criterion.integration
    kind = column_types.get(column, "")
    if kind in {"Lookup", "Customer", "Owner", "Uniqueidentifier"}:
        try:
            identity = UUID(str(value))
        except ValueError:
            return None
        return odata.eq(column if kind == "Uniqueidentifier" else odata.lookup(column), identity)
    if kind in {"Integer", "BigInt", "Decimal", "Double", "Money", "Picklist", "State", "Status", "Boolean"}:
        return odata.eq(column, value) if not isinstance(value, str) else None
    if kind not in {"String", "Memo"} or not isinstance(value, str):
        return None
    if criterion.compare_as is CompareAs.PHONE:
        return probe_texts.phone(column, value, record.get(countries.field), countries.own)
    if criterion.compare_as is CompareAs.COMPANY_NAME:
        return probe_texts.company_name(column, value)
    if criterion.compare_as is CompareAs.EMAIL:
        return probe_texts.email(column, value)
    return probe_texts.text(column, value) if criterion.compare_as is CompareAs.TEXT else None
