"""manage.py fullsync --company NAME: run the full synchronization of a company, or print its recommendations."""

import time
from typing import Any

from django.core.management.base import CommandParser

from core.roles import Can
from core.words import counted
from dataverse.errors import DataverseError
from jobs.models import OPEN_STATES, Job
from jobs.running.waiting import run_to_end
from jobs.services import failure_of, summary
from masterdata.commands import CompanyCommand
from sync.display import progress_line
from sync.full import preview, results
from sync.full import services as full
from sync.models import FullSynchReviewLine


class Command(CompanyCommand):
    """Synchronize everything in waves, as Sync All on Dataverse Full Synch. Review does."""

    help = "Synchronize everything in waves, as Sync All on Dataverse Full Synch. Review does."
    needs = Can.OPERATE

    def arguments(self, parser: CommandParser) -> None:
        """Add what to run, and what to override."""
        parser.add_argument("--recommendations", action="store_true", help="Print the review and start nothing.")
        parser.add_argument("--mapping", nargs="+", action="extend", metavar="MAPPING", help="Only these mappings.")
        parser.add_argument(
            "--full", nargs="+", action="extend", metavar="MAPPING", default=[],
            help="Synchronize these mappings in full although both sides have uncoupled records.",
        )  # fmt: skip

        parser.add_argument(
            "--preview", action="store_true", help="Say what would be created and changed; write nothing."
        )
        parser.add_argument("--stop", action="store_true", help="Stop the run that is under way.")

    def run(self, options: dict[str, Any]) -> None:
        """Count, recommend, run, wait."""
        if sum(map(bool, (options["stop"], options["preview"], options["recommendations"]))) > 1:
            self.usage_error("Of --stop, --preview and --recommendations only one can be meant.")
        if options["stop"]:
            self.print_lines(full.stop(self.company, user=self.acting), {})
            return
        try:
            if options["preview"]:
                self.preview(options["mapping"], options["full"])
                return
            lines = self.count(start_over=not options["recommendations"])
            by_name = {line.name: line for line in lines}
            self.check_names([*(options["mapping"] or []), *options["full"]], by_name)
            for name in options["full"]:
                full.recommend_full(by_name[name])
            if options["recommendations"]:
                self.print_lines(full.lines(self.company), {})
                return
            full.start(self.company, user=self.acting, only=options["mapping"])
        except DataverseError as error:
            self.refuse_for(error)
        self.wait()
        lines = [line for line in full.lines(self.company) if line.started]
        self.print_lines(lines, {line.name: summary(line.job) for line in lines if line.job is not None})
        if any(line.status in ("failed", "blocked", "cancelled") for line in lines):
            raise SystemExit(1)

    def preview(self, only: list[str] | None, in_full: list[str]) -> None:
        """Print what Sync All would do now, line by line, and write nothing."""
        lines = preview.lines_as_asked(self.company, in_full)
        self.check_names([*(only or []), *in_full], {line.name: line for line in lines})
        shown = [line for line in lines if only is None or line.name in only]
        found = [preview.of_line(line, user=self.acting) for line in shown]
        if self.as_json:
            self.print_json({"state": "preview", "lines": [one.to_json() for one in found]})
        for one in found:
            self.print_text(one.text)
            for sample in one.samples:
                self.print_text(f"    {sample.local_key or sample.integration_name} {sample.message}".rstrip())
        if braked := [one.line.name for one in found if one.brake]:
            self.print_text(f"A brake would stop {counted(len(braked), 'line')}: {', '.join(braked)}.")
        if any(one.failed for one in found):
            raise SystemExit(1)

    def count(self, *, start_over: bool) -> list[FullSynchReviewLine]:
        """Count both sides and return the lines; with `start_over` those that have ended may run again."""
        if start_over and not full.is_running(self.company):
            return full.reset(self.company)
        return full.generate(self.company)

    def check_names(self, names: list[str], lines: dict[str, FullSynchReviewLine]) -> None:
        """Refuse a mapping that the review does not have."""
        for name in names:
            if name not in lines:
                self.refuse(
                    "configuration",
                    f"The review has no line {name!r}; it has {', '.join(lines) or 'none'}.",
                )

    def wait(self) -> None:
        """Run or follow the lines' jobs until nothing is left to start."""
        last = ""

        def print_progress(job: Job) -> None:
            nonlocal last
            line = progress_line(job)
            if line and line != last:
                last = line
                self.print_progress(line)

        while True:
            full.advance(self.company, user=self.acting)
            open_jobs = [line.job for line in full.lines(self.company) if line.started and line.status in OPEN_STATES]
            if not open_jobs:
                return
            ran = [run_to_end(job, print_progress) for job in open_jobs if job is not None]
            if ran and all(job.needs_person for job in ran):
                self.refuse(**failure_of(ran[0]))
            time.sleep(0.02)

    def print_lines(self, lines: list[FullSynchReviewLine], jobs: dict[str, Any]) -> None:
        """Print the lines, with their jobs where there are any."""
        if self.as_json:
            self.print_json({"lines": [self.document_of(line, jobs.get(line.name)) for line in lines]})
            return
        self.print_text(f"{'Name':<20} {'Here':>9} {'Dataverse':>9}  {'Recommendation':<32} Status")
        for line in lines:
            recommendation = str(line.get_recommendation_display())
            remote = "" if line.integration_count is None else f"{line.integration_count:,}"
            status = line.status or "not started"
            self.print_text(f"{line.name:<20} {line.local_count:>9,} {remote:>9}  {recommendation:<32} {status}")
            if line.message and (line.job is not None or line.status in ("failed", "blocked", "cancelled")):
                self.print_text(f"    {line.message}")

    def document_of(self, line: FullSynchReviewLine, job: Any) -> dict[str, Any]:
        """Return a line as JSON."""
        took = results.result_of(line)
        return {
            "mapping": line.name, "direction": line.direction, "local_count": line.local_count,
            "integration_count": line.integration_count, "recommendation": line.recommendation,
            "recommendation_text": str(line.get_recommendation_display()), "dependencies": line.dependencies,
            "status": line.status, "to_status": line.to_status, "from_status": line.from_status,
            "message": line.message, "job": job, "estimate": line.estimate or None,
            "result": took.dump() if took is not None else None,
        }  # fmt: skip
