"""manage.py environment show|point-back|keep|drop --company NAME: the ways out of a changed organization."""

from typing import Any, ClassVar

from django.core.management.base import CommandParser
from django.views.decorators.debug import sensitive_variables

from connection_setup.connection.organization import KnownOrganization
from connection_setup.management.settings_command import SettingsCommand
from dataverse.errors import DataverseError
from jobs.models import Job, State
from jobs.running.waiting import run_to_end
from jobs.services import failure_of
from sync.display import progress_line
from sync.environment import services
from sync.environment.services import Situation


class Command(SettingsCommand):
    """Show which organization was and is, and point back to the one, keep what exists in the other, or start anew."""

    help = (
        "Show which organization the couplings belong to and which one answers; point back to the first, keep the "
        "couplings whose rows exist in the second, or drop the couplings."
    )
    actions: ClassVar = ("show", "point-back", "keep", "drop")

    def arguments(self, parser: CommandParser) -> None:
        """Add the action, and settings to point back with instead of those the connection was enabled with."""
        parser.add_argument("action", choices=self.actions)
        self.add_settings(parser)

    @sensitive_variables("secret")
    def run(self, options: dict[str, Any]) -> None:
        """Carry out the action."""
        values, secret = self.settings(options, whole=False)
        if values is not None and options["action"] != "point-back":
            self.usage_error(f"`environment {options['action']}` takes no settings.")
        situation = services.ask_situation(self.company)
        try:
            if options["action"] == "show":
                self._show(situation)
            elif options["action"] == "drop":
                self._drop(situation)
            elif options["action"] == "keep" and situation.changed:
                self._keep(situation)
            elif options["action"] == "keep" and situation.problem is not None:
                self.refuse_for(situation.problem)
            else:  # the own organization answers, or is to: every coupling is kept
                self._point_back(values or {}, secret)
        except DataverseError as error:
            self.refuse_for(error)

    def _show(self, situation: Situation) -> None:
        kept = situation.couplings
        if situation.changed and situation.now is not None:
            kept = services.count_existing(self.company, situation.now.id)
        self._print(situation, kept)
        if not self.as_json and situation.problem is not None:
            self.print_text(situation.problem.user_message)

    def _keep(self, situation: Situation) -> None:
        job = self._wait(services.start_keeping(company=self.company, user=self.acting))
        self._print(situation, job.counters.get("unchanged", 0), job.counters.get("uncoupled", 0), job.message)

    def _drop(self, situation: Situation) -> None:
        job = self._wait(services.start_dropping(company=self.company, user=self.acting))
        self._print(situation, 0, job.counters.get("uncoupled", 0), job.message)

    @sensitive_variables("secret")
    def _point_back(self, values: dict[str, Any], secret: str) -> None:
        job = services.point_back(company=self.company, values=values, secret=secret, user=self.acting)
        if job is not None:
            self._wait(job)
        situation = services.known_situation(self.company)
        self._print(situation, situation.couplings, text="The connection leads to its own organization.")

    def _wait(self, job: Job) -> Job:
        """Run or follow the job to its end; refuse with its reason where it did not finish."""
        last = ""

        def print_progress(row: Job) -> None:
            nonlocal last
            if (line := progress_line(row)) and line != last:
                last = line
                self.print_progress(line)

        job = run_to_end(job, print_progress)
        if job.state != State.FINISHED:
            self.refuse(**failure_of(job))
        return job

    def _print(self, situation: Situation, kept: int, dropped: int | None = None, text: str = "") -> None:
        """Print what was, what is, and what became of the couplings, or would of those that are not kept."""
        dropped = situation.couplings - kept if dropped is None else dropped
        if self.as_json:
            problem = situation.problem
            error = {"reason": problem.reason, "message": problem.message, "fix": problem.fix} if problem else None
            self.print_json(
                {
                    "was": _document(situation.was), "is": _document(situation.now),
                    "couplings": situation.couplings, "kept": kept, "dropped": dropped,
                    **({"error": error} if error else {}),
                }
            )  # fmt: skip
            return
        for word, found in (("was", situation.was), ("is", situation.now)):
            described = f"{found}, {found.url or 'address not known'}" if found else "not known"
            self.print_text(f"{word:<10} {described}")
        for word, count in (("couplings", situation.couplings), ("kept", kept), ("dropped", dropped)):
            self.print_text(f"{word:<10} {count:,}")
        if text:
            self.print_text(text)


def _document(found: KnownOrganization | None) -> dict[str, str] | None:
    """Return an organization for programs; None where none is known."""
    if found is None:
        return None
    return {"organization": found.name, "organization_id": str(found.id), "environment_url": found.url}
