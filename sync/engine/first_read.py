"""The first tracked read of a table, and what was changed while its pages were read.

Whether the delta link of a read over several pages dates from its first page or its last is not documented; if from the
last, changes made meanwhile would never come. So after such a read the rows are asked for that changed since a little
before it began. What a run resumes from says both: where it stands in these rows, and the delta link it goes on with.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import msgspec

from coupling.gateway import Gateway
from coupling.models import IntegrationTableMapping
from coupling.rows import ScanPage
from dataverse import odata

OVERLAP = timedelta(minutes=5)
"""How far before the run's begin is asked from: the service's clock may be behind this machine's."""
_MARK = "overlap "


def scan(
    gateway: Gateway,
    mapping: IntegrationTableMapping,
    columns: Sequence[str],
    link: str | None,
    tracked: bool,
    started: datetime,
) -> Iterator[ScanPage]:
    """Yield the pages of Gateway.scan, and after a first read of several pages those of what changed meanwhile.

    link: of a page yielded before, or a delta link; tracked: whether a delta link is asked for; started: when the run
    began. Without columns rows are read for those that are deleted alone, and nothing is asked for again.
    """
    if link is not None and link.startswith(_MARK):
        path, delta = msgspec.json.decode(link.removeprefix(_MARK), type=tuple[str, str])
        yield from _changed_meanwhile(gateway, mapping, columns, path, delta)
        return
    goes_on = link is not None
    is_first_read = tracked and bool(columns) and "deltatoken=" not in (link or "")
    for page in gateway.scan(mapping, columns, link=link, track_changes=tracked):
        if page.next_link or not (is_first_read and goes_on and page.delta_link):
            goes_on = True
            yield page
            continue
        path = _path(gateway, mapping, columns, started - OVERLAP)
        if not path:
            yield page
            return
        yield replace(page, next_link=_position(path, page.delta_link), delta_link=None)
        yield from _changed_meanwhile(gateway, mapping, columns, path, page.delta_link)


def _path(gateway: Gateway, mapping: IntegrationTableMapping, columns: Sequence[str], since: datetime) -> str:
    """Return the query for the rows that changed since; "" where the table says of none when it changed."""
    moment = mapping.modified_on_column
    if moment not in gateway.table(mapping).columns:
        return ""
    named = [gateway.primary_column(mapping), gateway.name_column(mapping), *columns]
    select = dict.fromkeys(name.partition("@")[0] for name in gateway.remote_columns(mapping, named))
    text = f"{moment} ge {since:%Y-%m-%dT%H:%M:%SZ}"
    return odata.rows_path(mapping.entity_set, select=list(select), filter_text=text)


def _changed_meanwhile(
    gateway: Gateway, mapping: IntegrationTableMapping, columns: Sequence[str], path: str, delta: str
) -> Iterator[ScanPage]:
    for page in gateway.scan(mapping, columns, link=path):
        following = _position(page.next_link, delta) if page.next_link else None
        yield replace(page, next_link=following, delta_link=None if following else delta)


def _position(path: str, delta: str) -> str:
    return _MARK + msgspec.json.encode((path, delta)).decode()
