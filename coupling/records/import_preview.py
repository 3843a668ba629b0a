"""Every row of an import's preview, kept beside its file: appended part by part, read back as a table.

The database holds how far the file is valid, saved with the part itself; what a killed worker left behind that is cut.
"""

import os
from collections.abc import Iterable, Iterator
from heapq import merge
from operator import attrgetter
from pathlib import Path

import msgspec

from coupling.job_parameters import ImportParameters
from jobs import outcomes
from jobs.models import OPEN_STATES, Job, JobOutcome, Outcome
from masterdata.files.kept import KeptFile

HEADER = ("Line", "Outcome", "No.", "Name", "Field", "Before", "After", "Why")
END = "rows_end"
"""The name under which a job keeps how many bytes of its rows are valid."""
_WORDS = {
    Outcome.INSERTED.value: "New",
    Outcome.MODIFIED.value: "Changed",
    Outcome.UNCHANGED.value: "Unchanged",
    Outcome.FAILED.value: "Refused",
}


class PreviewRow(msgspec.Struct, array_like=True, frozen=True):
    """What would become of a row; fields: caption, value before, value after; why: of a refused row."""

    line: int
    outcome: str
    key: str
    name: str
    fields: list[tuple[str, str, str]]
    why: str = ""


def file_of(job: Job) -> Path:
    """Return where a preview's rows are kept, as long as its file is."""
    return KeptFile(ImportParameters.load(job.parameters).file).folder / f"preview-{job.pk}"


def is_kept(job: Job) -> bool:
    """Return whether a preview's rows can be read."""
    return END in job.resume and file_of(job).is_file()


def append(job: Job, end: int, rows: Iterable[PreviewRow]) -> int:
    """Write rows behind the valid end of the file; return the new end.

    It is on the disk before it returns, so that the end that the database then keeps is never beyond it.
    """
    with os.fdopen(os.open(file_of(job), os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        file.truncate(end)
        file.seek(end)
        encoder = msgspec.json.Encoder()
        file.writelines(encoder.encode(row) + b"\n" for row in rows)
        file.flush()
        os.fsync(file.fileno())
        return file.tell()


def remove_earlier(job: Job) -> None:
    """Remove the rows of earlier previews of the same file, which this one replaces; not of those under way."""
    others = {path: path.name.partition("-")[2] for path in file_of(job).parent.glob("preview-*")}
    busy = Job.objects.filter(pk__in=list(others.values()), state__in=OPEN_STATES).values_list("pk", flat=True)
    for path, number in others.items():
        if int(number) not in {job.pk, *busy}:
            path.unlink(missing_ok=True)


def rows_of(job: Job) -> Iterator[PreviewRow]:
    """Yield every row of a preview in the order of the file, refused ones too.

    Raises OSError where they are no longer kept.
    """
    failed = outcomes.failed(job)
    reasons = failed.order_by().values_list("reason").distinct()
    refused = [map(_refused, failed.filter(reason=reason).iterator(2000)) for (reason,) in reasons]
    yield from merge(_good(file_of(job), int(job.resume[END])), *refused, key=attrgetter("line"))


def table_rows(job: Job) -> Iterator[tuple[str, ...]]:
    """Yield them as rows below HEADER, one for each field of a row. Raises OSError."""
    for row in rows_of(job):
        for caption, before, after in row.fields or [("", "", "")]:
            yield str(row.line), _WORDS[row.outcome], row.key, row.name, caption, before, after, row.why


def _good(path: Path, end: int) -> Iterator[PreviewRow]:
    decoder = msgspec.json.Decoder(PreviewRow)
    with path.open("rb") as file:
        while end > 0 and (text := file.readline()):
            end -= len(text)
            yield decoder.decode(text)


def _refused(outcome: JobOutcome) -> PreviewRow:
    detail = outcome.detail or {}
    fields = [(str(one["caption"]), "", str(one["local_value"])) for one in detail.get("fields", [])]
    why = " ".join(filter(None, (detail.get("cause", ""), detail.get("fix", ""))))
    return PreviewRow(int(detail["line"]), outcome.outcome, outcome.local_key, outcome.local_name, fields, why)
