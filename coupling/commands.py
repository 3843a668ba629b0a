"""Base of the commands about mappings: the mapping and the records that are named, and waiting for a job."""

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.core.management.base import CommandParser

from coupling import local_records
from coupling.mappings import services as mappings_services
from coupling.models import IntegrationTableMapping
from jobs import display
from jobs import services as jobs
from jobs.models import Job, Reason, State
from jobs.running import waiting
from masterdata.commands import CompanyCommand


class MappingCommand(CompanyCommand):
    """A command about one integration table mapping."""

    def arguments(self, parser: CommandParser) -> None:
        """Add the mapping's name."""
        parser.add_argument("mapping", metavar="MAPPING", help="The mapping's name, CUSTOMER for one.")

    def mapping(self, name: str) -> IntegrationTableMapping:
        """Return the mapping of that name. Raises Refusal where there is none."""
        return mappings_services.get_mapping(self.company, name)

    def selection(
        self, mapping: IntegrationTableMapping, keys: Sequence[str] | None, *, option: str = "--select"
    ) -> list[UUID] | None:
        """Return the ids of the records named by number or code; None where none was named. option: where they stand.

        Raises Refusal for an unknown one.
        """
        if keys is None:
            return None
        table = local_records.get_table(mapping)
        wanted = list(dict.fromkeys(map(table.normal_key, keys)))
        found: dict[str, UUID] = {}
        for start in range(0, len(wanted), 500):
            rows = table.records(self.company).filter(**{f"{table.key}__in": wanted[start : start + 500]})
            found |= {str(key): row_id for key, row_id in rows.values_list(table.key, "system_id")}
        unknown = [key for key in wanted if key not in found]
        if unknown:
            more = f" and {len(unknown) - 10} more" if len(unknown) > 10 else ""
            self.refuse(
                "unknown_record",
                f"{self.company} has no {table.caption.lower()} {', '.join(unknown[:10])}{more}, so nothing was done.",
                f"Check the numbers after {option}.",
            )
        return [found[key] for key in wanted]

    def row_id(self, text: str) -> UUID:
        """Return the id of a Dataverse row that is named. Raises Refusal for what is no GUID."""
        try:
            return UUID(text)
        except ValueError:
            self.refuse(
                "value_invalid", f"{text!r} is no id of a Dataverse row, so nothing was done.", "Give the row's GUID."
            )

    def finish(self, job: Job) -> None:
        """Wait for the job and its follow-ups, printing their progress; then print the result."""
        job = self.wait_for(job)
        result = jobs.summary(job)
        if self.as_json:
            self.print_json(result)
        else:
            self.print_result(result)
        self.end_with(job)

    def wait_for(self, job: Job) -> Job:
        """Wait for the job and its follow-ups, printing their progress; return it as it ended."""
        printed_at, printed = 0.0, ""

        def print_job(row: Job) -> None:
            nonlocal printed_at, printed
            text = f"{row.mapping_name} {row.type}: {row.phase or row.get_state_display()}"
            if (ahead := jobs.waits_for(row)) is not None:
                text += f", waits for {display.title(ahead)}, job {ahead.pk}, {display.at_work(ahead)}"
            if row.total:
                text += f", {row.processed:,} of {row.total:,}"
            if text != printed and (time.monotonic() - printed_at > 1 or row.ended):
                printed_at, printed = time.monotonic(), text
                self.print_progress(text)

        return waiting.run_to_end(job, print_job)

    def end_with(self, job: Job) -> None:
        """End with code 1 where the job failed, was cancelled, waits for a person, or a brake stopped what follows."""
        stopped = job.followups.filter(failure_reason=Reason.BRAKE).exists()
        if job.state in (State.FAILED, State.CANCELLED) or job.needs_person or stopped:
            raise SystemExit(1)

    def print_result(self, result: dict[str, Any], indent: str = "") -> None:
        """Print what came of a job and its follow-ups for people."""
        plan = f" ({result['plan']})" if result["plan"] else ""
        self.print_text(
            f"{indent}{result['mapping']} {result['type']}, job {result['job']}: {result['state']}{plan}, "
            f"{result['requests']:,} requests, {result['seconds']:,.1f} s"
        )
        for name, count in result["counters"].items():
            if count:
                self.print_text(f"{indent}  {name:<12} {count:>10,}")
        for reason, count in result["reasons"].items():
            self.print_text(f"{indent}    {Reason(reason).label:<40} {count:>10,}")
        if result.get("message"):
            self.print_text(f"{indent}  {result['message']}")
        for followup in result["followups"]:
            self.print_result(followup, indent + "  ")
