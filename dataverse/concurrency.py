"""How many requests one user sends at once: as many as the service accepts, learned by trying.

It starts with one request, jumps to the parallelism the service recommends (the header x-ms-dop-hint), grows by one
when all slots were used and nothing was refused, and halves when a service protection limit was reached. A limit is a
user's, so the slots are shared by all clients of one user in this process, and divided among the processes that send
as the user; see `throttle` for how many there are, and for the waits.
"""

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

from dataverse.part_sizes import Bounds, PartSize, even_rows

MAX_SLOTS = 32
"""As many connections are kept open; with more slots, each further request would open its own."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def share(recommended: int | None, processes: int, maximum: int = MAX_SLOTS) -> int:
    """Return how many requests one of several processes may send at once as the same user.

    One alone finds out by itself what the service bears beyond what it recommends; several divide what it recommends.
    """
    return maximum if processes <= 1 else max(1, min(maximum, (recommended or maximum) // processes))


class Slot:
    """One request's place. Call `mark_throttled` when the service refused the request for a limit."""

    __slots__ = ("generation", "throttled")

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.throttled = False

    def mark_throttled(self) -> None:
        """Record that the service refused this request for a limit."""
        self.throttled = True


class RequestSlots:
    """The request slots of one user. Thread-safe."""

    def __init__(self, maximum: int = MAX_SLOTS) -> None:
        self._maximum = maximum
        self._condition = threading.Condition()
        self._learned = 1
        self._processes = 1
        self._recommended: int | None = None
        self._in_use = 0
        self._all_used = False
        self._successes = 0
        self._generation = 0
        """How often the limit was halved."""

    @property
    def limit(self) -> int:
        """How many requests may be under way now."""
        with self._condition:
            return self._limit

    @property
    def _limit(self) -> int:
        return min(self._learned, share(self._recommended, self._processes, self._maximum))

    @property
    def recommended(self) -> int | None:
        """How many requests at once the service recommends; None until it says so."""
        return self._recommended

    def recommend(self, number: int) -> None:
        """Start with the number the service recommends; once a limit was reached it is only remembered."""
        with self._condition:
            first, self._recommended = self._recommended is None, max(1, number)
            if first and self._generation == 0:
                self._learned = max(self._learned, min(self._recommended, self._maximum))
                self._condition.notify_all()

    def divide(self, processes: int) -> None:
        """Keep to this process's share from now on, of what is divided among so many that send as the user."""
        with self._condition:
            self._processes = max(1, processes)
            self._condition.notify_all()

    @contextmanager
    def take(self) -> Iterator[Slot]:
        """Wait for a free slot and hold it for the block."""
        with self._condition:
            while self._in_use >= self._limit:
                self._all_used = True
                self._condition.wait()
            self._in_use += 1
            slot = Slot(self._generation)
        try:
            yield slot
        finally:
            with self._condition:
                self._in_use -= 1
                self._adjust(slot)
                self._condition.notify_all()

    def _adjust(self, slot: Slot) -> None:
        """Halve or raise the limit by what became of a request."""
        if slot.throttled:
            # Requests that were under way together are refused together: the limit was reached once.
            if slot.generation == self._generation:
                self._generation += 1
                self._learned = max(1, self._limit // 2)
            self._successes, self._all_used = 0, False
            return
        self._successes += 1
        most = share(self._recommended, self._processes, self._maximum)
        if self._successes >= self._limit and self._all_used and self._learned < most:
            self._learned += 1
            self._successes, self._all_used = 0, False


_slots: weakref.WeakKeyDictionary[object, RequestSlots] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def slots_for(user: object) -> RequestSlots:
    """Return the slots shared by all who send as this user (the process's one token source of it)."""
    with _lock:
        return _slots.setdefault(user, RequestSlots())


def forget() -> None:
    """Forget what was learned about every user, as a new process would."""
    with _lock:
        _slots.clear()


def map_in_order(work: Callable[[Item], Result], items: Iterable[Item], slots: RequestSlots) -> Iterator[Result]:
    """Yield `work` of every item in order, computed in as many threads as there are slots.

    Items are taken a little ahead of what is consumed, so neither they nor the results pile up. Raises what `work`
    raises.
    """
    remaining = iter(items)
    first = list(islice(remaining, 2))
    if len(first) < 2:
        yield from map(work, first)
        return
    pool = ThreadPoolExecutor(MAX_SLOTS, "dataverse")
    pending: deque[Future[Result]] = deque(pool.submit(work, item) for item in first)
    try:
        while pending:
            ahead = max(0, 2 * slots.limit - len(pending))
            pending.extend(pool.submit(work, item) for item in islice(remaining, ahead))
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def map_parts(
    work: Callable[[Sequence[Item]], Sequence[Result]],
    items: Sequence[Item],
    size: PartSize,
    bounds: Bounds,
    slots: RequestSlots,
) -> list[Result]:
    """Return what `work` returns for all items, in order: it is given parts, as many at once as there are slots.

    A part is cut off the rest when it is sent, so that it has the size that the parts before it showed to be right;
    while nothing is known of that, one part is under way. `work` returns one result for each item. Raises what it
    raises; the parts that were under way then are waited for.
    """
    found: dict[int, Sequence[Result]] = {}
    under_way: dict[Future[Sequence[Result]], int] = {}
    begin = 0
    if size.row_s is None or len(items) <= min(_even(items, size, bounds, slots), size.most_rows(bounds)):
        begin = min(len(items), size.most_rows(bounds))
        found[0] = work(items[:begin])
    if begin == len(items):
        return list(found[0])
    even = 0
    pool = ThreadPoolExecutor(MAX_SLOTS, "dataverse")
    try:
        while begin < len(items) or under_way:
            while begin < len(items) and len(under_way) < slots.limit:
                even = even or _even(items[begin:], size, bounds, slots)
                rows = min(even, size.most_rows(bounds))
                part = items[begin : begin + rows]
                even = even if rows == even else 0  # smaller ones leave more to the others
                under_way[pool.submit(work, part)] = begin
                begin += len(part)
            for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                found[under_way.pop(future)] = future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return [result for place in sorted(found) for result in found[place]]


def _even(items: Sequence[object], size: PartSize, bounds: Bounds, slots: RequestSlots) -> int:
    return even_rows(len(items), size.wanted(bounds), slots.limit, bounds)
