"""Reading a whole table at once: its ranges of creation dates in threads of their own, pages as they come."""

import contextlib
import queue
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dataverse import odata, ranges
from dataverse.types import Page, Request

if TYPE_CHECKING:
    from dataverse.client import DataverseClient

RANGES_PER_LANE = 4
"""More ranges than lanes, since they are not of one size."""
_MOST_RANGES = 64
_PAGES_WAITING = 8
"""Pages in memory that nobody took yet; a slow reader slows the threads down."""


def scan(
    client: "DataverseClient",
    entity_set: str,
    primary_id: str,
    *,
    select: Sequence[str],
    filter_text: str = "",
    page_size: int,
) -> Iterator[Page]:
    """All rows of a query, every row once, in no order; several ranges of creation dates at once where that pays.

    Raises DataverseError; threads end with the iteration, however it ends.
    """
    columns = list(dict.fromkeys([*select, ranges.COLUMN]))
    page = client.first_page(entity_set, select=columns, filter=filter_text, page_size=page_size)
    lanes = client.lanes
    if page.next_link is None:
        yield page
        return
    found = _planned(client, entity_set, filter_text, min(_MOST_RANGES, RANGES_PER_LANE * lanes))
    if lanes < 2 or len(found) < 2:
        yield page
        while page.next_link:
            page = client.page(page.next_link, page_size=page_size)
            yield page
        return
    yield from _together(client, entity_set, primary_id, columns, filter_text, page_size, found)


def _planned(client: "DataverseClient", entity_set: str, filter_text: str, wanted: int) -> list[ranges.Range]:
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


def _together(
    client: "DataverseClient",
    entity_set: str,
    primary_id: str,
    columns: list[str],
    filter_text: str,
    page_size: int,
    found: list[ranges.Range],
) -> Iterator[Page]:
    left = iter(found)
    seams = ranges.Seams(found)
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
                    range_ = next(left, None)
                if range_ is None:
                    break
                text = odata.and_(filter_text, range_.filter)
                for page in client.pages(entity_set, select=columns, filter=text, page_size=page_size):
                    put((range_, page))
                    if stop.is_set():
                        break
        except BaseException as error:
            put(error)
        finally:
            put(None)

    threads = [threading.Thread(target=read, name="range", daemon=True) for _ in range(min(len(found), client.most))]
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
