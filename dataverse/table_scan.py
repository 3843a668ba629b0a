"""Reading a whole table, pages as they come: one after another, or its ranges of creation dates at once.

Whoever takes the pages never waits for a page that could have been on its way meanwhile. Ranges are worth their
probing where pages come slowly, as over a network they do; where they come at once, one query is the quickest.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from dataverse import odata, ranges
from dataverse.client import LARGEST_PAGE, DataverseClient
from dataverse.types import Page, Request

PARALLEL_FROM_S = 0.25
"""A first page that took less says that the service is near."""
RANGES_PER_LANE = 4
"""More ranges than lanes, since they are not of one size."""
_MOST_RANGES = 64
_PAGES_WAITING = 8
"""Pages in memory that nobody took yet; a slow reader slows the threads down."""


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
    page_size: int = LARGEST_PAGE,
    parallel_from_s: float = PARALLEL_FROM_S,
) -> Iterator[Page]:
    """Yield all rows of a query, each row once, in no order; the next pages are read while the caller works.

    parallel_from_s: a table is read by ranges of `createdon` at once when its first page took that many seconds.
    Raises DataverseError; the threads end with the iteration, however it ends.
    """
    began = time.monotonic()
    page = client.first_page(entity_set, select=select, filter=filter_text, page_size=page_size)
    took = time.monotonic() - began
    if page.next_link is None:
        yield page
        return
    found: list[ranges.Range] = []
    if took >= parallel_from_s and client.lanes > 1:
        found = _planned(client, entity_set, filter_text, min(_MOST_RANGES, RANGES_PER_LANE * client.lanes))
    if len(found) > 1:
        columns = list(dict.fromkeys([*select, ranges.COLUMN]))
        sources = [
            _Source(one, lambda one=one: _range(client, entity_set, one, columns, filter_text, page_size))  # type: ignore[misc]
            for one in found
        ]
        yield from _together(sources, primary_id, client.most)
        return
    yield page
    following = page.next_link
    yield from _together([_Source(ranges.Range(), lambda: _rest(client, following, page_size))], primary_id, 1)


def _rest(client: DataverseClient, link: str | None, page_size: int) -> Iterator[Page]:
    """The pages from a next link on."""
    while link:
        page = client.page(link, page_size=page_size)
        yield page
        link = page.next_link


def _range(
    client: DataverseClient,
    entity_set: str,
    range_: ranges.Range,
    columns: Sequence[str],
    filter_text: str,
    page_size: int,
) -> Iterator[Page]:
    text = odata.and_(filter_text, range_.filter)
    return client.pages(entity_set, select=columns, filter=text, page_size=page_size)


def _planned(client: DataverseClient, entity_set: str, filter_text: str, wanted: int) -> list[ranges.Range]:
    planning = ranges.plan(entity_set, filter_text, wanted)
    try:
        questions = next(planning)
        while True:
            answers = client.batch([Request("GET", path) for path in questions])
            for answer in answers:
                if answer.error is not None:
                    raise answer.error
            questions = planning.send([answer.body for answer in answers])
    except StopIteration as done:
        found: list[ranges.Range] = done.value
        return found


def _together(sources: list[_Source], primary_id: str, most: int) -> Iterator[Page]:
    """The pages of all sources, as they come, from up to `most` threads."""
    left = iter(sources)
    seams = ranges.Seams([source.range for source in sources])
    ready: queue.Queue[tuple[ranges.Range, Page] | BaseException | None] = queue.Queue(_PAGES_WAITING)
    stop, lock = threading.Event(), threading.Lock()

    def put(item: tuple[ranges.Range, Page] | BaseException | None) -> None:
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(item, timeout=0.1)
                return

    def read() -> None:
        try:
            while not stop.is_set():
                with lock:
                    source = next(left, None)
                if source is None:
                    break
                for page in source.pages():
                    put((source.range, page))
                    if stop.is_set():
                        break
        except BaseException as error:
            put(error)
        finally:
            put(None)

    threads = [threading.Thread(target=read, name="range", daemon=True) for _ in range(min(len(sources), most))]
    try:
        for thread in threads:
            thread.start()
        working = len(threads)
        while working:
            item = ready.get()
            if item is None:
                working -= 1
            elif isinstance(item, BaseException):
                raise item
            else:
                range_, page = item
                yield replace(page, rows=seams.sift(range_, page.rows, primary_id), next_link=None)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
