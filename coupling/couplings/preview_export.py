"""A preview as CSV: every record of a tab, with the values compared."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from core import spreadsheets
from coupling.couplings.preview_list import PreviewList
from coupling.couplings.preview_store import FoundRecord
from coupling.matching.criteria import group_caption
from coupling.matching.previewed import Found

_HEAD = (
    "Outcome", "Ticked", "No.", "Name", "Dataverse Row", "Matched by", "Here", "In Dataverse", "Will change",
    "Why", "Candidates", "Dataverse Row ID", "Record ID",
)  # fmt: skip
_OUTCOMES = {
    Found.COUPLE: "Couple",
    Found.NEW: "No match",
    Found.NEAR: "Likely duplicate",
    Found.SEVERAL: "Several matches",
    Found.TAKEN: "Already coupled",
    Found.LEFT_OUT: "Left out",
}


def csv_lines(shown: PreviewList, text: str) -> Iterator[str]:
    """Yield the records of a list as CSV. text: what is searched for."""
    records = shown.records.searched(text) if text else shown.records
    yield from spreadsheets.csv_lines(_HEAD, (_line(shown, row) for row in records))


def _line(shown: PreviewList, row: FoundRecord) -> Sequence[str]:
    one, found = row.record, row.found
    coupled = found is Found.COUPLE
    compared = found is not Found.LEFT_OUT
    return (
        _OUTCOMES[found], "Yes" if row.ticked else "", one.key, one.name, one.row.name if one.row is not None else "",
        group_caption(shown.mapping, shown.groups[one.group]) if coupled else "",
        shown.here(one) if compared else "", shown.there(one).text if compared else "",
        shown.will(one) if coupled and not shown.preview.is_carried_out else "", shown.why(one),
        "" if coupled else shown.candidates(one),
        str(UUID(bytes=one.row.id)) if one.row is not None else "", str(row.local_id),
    )  # fmt: skip
