"""What a walk knows: the things there are and what must become of them, and what may happen to a job."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.recovery.points import POINTS

FIELDS = {"city": "address1_city", "address": "address1_line1", "post_code": "address1_postalcode"}
"""What is edited: the field here, the column there."""
MOST = 24
"""Things alive at a time."""

Values = dict[str, str]


@dataclass
class Thing:
    """One thing as it must be: its values on each side it is on, and those both agreed on last."""

    name: str
    phone: str
    here: Any = None
    there: Any = None  # Values, or None where it is not
    coupled: bool = False
    base: Values | None = None
    conflict: bool = False

    @property
    def gone(self) -> bool:
        return self.here is None and self.there is None and not self.coupled

    @property
    def twins(self) -> bool:
        """There on both sides, and neither knows of the other."""
        return not self.coupled and self.here is not None and self.there is not None

    def part(self) -> None:
        """Remove the coupling; what is there stays."""
        self.coupled, self.base, self.conflict = False, None, False

    def agree(self, values: Values) -> None:
        """Both sides have these values, and know it."""
        self.here, self.there, self.base = dict(values), dict(values), dict(values)
        self.coupled, self.conflict = True, False

    def take(self, values: Values) -> None:
        """Both sides get these values, which people chose where both had changed; other fields merge."""
        here, there = {**self.here, **values}, {**self.there, **values}
        self._merge(here, there, "")

    def synchronize(self, deletion: str, chosen: str = "") -> None:
        """Do what a run that comes across the pair does. chosen: the side that wins where both changed."""
        if self.here is None and self.there is None:
            self.part()
        elif self.here is None or self.there is None:
            if deletion == "restore":
                self.agree(self.here or self.there or {})
            else:
                self.part()
        else:
            self._merge(self.here, self.there, chosen)

    def _merge(self, here: Values, there: Values, chosen: str) -> None:
        merged: Values = {}
        for name in FIELDS:
            ours, theirs, was = here[name], there[name], self.base[name] if self.base else None
            if ours == theirs or theirs == was:
                merged[name] = ours
            elif ours == was:
                merged[name] = theirs
            elif chosen:
                merged[name] = ours if chosen == "send" else theirs
            else:
                self.conflict = True
                return  # both keep theirs until a person has decided
        self.agree(merged)


@dataclass
class Fate:
    """What happens to a job: nothing, its worker dies, or the line and the service fail."""

    point: str = ""
    line: int = 0
    faults: list[dict[str, Any]] = field(default_factory=list)


_PASSING = ("lost_reply", "lost_reply", "reset", "truncate", "lost_reply", "reset", "429", "503")
"""What passes by itself: no job may fail by it."""

_unknown_token = st.builds(
    lambda after: [{"method": "*", "path": "*", "fault": "401", "after": after}], st.integers(0, 9)
)
"""Once: a second time in a row is no accident."""
_faults = st.builds(
    lambda kind, after, times: {
        "method": "*",
        "path": "*",
        "fault": kind,
        "after": after,
        "times": times,
        "retry_after": 0.05,
    },
    st.sampled_from(_PASSING),
    st.integers(0, 9),
    st.sampled_from([1, 1, 1, 2]),
)
fates = st.one_of(
    st.just(Fate()), st.just(Fate()), st.just(Fate()), st.just(Fate()),
    st.builds(lambda faults: Fate(faults=faults), _unknown_token | st.lists(_faults, min_size=1, max_size=2)),
    st.builds(lambda faults: Fate(faults=faults), st.lists(_faults, min_size=1, max_size=2)),
    st.one_of(
        st.builds(lambda point: Fate(point=point), st.sampled_from(sorted(POINTS))),
        st.builds(lambda line: Fate(line=line), st.integers(1, 6000)),
    ),
)  # fmt: skip


@dataclass
class Done:
    """What a walk did, over all its parts."""

    steps: int = 0
    jobs: int = 0
    killed: int = 0
    faults: int = 0
    conflicts: int = 0
    chosen: int = 0
    scheduled: int = 0
