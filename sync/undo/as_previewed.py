"""Carrying out a preview of an undo: what ends, and what stays because it is not as it was previewed."""

from collections.abc import Iterable, Sequence

from jobs.models import Reason
from sync.models import UndoPreview, UndoPreviewPart
from sync.rules.undoing import Stays, Why
from sync.undo.planning import End
from sync.undo.previewed import ENDS, FAILS, PreviewedPair, fingerprint, fingerprint_of, unpack_pairs
from sync.undo.reading import Made

_AGAIN = "Preview the undo again."
_VALUES_CHANGED = (
    "What would go back is not what the preview told any more, because a value of the pair changed since. So it stays "
    f"coupled as it is. {_AGAIN}"
)
_COULD_END = "By the preview it was to stay, and that has changed since. So it was left as it is. " + _AGAIN


class AsPreviewed:
    """What a preview told, part after part."""

    def __init__(self, preview: UndoPreview) -> None:
        self.preview, self._kinds = preview, dict[int, str]()
        self._pairs: dict[int, PreviewedPair] = {}

    @classmethod
    def of(cls, preview: int) -> "AsPreviewed | None":
        """Return what a preview told; None where it is no longer kept."""
        found = UndoPreview.objects.filter(pk=preview, complete=True).first()
        return cls(found) if found is not None else None

    @property
    def total(self) -> int:
        """How many couplings it told of."""
        return int(self.preview.numbers["total"])

    def next_part(self, after: int) -> tuple[Sequence[int], int]:
        """Return the couplings of the part behind a chunk, and its number; none behind the last."""
        parts = UndoPreviewPart.objects.filter(preview=self.preview)
        chunk = parts.filter(chunk__gt=after).order_by("chunk").values_list("chunk", flat=True).first()
        if chunk is None:
            return [], after
        self._pairs, self._kinds = {}, {}
        for part in parts.filter(chunk=chunk):
            for pair in unpack_pairs(part.packed):
                self._pairs[pair.number], self._kinds[pair.number] = pair, part.kind
        return sorted(self._pairs), chunk

    def ending(self) -> set[int]:
        """Return all couplings that were to end; for the few with choices."""
        parts = UndoPreviewPart.objects.filter(preview=self.preview, kind=ENDS)
        return {pair.number for part in parts for pair in unpack_pairs(part.packed)}

    def keep_what_stays(self, pairs: Iterable[Made]) -> None:
        """Have those stay that were to, whatever they could do by now."""
        for made in pairs:
            if made.why is None and self._kinds[made.number] not in (ENDS, FAILS):
                made.why = Why(Stays.NOT_PREVIEWED, _COULD_END)

    def compare(self, ends: Iterable[End]) -> None:
        """Have those stay of which other values would go back than the preview told."""
        for end in ends:
            if end.waits:
                continue
            told, failed = self._pairs[end.made.number], self._kinds[end.made.number] == FAILS
            same = end.fails if failed else not end.fails and fingerprint_of(end.changes) == fingerprint(told.values)
            if same:
                continue
            end.differs, end.reason, end.detail = True, Reason.CHANGED_SINCE_PREVIEW, None
            end.problem = _COULD_END if failed else _VALUES_CHANGED
