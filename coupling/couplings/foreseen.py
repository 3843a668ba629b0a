"""What synchronization would do to the pairs of a preview, told by the room above that decides it (`tell_by`).

Read when the page is shown, of the first pairs alone: both sides of these in full, which the job does not read.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.core.cache import cache

from core.refusals import Refusal
from core.words import counted
from coupling.couplings.preview_store import PreviewRecords, PreviewTicks
from coupling.job_parameters import CouplingParameters
from coupling.matching.previewed import Found, PreviewedRecord
from coupling.models import CouplingPreview, IntegrationTableMapping
from dataverse.errors import DataverseError

LOOKED_AT = 500
"""Pairs of a preview that are looked at: one request finds their rows."""
KNOWN_S = 120
"""Seconds for which what was found is known."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of a pair: the fields written there and here, how many conflict, or why it is left."""

    there: tuple[str, ...] = ()
    here: tuple[str, ...] = ()
    conflicts: int = 0
    why: str = ""

    @property
    def text(self) -> str:
        """What a list says of it: "2 fields", "none"."""
        if self.why:
            return "left as it is"
        if self.conflicts:
            return counted(self.conflicts, "conflict")
        written = len(self.there) + len(self.here)
        return counted(written, "field") if written else "none"


Pairs = Sequence[tuple[UUID, UUID]]
Teller = Callable[[IntegrationTableMapping, CouplingParameters, Pairs], Mapping[UUID, Foreseen]]
"""Told of a mapping, what its coupling was asked for, and pairs (record, row): what becomes of each, by record. Raises
Refusal, DataverseError where Dataverse cannot be asked.
"""
_tellers: list[Teller] = []


def tell_by(teller: Teller) -> Teller:
    """Have what would become of pairs told by the room that decides it."""
    _tellers[:] = [teller]
    return teller


@dataclass(frozen=True, slots=True)
class ForeseenPairs:
    """What was found of pairs of a preview, and of its first ones alone; problem: why nothing was, in words."""

    by_record: Mapping[bytes, Foreseen] = field(default_factory=dict)
    first: Sequence[Foreseen] = ()
    problem: str = ""

    def of(self, one: PreviewedRecord) -> Foreseen | None:
        """Return what would become of a record's pair; None where it was not looked at."""
        return self.by_record.get(one.local_id)


def foresee(preview: CouplingPreview, ticks: PreviewTicks, shown: Sequence[PreviewedRecord] = ()) -> ForeseenPairs:
    """Return what would become of a preview's first pairs, and of those shown where they are others."""
    if not _tellers or preview.mapping.uid_kind == "option":
        return ForeseenPairs()
    key = f"coupling.foreseen.{preview.pk}"
    known, first = cache.get(key) or ({}, None)
    missing = [one for one in shown if one.rows and one.local_id not in known]
    if first is None:
        pairs = [row.record for row in PreviewRecords(preview, (Found.COUPLE,), ticks=ticks)[0:LOOKED_AT]]
        missing, first = [*missing, *pairs], [one.local_id for one in pairs]
    if missing:
        try:
            known = known | _tell(preview, missing)
        except (Refusal, DataverseError) as error:
            return ForeseenPairs(problem=error.message)
        cache.set(key, (known, first), KNOWN_S)
    return ForeseenPairs(known, [known[local_id] for local_id in first if local_id in known])


def _tell(preview: CouplingPreview, records: Sequence[PreviewedRecord]) -> dict[bytes, Foreseen]:
    """Return what would become of these pairs. Raises Refusal, DataverseError."""
    asked = CouplingParameters.load(preview.job.parameters)
    pairs = [(UUID(bytes=one.local_id), UUID(bytes=one.rows[0].id)) for one in records]
    told = _tellers[0](preview.mapping, asked, pairs)
    gone = Foreseen(why="Either side is gone.")
    return {one.local_id: told.get(UUID(bytes=one.local_id), gone) for one in records}
