"""The import job: a file is read by a process of its own, then its rows go in, part by part, an outcome for each.

A preview goes the same way and writes no record: refused rows are its outcomes, the others are counted, some shown on
the page, and all kept beside the file.
"""

import time
from collections import Counter
from itertools import islice
from typing import Any, NoReturn

from core.refusals import Refusal
from coupling.job_parameters import ImportParameters
from coupling.records import import_preview
from coupling.records.import_preview import PreviewRow
from jobs import lease
from jobs.errors import Ended
from jobs.models import Job, Outcome, Reason
from jobs.running.context import JobContext, OutcomeRow
from masterdata import catalog
from masterdata.files import audit
from masterdata.files.columns import UnknownColumns
from masterdata.files.importing import (
    PART,
    RowError,
    RowResult,
    Rows,
    Values,
    apply_part,
)
from masterdata.files.kept import KeptFile
from masterdata.files.plan import Plan, decide
from masterdata.files.reader import Contents, read_file, rows_from
from masterdata.files.types import Unreadable
from ui.cells import text_of

SHOWN = 100
"""Rows of each kind that a preview's page shows; all of them are in its file of rows."""
_ASK_S = 1.0
_READING = "Reading the file"


class _Interrupted(Exception):
    """The worker is stopping, or the job is cancelled, while its file is read."""


def run_import(context: JobContext) -> None:
    """Handle one slice of an import; it goes on behind the last row that went in."""
    work = _Import(context)
    try:
        work.rows(work.plan())
    except (Unreadable, UnknownColumns) as refusal:
        work.refuse(refusal)
    work.finish()


class _Import:
    def __init__(self, context: JobContext) -> None:
        self.context = context
        self.parameters = ImportParameters.load(context.parameters)
        self.table = catalog.table(self.parameters.table)
        self.file = KeptFile(self.parameters.file)
        self._asked = time.monotonic()

    def plan(self) -> Plan:
        """Return what is decided about the file, which is read and decided first.

        Raises Unreadable, UnknownColumns.
        """
        if self.context.resume.get("plan"):
            return Plan.load(self.context.resume["plan"])
        if self.context.job.phase != _READING:  # a slice that begins with it must get further
            with self.context.checkpoint() as point:
                point.phase = _READING
        plan = decide(
            table=self.table, contents=self._contents(), rows=self.file.rows, columns=self.parameters.columns,
            options=self.parameters.options, blank_clears=self.parameters.blank_clears,
            blank_clears_of=self.parameters.blank_clears_of,
        )  # fmt: skip
        if self.parameters.preview:
            import_preview.remove_earlier(self.context.job)
        with self.context.checkpoint() as point:
            point.total = plan.rows
            point.resume = {"plan": plan.dump(), "offset": 0}
            point.phase = "Comparing with the records" if self.parameters.preview else "Importing"
        return plan

    def _contents(self) -> Contents:
        options = self.parameters.options
        if (known := self.file.contents_for(options)) is not None:
            return known
        while True:
            try:
                found = read_file(self.file.path, self.file.rows, options, poll=self._poll)
            except _Interrupted:
                with self.context.checkpoint():
                    pass
            else:
                self.file.store(options, found)
                return found

    def _poll(self) -> None:
        """Raise _Interrupted where the reading must stop."""
        if lease.stopping.is_set():
            raise _Interrupted
        if time.monotonic() - self._asked > _ASK_S:
            self._asked = time.monotonic()
            if Job.objects.filter(pk=self.context.job.pk, cancel_requested=True).exists():
                raise _Interrupted

    def rows(self, plan: Plan) -> None:
        """Put the rows in, behind those that are in. Raises Unreadable where the file has gone."""
        offset = int(self.context.resume["offset"])
        if not self.file.rows.is_file():
            self.file.path  # noqa: B018 - it refuses a file that has gone
            self._contents()
        rows = self._reader(plan, offset)
        lines = rows_from(self.file.rows, offset)
        while part := list(islice(lines, PART)):
            read = [rows.read(line) for line, _ in part]
            good = [one for one in read if isinstance(one, Values)]
            bad = [one for one in read if isinstance(one, RowError)]
            offset = part[-1][1]
            with self.context.checkpoint() as point:
                results = apply_part(plan, self.context.company, good, write=not self.parameters.preview)
                point.outcomes += [self._refused(one) for one in bad]
                kept = Counter(self.context.resume.get("blanks_kept_of", {}))
                kept.update(name for one in results for name in one.kept)
                point.resume |= {"offset": offset, "blanks_kept_of": dict(kept), "blanks_kept": kept.total()}
                if self.parameters.preview:
                    end = int(self.context.resume.get(import_preview.END, 0))
                    end = import_preview.append(self.context.job, end, map(self._preview_row, results))
                    point.resume |= {**self._previewed(results), import_preview.END: end}
                else:
                    point.outcomes += [self._outcome(one) for one in results]
                    self._audit(results)
                point.processed(len(part))
                self.context.kept.update(rows=rows, offset=offset)

    def _audit(self, results: list[RowResult]) -> None:
        job = self.context.job
        about = {"job": job.pk, "file": self.parameters.file_name}
        audit.record_changes(table=self.table, results=results, user_id=job.requested_by_id, about=about)

    def _reader(self, plan: Plan, offset: int) -> Rows:
        """Return the reader of the rows, which has met those before the offset."""
        found = self.context.kept.get("rows")
        if isinstance(found, Rows) and self.context.kept.get("offset") == offset:
            return found
        rows = Rows(plan)
        for line, behind in rows_from(self.file.rows):
            if behind > offset:
                break
            rows.read(line)
        return rows

    def finish(self) -> NoReturn:
        """End the job; the file goes, but after a preview."""
        resume = self.context.resume
        counters = self.context.job.counters
        if self.parameters.preview:
            summary = _in_words({**resume.get("counts", {}), "failed": counters.get("failed", 0)})
            self.context.finish(f"Preview: {summary} Nothing was written.")
        message = _in_words(counters)
        if blanks := int(resume.get("blanks_kept", 0)):
            message += f" Blank cells that left the records' values as they were: {blanks:,}."
        try:
            self.context.finish(message)
        except Ended:
            self.file.remove()
            raise

    def refuse(self, refusal: Refusal) -> None:
        """End the job because of its file, keeping the parts of the sentence apart."""
        reason = Reason.UNKNOWN_COLUMN if isinstance(refusal, UnknownColumns) else Reason.UNREADABLE_FILE
        with self.context.checkpoint() as point:
            point.resume["refused"] = {"reason": refusal.reason, "message": refusal.message, "fix": refusal.fix}
            point.fail(refusal, reason)

    def _previewed(self, results: list[RowResult]) -> dict[str, Any]:
        """Return counts and examples, as the job keeps them."""
        resume = self.context.resume
        counts = dict(resume.get("counts", {}))
        shown = {name: list(resume.get(name, [])) for name in ("inserted", "modified")}
        for one in results:
            counts[one.outcome] = counts.get(one.outcome, 0) + 1
            if one.outcome in shown and len(shown[one.outcome]) < SHOWN:
                shown[one.outcome].append(
                    {"line": one.line, "key": one.key, "name": one.title[:80], "fields": self._fields(one)}
                )
        return {"counts": counts, **shown}

    def _preview_row(self, result: RowResult) -> PreviewRow:
        fields = [
            (self.table.field(one.field).caption, text_of(one.before), text_of(one.after)) for one in result.changes
        ]
        return PreviewRow(result.line, result.outcome, result.key, result.title, fields)

    def _fields(self, result: RowResult) -> list[dict[str, str]]:
        return [
            {
                "local": change.field,
                "caption": self.table.field(change.field).caption,
                "before": text_of(change.before)[:200],
                "local_value": text_of(change.after)[:200],
            }
            for change in result.changes
        ]

    def _outcome(self, result: RowResult) -> OutcomeRow:
        detail = {"line": result.line, "fields": self._fields(result)} if result.outcome == Outcome.MODIFIED else None
        return OutcomeRow(result.outcome, Reason.NONE, result.system_id, result.key, result.title, detail=detail)

    def _refused(self, error: RowError) -> OutcomeRow:
        place = f"cell {error.cell}" if error.cell else f"column {error.column}" if error.column else ""
        where = f"Line {error.line}, {place}" if place else f"Line {error.line}"
        caption = self.table.field(error.local).caption if error.local else error.column
        detail = {
            "line": error.line, "column": error.column, "cell": error.cell, "cause": error.cause, "fix": error.fix,
            "fields": [{"local": error.local, "caption": caption, "local_value": error.value}] if caption else [],
        }  # fmt: skip
        return OutcomeRow(
            Outcome.FAILED, error.reason, None, error.key, message=f"{where}: {error.cause} {error.fix}", detail=detail
        )


def _in_words(numbers: dict[str, Any]) -> str:
    words = (("new", "inserted"), ("changed", "modified"), ("unchanged", "unchanged"), ("refused", "failed"))
    return ", ".join(f"{int(numbers.get(name, 0)):,} {word}" for word, name in words) + "."
