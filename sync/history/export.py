"""The history as lines of a file, and as the objects of the command."""

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from sync.history.reading import Line, read

HEAD = (
    "Time", "Mapping", "No.", "Name", "Field", "Before", "After", "Direction", "Winner", "Job", "Person",
    "Dataverse Row", "Dataverse Row ID", "Record ID", "Changed in Dataverse By",
)  # fmt: skip
_AT_ONCE = 1000


def lines(rows: Iterable[Any]) -> Iterator[Line]:
    """Yield lines with their names, part by part."""
    rest = iter(rows)
    while part := list(islice(rest, _AT_ONCE)):
        yield from read(part)


def csv_rows(rows: Iterable[Any]) -> Iterator[Sequence[str]]:
    """Yield the lines of a CSV file."""
    for line in lines(rows):
        yield (
            line.at.isoformat(timespec="seconds"), line.mapping, line.key, line.name, line.caption, line.before,
            line.after, line.way, line.winner, str(line.job_id), line.person, line.row_name, str(line.integration_id),
            str(line.local_id), line.changed_by,
        )  # fmt: skip


def to_json(line: Line) -> dict[str, Any]:
    """Return a line in the shape the commands print; blank values, and the person of a schedule, are null."""
    told = {
        "at": line.at.isoformat(timespec="seconds"),
        "mapping": line.mapping,
        "job": line.job_id,
        "direction": line.direction,
        "local": {"id": str(line.local_id), "key": line.key, "name": line.name},
        "integration": {"id": str(line.integration_id), "name": line.row_name},
        "field": line.field,
        "before": line.before or None,
        "after": line.after or None,
        "person": line.person or None,
    }
    return told | {"changed_by": line.changed_by} if line.changed_by else told


def json_text(rows: Iterable[Any]) -> Iterator[str]:
    """Yield the text of a JSON file: a list of lines as the command prints them."""
    before = "[\n"
    for line in lines(rows):
        yield before + json.dumps(to_json(line), ensure_ascii=False)
        before = ",\n"
    yield "[]\n" if before == "[\n" else "\n]\n"
