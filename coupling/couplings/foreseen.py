"""What synchronization would do to the pairs of a preview, told by the room above that decides it (`tell_by`).

The preview's job asks at its end, of the first pairs alone: both sides of these in full, which matching does not read.
Its page asks only for pairs behind those.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import msgspec
from django.core.cache import cache

from core.refusals import Refusal
from core.words import counted
from coupling.couplings.preview_store import PreviewRecords
from coupling.job_parameters import CouplingParameters
from coupling.matching.previewed import Found, PreviewedRecord
from coupling.models import CouplingPreview, IntegrationTableMapping
from dataverse.errors import DataverseError

LOOKED_AT = 500
"""Pairs of a preview that its job looks at: one request finds their rows."""
KNOWN_S = 120
"""Seconds for which what a page found is known."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What would become of a pair: the fields written there and here, how many conflict, or why it is left.

    blanked: how many of those written get a blank; fails: the reason's caption, where the pair would fail.
    """

    there: tuple[str, ...] = ()
    here: tuple[str, ...] = ()
    conflicts: int = 0
    why: str = ""
    blanked: int = 0
    fails: str = ""

    @property
    def text(self) -> str:
        """What a list says of it: "2 fields", "none"."""
        if self.fails:
            return "would fail"
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
    """What was found of pairs, by the record's 16 bytes; problem: why nothing was, in words."""

    by_record: dict[bytes, Foreseen] = field(default_factory=dict)
    problem: str = ""

    @property
    def all(self) -> Collection[Foreseen]:
        """What was found of each."""
        return self.by_record.values()

    @property
    def blanked(self) -> int:
        """How many fields would be blanked."""
        return sum(one.blanked for one in self.all)

    @property
    def failures(self) -> Counter[str]:
        """How many pairs would fail, by the reason's caption."""
        return Counter(one.fails for one in self.all if one.fails)

    def of(self, one: PreviewedRecord) -> Foreseen | None:
        """Return what would become of a record's pair; None where it was not looked at."""
        return self.by_record.get(one.local_id)

    def pack(self) -> bytes:
        """Return it as a preview keeps it."""
        return msgspec.msgpack.encode(self)


def kept_of(preview: CouplingPreview) -> ForeseenPairs:
    """Return what the preview's job found of its first pairs."""
    return msgspec.msgpack.decode(preview.foreseen, type=ForeseenPairs) if preview.foreseen else ForeseenPairs()


def foresee_first(preview: CouplingPreview) -> ForeseenPairs:
    """Return what would become of a preview's first pairs: asked once, by its job, as all else that it found."""
    return _foresee(preview, [row.record for row in PreviewRecords(preview, (Found.COUPLE,))[0:LOOKED_AT]])


def foresee(preview: CouplingPreview, shown: Sequence[PreviewedRecord]) -> ForeseenPairs:
    """Return what would become of pairs of a preview behind its first ones, known for a while."""
    key = f"coupling.foreseen.{preview.pk}"
    known = ForeseenPairs(cache.get(key) or {})
    if not (missing := [one for one in shown if one.local_id not in known.by_record]):
        return known
    found = _foresee(preview, missing)
    known.by_record.update(found.by_record)
    cache.set(key, known.by_record, KNOWN_S)
    return ForeseenPairs(known.by_record, found.problem)


def _foresee(preview: CouplingPreview, records: Sequence[PreviewedRecord]) -> ForeseenPairs:
    pairs = [(UUID(bytes=one.local_id), UUID(bytes=one.rows[0].id)) for one in records if one.rows]
    if not _tellers or not pairs or preview.mapping.uid_kind == "option":
        return ForeseenPairs()
    asked = CouplingParameters.load(preview.job.parameters)
    try:
        told = _tellers[0](preview.mapping, asked, pairs)
    except (Refusal, DataverseError) as error:
        return ForeseenPairs(problem=error.message)
    gone = Foreseen(why="Either side is gone.")
    return ForeseenPairs({local_id.bytes: told.get(local_id, gone) for local_id, _ in pairs})
