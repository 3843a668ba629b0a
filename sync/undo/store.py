"""What a preview of an undo found, read from its packed parts: couplings and values, page by page.

A page reads the parts that hold it and no others: each part says how many of its kind come before.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from uuid import UUID

from django.db.models import F

from sync.models import UndoPreview, UndoPreviewPart
from sync.undo.previewed import ENDS, FAILS, PreviewedPair, PreviewedValue, unpack_pairs

BACK, STAYING = "back", "kept"
"""Which values of a coupling are listed."""
_AT_ONCE = 20
"""Parts that are in memory together."""
_NO_KINDS = ("total", "here", "created")


@dataclass(frozen=True, slots=True)
class Numbers:
    """What a preview counted."""

    preview: UndoPreview

    def of(self, kind: str, what: str = "") -> int:
        """Return how many couplings are of a kind, or values of them that go back or stay."""
        return int(self.preview.numbers.get(f"{kind}:{what}" if what else kind, 0))

    @property
    def total(self) -> int:
        """All couplings that were looked at."""
        return self.of("total")

    @property
    def reasons(self) -> dict[str, int]:
        """Why couplings stay, with how many do."""
        others = (ENDS, FAILS, *_NO_KINDS)
        return {kind: int(count) for kind, count in sorted(self.preview.numbers.items())
                if ":" not in kind and kind not in others and count}  # fmt: skip

    @property
    def stay(self) -> int:
        """How many couplings stay."""
        return sum(self.reasons.values())

    @property
    def back(self) -> int:
        """How many values go back."""
        return self.of(ENDS, BACK)

    @property
    def kept(self) -> int:
        """How many values that were written stay."""
        return self.of(ENDS, STAYING) + self.of(FAILS, STAYING)


class Found(NamedTuple):
    """A coupling of a preview with its kind; of a list of values, one of them."""

    kind: str
    pair: PreviewedPair
    value: PreviewedValue | None = None

    @property
    def number(self) -> int:
        """The coupling's id."""
        return self.pair.number

    @property
    def local_id(self) -> UUID | None:
        """The record's id."""
        return UUID(bytes=self.pair.local_id) if self.pair.local_id else None


class FoundPairs:
    """The couplings of some kinds, or their values, in the order of the kinds: a list's source.

    values: BACK or STAYING for these values of the couplings; "" for the couplings themselves.
    """

    def __init__(self, preview: UndoPreview, kinds: Sequence[str], values: str = "", text: str = "") -> None:
        self.preview, self.kinds, self.values, self.text = preview, tuple(kinds), values, text.lower()

    def searched(self, text: str) -> "FoundPairs":
        """Return those whose number begins with a text, or whose name here or in Dataverse has it."""
        return FoundPairs(self.preview, self.kinds, self.values, text)

    @cached_property
    def count(self) -> int:
        """How many there are."""
        if self.text:
            return sum(len(places) for _, places in self._matching)
        return sum(Numbers(self.preview).of(kind, self.values) for kind in self.kinds)

    @cached_property
    def _matching(self) -> list[tuple[int, list[int]]]:
        """The parts that have some of what a search finds, in the order of the list, each with their places in it."""
        found = (
            (part.pk, [place for place, one in enumerate(self._rows(part)) if one.pair.has_text(self.text)])
            for part in self._parts()
        )
        return [(pk, places) for pk, places in found if places]

    def __getitem__(self, span: slice) -> list[Found]:
        """Return a stretch of the list, given by its first position and the one behind its last."""
        first, behind = span.start or 0, span.stop
        if self.text:
            return self._stretch_of_matching(first, behind)
        found: list[Found] = []
        before = 0
        for kind in self.kinds:
            of_kind = Numbers(self.preview).of(kind, self.values)
            start, end = max(0, first - before), min(of_kind, behind - before)
            before += of_kind
            if start < end:
                found += self._of_kind(kind, start, end)
        return found

    def _stretch_of_matching(self, first: int, behind: int) -> list[Found]:
        """Return a stretch of what a search finds, from the parts that hold it."""
        wanted: list[tuple[int, list[int]]] = []
        before = 0
        for pk, places in self._matching:
            inside = places[max(0, first - before) : max(0, behind - before)]
            if inside:
                wanted.append((pk, inside))
            before += len(places)
        found: list[Found] = []
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            parts = UndoPreviewPart.objects.in_bulk([pk for pk, _ in some])
            for pk, places in some:
                rows = list(self._rows(parts[pk]))
                found += [rows[place] for place in places]
        return found

    def _of_kind(self, kind: str, start: int, end: int) -> list[Found]:
        """Return a stretch of those of one kind, from the parts that hold it."""
        at, many = ("first", "count") if not self.values else (f"first_{self.values}", self.values)
        parts = UndoPreviewPart.objects.filter(preview=self.preview, kind=kind, **{f"{at}__lt": end, f"{many}__gt": 0})
        inside = parts.annotate(behind=F(at) + F(many)).filter(behind__gt=start).order_by("chunk")
        found: list[Found] = []
        for part in inside:
            first = getattr(part, at)
            found += list(self._rows(part))[max(0, start - first) : end - first]
        return found

    def __iter__(self) -> Iterator[Found]:
        """Yield all, read part by part."""
        for part in self._parts():
            yield from (one for one in self._rows(part) if not self.text or one.pair.has_text(self.text))

    def _parts(self) -> Iterator[UndoPreviewPart]:
        """Yield the parts in the order of the list."""
        for kind in self.kinds:
            parts = UndoPreviewPart.objects.filter(preview=self.preview, kind=kind).order_by("chunk")
            yield from parts.iterator(chunk_size=_AT_ONCE)

    def _rows(self, part: UndoPreviewPart) -> Iterator[Found]:
        for pair in unpack_pairs(part.packed):
            if not self.values:
                yield Found(part.kind, pair)
            else:
                for value in pair.back if self.values == BACK else pair.kept:
                    yield Found(part.kind, pair, value)


def in_order(preview: UndoPreview) -> Iterator[Found]:
    """Yield all couplings of a preview, in the order in which they were made."""
    last, parts = 0, UndoPreviewPart.objects.filter(preview=preview)
    while True:
        chunk = parts.filter(chunk__gt=last).order_by("chunk").values_list("chunk", flat=True).first()
        if chunk is None:
            return
        last = chunk
        found = [Found(part.kind, pair) for part in parts.filter(chunk=chunk) for pair in unpack_pairs(part.packed)]
        yield from sorted(found, key=lambda one: one.pair.number)
