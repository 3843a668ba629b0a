"""manage.py undo JOB [--preview]: end the couplings that a coupling job made and nobody touched since."""

from typing import Any

from django.core.management.base import CommandParser

from core.commands import TandemCommand
from core.roles import Can, may
from coupling.commands import MappingCommand
from jobs import services as jobs
from jobs.models import Job
from jobs.pages.lists import reason_label
from sync.models import UndoPreview
from sync.undo.lines import summary, to_json
from sync.undo.previewed import ENDS, FAILS
from sync.undo.services import start_preview, start_undo
from sync.undo.store import Numbers, in_order


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
        self.authorize(Can.PREVIEW if options["preview"] else Can.OPERATE, job.company)
        if options["preview"]:
            self._preview(job)
        else:
            self.finish(start_undo(job=job, values=not options["keep_values"], user=self.acting))

    def _preview(self, job: Job) -> None:
        """Wait for a preview, and print what it found."""
        made = self.wait_for(start_preview(job=job, user=self.acting))
        found = UndoPreview.objects.select_related("job").filter(job=made, complete=True).first()
        if found is None:
            document = jobs.summary(made)
            self.print_json_lines([document]) if self.as_json else self.print_result(document)
            raise SystemExit(1)
        if self.as_json:
            self.print_json_lines(to_json(one) for one in in_order(found))
            self.print_json_lines([summary(found)])
            return
        for one in in_order(found):
            why = f"stays ({reason_label(one.kind)}): {one.pair.message}"
            what = {ENDS: "ends", FAILS: f"cannot end: {one.pair.message}"}.get(one.kind, why)
            self.print_text(f"{one.pair.key:<12} {one.pair.name:<30} {what}")
        numbers = Numbers(found)
        self.print_text(
            f"{numbers.of(ENDS):,} couplings end, {numbers.stay:,} stay, {numbers.of(FAILS):,} cannot end; "
            f"{numbers.back:,} values go back, {numbers.kept:,} stay."
        )
