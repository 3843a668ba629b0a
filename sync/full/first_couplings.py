"""What a preview of a full synchronization says of lines that couple by their criteria first: their own numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.words import counted
from coupling.couplings.preview_store import stopped_by
from coupling.matching.previewed import Found
from coupling.models import CouplingPreview
from sync.full.preview_job import StoredLine

COUPLES_FIRST = "Couples by its criteria first"


@dataclass(frozen=True, slots=True)
class FirstCoupling:
    """What matching by the criteria of a line gives. brake: why nothing of it would be coupled."""

    coupled: int
    left: int
    brake: str = ""

    @property
    def text(self) -> str:
        """In words: "Couples 214 records by its criteria first, 67 stay uncoupled"."""
        stay = f", {self.left:,} {'stays' if self.left == 1 else 'stay'} uncoupled" if self.left else ""
        return f"Couples {counted(self.coupled, 'record')} by its criteria first{stay}"


def couplings_of(lines: Sequence[StoredLine]) -> dict[int, FirstCoupling]:
    """Return what the previews of these lines' couplings found, by their jobs; one that is still made is missing."""
    ids = [line.coupling_preview for line in lines if line.coupling_preview is not None]
    kept = CouplingPreview.objects.filter(pk__in=ids, complete=True) if ids else ()
    return {one.pk: _found(one) for one in kept}


def brake_of(line: StoredLine, first: Mapping[int, FirstCoupling]) -> str:
    """Return why a brake stops what a line couples; "" where none does, or it is not known yet."""
    found = first.get(line.coupling_preview or 0)
    return found.brake if found is not None else ""


def _found(preview: CouplingPreview) -> FirstCoupling:
    numbers = preview.numbers
    coupled = int(numbers.get(Found.COUPLE, 0))
    left = sum(int(numbers.get(found, 0)) for found in (Found.NEW, Found.NEAR, Found.SEVERAL, Found.TAKEN))
    return FirstCoupling(coupled, left, stopped_by(preview))
