"""manage.py job ID [--errors] [--outcome OUTCOME]: one job, and the records that failed in it."""

from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser

from core.commands import TandemCommand
from core.roles import Can, may
from jobs import display
from jobs.mentions import PersonReading, Reader
from jobs.models import Job, JobOutcome, Outcome
from jobs.outcomes import JobOutcomes, to_json
from jobs.pages import lists as listings
from jobs.services import summary


class Command(TandemCommand):
    """Show one job; with --errors its failed records first, one per line."""

    help = "Show one job; with --errors its failed records first, one per line."

    needs = Can.READ

    def arguments(self, parser: CommandParser) -> None:
        """Add which job, and whether its records are wanted."""
        parser.add_argument("id", type=int, metavar="ID")
        parser.add_argument("--errors", action="store_true", help="Print the failed records, then the job.")
        parser.add_argument("--outcome", choices=Outcome.values, help="Print the records with this outcome instead.")

    def authorize_and_run(self, options: dict[str, Any]) -> None:
        """Print the job, where the person sees its company."""
        self.run(options)

    def run(self, options: dict[str, Any]) -> None:
        """Print it."""
        job = Job.objects.select_related("company").filter(pk=options["id"]).first()
        if job is None or (self.acting is not None and not may(self.acting, self.needs, job.company)):
            self.refuse(
                "unknown_job",
                f"There is no job {options['id']}.",
                "List them with: manage.py jobs --company NAME",
            )
        outcome = options["outcome"] or (Outcome.FAILED.value if options["errors"] else "")
        rows = _rows(job, outcome, PersonReading(self.acting)) if outcome else iter(())
        if self.as_json:
            if outcome:
                self.print_json_lines(map(to_json, rows))
                self.print_json_lines([summary(job)])
            else:
                self.print_json(summary(job))
            return
        for row in rows:
            reason = listings.reason_label(row.reason) or str(row.get_outcome_display())
            name = row.local_name or row.integration_name
            self.print_text(f"{row.local_key or row.integration_id or '':<12} {name:<30} {reason}: {row.message}")
        self.print_text(f"{display.title(job)}, job {job.pk}: {str(job.get_state_display()).lower()}")
        for name, count in job.counters.items():
            if count:
                self.print_text(f"  {name:<10} {count:>9,}")
        for reason, count in sorted(job.reasons.items()):
            self.print_text(f"  {listings.reason_label(reason) or reason:<40} {count:>9,}")
        if job.message:
            self.print_text(job.message)


def _rows(job: Job, outcome: str, reader: Reader) -> Iterator[JobOutcome]:
    """Yield the job's records of one outcome, as the reader sees them."""
    for row in JobOutcomes(job, outcome):
        reader.read_rows([row])
        yield row
