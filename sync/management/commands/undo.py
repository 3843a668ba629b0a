"""manage.py undo JOB [--preview]: end the couplings that a coupling job made and nobody touched since."""

from typing import Any

from django.core.management.base import CommandParser

from core.commands import TandemCommand
from core.roles import Can, may
from coupling.commands import MappingCommand
from jobs.models import COUNTERS, Job
from jobs.pages.lists import reason_label
from sync.undo.choices import choices_there
from sync.undo.preview import UndoPreview, document, parts, to_json
from sync.undo.reading import Made, MadeByJob, Value
from sync.undo.services import start_undo, undoable


class Command(MappingCommand):
    """Undo a coupling job, or say what undoing it would do."""

    help = (
        "Undo a coupling job: the couplings that it made and nobody touched since end, and what synchronization wrote "
        "of them goes back where it still is what was written."
    )
    needs = Can.OPERATE

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what every command has; the job says whose company it is."""
        TandemCommand.add_arguments(self, parser)

    def arguments(self, parser: CommandParser) -> None:
        """Add which job, and what of it."""
        parser.add_argument("id", type=int, metavar="JOB", help="The coupling job's number.")
        parser.add_argument(
            "--preview", action="store_true", help="Say what would end, what stays and why; nothing is changed."
        )
        parser.add_argument(
            "--keep-values", action="store_true", help="What synchronization wrote stays; only the couplings end."
        )

    def authorize_and_run(self, options: dict[str, Any]) -> None:
        """Undo, where the person may in the job's company."""
        job = Job.objects.select_related("company").filter(pk=options["id"]).first()
        if job is None or (self.acting is not None and not may(self.acting, Can.READ, job.company)):
            self.refuse(
                "unknown_job", f"There is no job {options['id']}.", "List them with: manage.py jobs --company NAME"
            )
        self.company = job.company
        self.authorize(Can.READ if options["preview"] else Can.OPERATE, job.company)
        if options["preview"]:
            self._preview(job)
        else:
            self.finish(start_undo(job=job, values=not options["keep_values"], user=self.acting))

    def _preview(self, job: Job) -> None:
        mapping = undoable(job)
        if mapping.uid_kind == "option":
            total = len(choices_there(job, mapping))
            found = UndoPreview(total=total, looked_at=total, count_ended=total)
        else:
            made = MadeByJob(job, mapping)
            found = UndoPreview(total=len(made.numbers))
            for pairs, values in parts(made):
                found.add(pairs, values)
                self._print(pairs, values)
        summary = document(job, found)
        summary["counters"] = {name: summary["counters"].get(name, 0) for name in COUNTERS}
        if self.as_json:
            self.print_json_lines([summary])
        self.print_text(
            f"{found.count_ended:,} couplings end, {sum(found.reasons.values()):,} stay; {found.count_values:,} values "
            f"go back, {found.changed_since:,} were changed since."
        )

    def _print(self, pairs: list[Made], values: list[Value]) -> None:
        by_number: dict[int, list[Value]] = {}
        for value in values:
            by_number.setdefault(value.made.number, []).append(value)
        for made in pairs:
            if self.as_json:
                self.print_json_lines([to_json(made, by_number.get(made.number, []))])
            what = "ends" if made.why is None else f"stays ({reason_label(made.why.why.value)}): {made.why.message}"
            self.print_text(f"{made.key:<12} {made.name:<30} {what}")
