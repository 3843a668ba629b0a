"""Whole tables, page by page as they come: one page after another, or several ranges of creation dates at once.

The next pages are read while the caller works on one. Ranges are worth finding where pages come slowly, as over a
network they do; where they come at once, one query is the quickest.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dataverse import odata, ranges
from dataverse.client import MAX_PAGE_SIZE, DataverseClient
from dataverse.concurrency import MAX_SLOTS
from dataverse.types import Page, Request

PARALLEL_FROM_S = 0.25
"""Where the first page took less, the service is near."""
RANGES_PER_REQUEST = 4
"""More ranges than requests at once, since they are not of one size."""
_MAX_RANGES = 64
_MAX_PENDING_PAGES = 8
"""Pages in memory that the caller has not taken yet; a slow caller slows the threads down."""


@dataclass(frozen=True, slots=True)
class _Query:
    """What is read of a table."""

    client: DataverseClient
    entity_set: str
    select: Sequence[str]
    filter_text: str
    page_size: int

    def pages(self, filter_text: str) -> Iterator[Page]:
        return self.client.pages(self.entity_set, select=self.select, filter=filter_text, page_size=self.page_size)


@dataclass(frozen=True, slots=True)
class _Source:
    """A part of the table that one thread reads."""

    range: ranges.Range
    pages: Callable[[], Iterator[Page]]


def scan(
    client: DataverseClient,
    entity_set: str,
    primary_id: str,
    *,
    select: Sequence[str],
    filter_text: str = "",
    page_size: int = MAX_PAGE_SIZE,
    parallel_from_s: float = PARALLEL_FROM_S,
) -> Iterator[Page]:
    """Yield all rows of a query, each row once, in no order.

    parallel_from_s: a table is read by ranges of `createdon` at once when its first page took that many seconds.
    Raises DataverseError; the threads end with the iteration, however it ends.
    """
    query = _Query(client, entity_set, select, filter_text, page_size)
    started = time.monotonic()
    page = client.first_page(entity_set, select=select, filter=filter_text, page_size=page_size)
    took_s = time.monotonic() - started
    if page.next_link is None:
        yield page
        return
    if took_s >= parallel_from_s and client.concurrency > 1:
        found = _plan_ranges(query, min(_MAX_RANGES, RANGES_PER_REQUEST * client.concurrency))
        if len(found) > 1:
            yield from _read_at_once(_sources(query, found), primary_id, MAX_SLOTS)
            return
    yield page
    rest = _Source(ranges.Range(), partial(_following_pages, query, page.next_link))
    yield from _read_at_once([rest], primary_id, 1)


def _following_pages(query: _Query, link: str | None) -> Iterator[Page]:
    """Yield the pages from a next link on."""
    while link:
        page = query.client.page(link, page_size=query.page_size, goes_on=True)
        yield page
        link = page.next_link


def _sources(query: _Query, found: Sequence[ranges.Range]) -> list[_Source]:
    dated = replace(query, select=list(dict.fromkeys([*query.select, ranges.COLUMN])))
    return [_Source(one, partial(dated.pages, odata.all_of(query.filter_text, one.filter))) for one in found]


def _plan_ranges(query: _Query, number: int) -> list[ranges.Range]:
    """Return up to about `number` ranges of the query's rows, found by a few $batch requests."""
    planning = ranges.plan(query.entity_set, query.filter_text, number)
    try:
        paths = next(planning)
        while True:
            answers = query.client.batch([Request("GET", path) for path in paths])
            for answer in answers:
                if answer.error is not None:
                    raise answer.error
            paths = planning.send([answer.body for answer in answers])
    except StopIteration as done:
        found: list[ranges.Range] = done.value
        return found


class _Readers:
    """Threads that read sources, and the pages they have read so far."""

    def __init__(self, sources: Sequence[_Source], number: int) -> None:
        self._remaining = iter(sources)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._ready: queue.Queue[tuple[ranges.Range, Page] | BaseException | None] = queue.Queue(_MAX_PENDING_PAGES)
        self._threads = [threading.Thread(target=self._read, name="range", daemon=True) for _ in range(number)]

    def __iter__(self) -> Iterator[tuple[ranges.Range, Page]]:
        """Start the threads and yield their pages as they come. Raises what one of them raised."""
        for thread in self._threads:
            thread.start()
        working = len(self._threads)
        while working:
            item = self._ready.get()
            if item is None:
                working -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                yield item

    def stop(self) -> None:
        """End the threads and wait for them."""
        self._stop.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def _read(self) -> None:
        try:
            while not self._stop.is_set():
                with self._lock:
                    source = next(self._remaining, None)
                if source is None:
                    break
                for page in source.pages():
                    self._put((source.range, page))
                    if self._stop.is_set():
                        break
        except BaseException as error:
            self._put(error)
        finally:
            self._put(None)

    def _put(self, item: tuple[ranges.Range, Page] | BaseException | None) -> None:
        """Hand an item over once there is room for it, unless the reading was stopped."""
        while not self._stop.is_set():
            with contextlib.suppress(queue.Full):
                self._ready.put(item, timeout=0.1)
                return


def _read_at_once(sources: Sequence[_Source], primary_id: str, max_threads: int) -> Iterator[Page]:
    """Yield the pages of all sources as they come, each row once, read by up to `max_threads` threads."""
    overlaps = ranges.OverlapFilter([source.range for source in sources])
    readers = _Readers(sources, min(len(sources), max_threads))
    try:
        for read_range, page in readers:
            yield replace(page, rows=overlaps.new_rows(read_range, page.rows, primary_id), next_link=None)
    finally:
        readers.stop()
