"""manage.py jobs --company NAME [--type TYPE] [--state STATE] [--mapping NAME] [--limit N]: the job log."""

from typing import Any

from django.core.management.base import CommandParser

from core.roles import Can
from jobs import display
from jobs.models import Job, State, Type
from jobs.services import summary
from masterdata.commands import CompanyCommand
from ui.cells import text_of


class Command(CompanyCommand):
    """List a company's jobs, newest first."""

    help = "List a company's jobs, newest first."

    needs = Can.READ

    def arguments(self, parser: CommandParser) -> None:
        """Add what narrows the list."""
        parser.add_argument("--type", choices=Type.values)
        parser.add_argument("--state", choices=State.values)
        parser.add_argument("--mapping", metavar="NAME")
        parser.add_argument("--limit", type=int, default=50, metavar="N", help="At most this many (50).")

    def run(self, options: dict[str, Any]) -> None:
        """Print them."""
        if options["limit"] < 1:
            self.usage_error(f"--limit is {options['limit']}; it must be at least 1.")
        jobs = Job.objects.filter(company=self.company).defer("parameters", "resume", "detail")
        for option, column in (("type", "type"), ("state", "state"), ("mapping", "mapping_name")):
            if options[option]:
                jobs = jobs.filter(**{column: options[option]})
        found = list(jobs[: options["limit"]])
        if self.as_json:
            self.print_json({"jobs": [summary(job, followups=False) for job in found]})
            return
        if not found:
            self.print_text("There are no such jobs.")
        for job in found:
            counted = ", ".join(
                f"{count:,} {name}" for name, count in job.counters.items() if count and name != "total"
            )
            when = text_of(job.started_at) or "not started"
            self.print_text(
                f"{job.pk:>7}  {when:<18} {display.duration_of(job):>12}  {job.get_state_display()!s:<10} "
                f"{display.title(job)}: {counted or job.message or ('nothing to do' if job.ended else 'nothing yet')}"
            )
