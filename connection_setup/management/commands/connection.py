"""`manage.py connection test|enable|disable|status|solution|rehearse`, and `webhook register|remove|status`."""

from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import CommandParser

from connection_setup.checks import services as checks_services
from connection_setup.connection import state
from connection_setup.dynamics365 import services as dynamics
from connection_setup.enabling import services as enabling_services
from connection_setup.management.settings_command import SettingsCommand
from connection_setup.models import DataverseConnection
from connection_setup.provisioning import languages, solution_file
from connection_setup.provisioning.consent import user_name
from connection_setup.provisioning.solution import VERSION
from connection_setup.provisioning.steps import StepReport
from connection_setup.rehearsal import services as rehearsal
from connection_setup.secrets import credentials
from connection_setup.types import SOLUTION, Check, Report
from connection_setup.web_hook import services as web_hook
from connection_setup.web_hook.standing import LABELS, Standing, standing_of
from core.roles import Can
from dataverse.errors import DataverseError

MARKS = {"ok": "ok     ", "warning": "warning", "error": "ERROR  "}
LINE_MARKS = {
    rehearsal.SAME: "ok     ",
    rehearsal.DIFFERENT: "differs",
    rehearsal.REFUSED: "REFUSED",
    rehearsal.ABSENT: "absent ",
}
STEP_MARKS = {
    "done": "done   ",
    "attention": "warning",
    "skipped": "-      ",
    "waiting": "ERROR  ",
    "later": "waits  ",
    "failed": "ERROR  ",
}


class Command(SettingsCommand):
    """Test, enable, disable, show or rehearse a connection, write the solution's file, or see to the web hook."""

    help = (
        "Test, enable or disable a connection to Dataverse, show its status, rehearse it, write the solution's file, "
        "or see to its web hook."
    )
    actions: ClassVar = ("test", "enable", "disable", "status", "solution", "webhook", "rehearse")

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what all take; the solution's file is the same for every company."""
        super().add_arguments(parser)
        next(one for one in parser._actions if one.dest == "company").required = False

    def authorize_and_run(self, options: dict[str, Any]) -> None:
        """Do the work where the person may do it; the solution's file needs no company."""
        if options["action"] == "solution" and options["company"] is None:
            self.authorize(self.needed(options))
            self._solution(options)
            return
        if options["company"] is None:
            self.usage_error("--company is missing.")
        if options["action"] != "solution" and (options["language"] or options["without_sales"]):
            self.usage_error("--language and --without-sales belong to `connection solution`.")
        super().authorize_and_run(options)

    def needed(self, options: dict[str, Any]) -> Can:
        """Return what is needed: to look, or to administer."""
        looks = options["action"] in ("status", "solution") or (
            options["action"] == "webhook" and options["what"] in (None, "status")
        )
        return Can.READ if looks else Can.ADMINISTER

    def arguments(self, parser: CommandParser) -> None:
        """Add the action, and settings to use instead of the stored ones."""
        parser.add_argument("action", choices=self.actions)
        parser.add_argument(
            "what",
            nargs="?",
            choices=("register", "remove", "status"),
            help="What to do with the web hook: status where it is not said.",
        )
        self.add_settings(parser)
        parser.add_argument(
            "--write", action="store_true", help="rehearse: send every write too, in a scratch business unit."
        )
        parser.add_argument(
            "--out", metavar="FILE", help="solution: where to write the zip; rehearse: where to write the report."
        )
        solution = parser.add_argument_group("solution")
        solution.add_argument("--language", type=int, metavar="LCID", help="The environment's base language (1033).")
        solution.add_argument(
            "--without-sales", action="store_true", help="For an environment without Dynamics 365 Sales."
        )

    def _solution(self, options: dict[str, Any]) -> None:
        """Write the solution as a file to import by hand."""
        if not options["out"]:
            self.usage_error("`connection solution` needs --out FILE.")
        language = options["language"] or languages.ENGLISH
        packed = solution_file.build(language, sales=not options["without_sales"])
        try:
            Path(options["out"]).write_bytes(packed)
        except OSError as error:
            self.refuse("configuration", f"{options['out']} cannot be written: {error.strerror}.", "Name another file.")
        if self.as_json:
            found = {"file": options["out"], "solution": SOLUTION, "version": VERSION, "language": language}
            self.print_json({**found, "managed": False, "bytes": len(packed)})
        self.print_text(f"{options['out']} holds the unmanaged solution {SOLUTION} {VERSION}.")

    def run(self, options: dict[str, Any]) -> None:
        """Carry out the action."""
        if options["action"] == "solution":
            self._solution(options)
            return
        values, secret = self.settings(options)
        action = options["action"]
        if values is not None and action in {"disable", "status", "webhook", "rehearse"}:
            self.usage_error(f"`connection {action}` takes no settings.")
        if action != "webhook" and options["what"] is not None:
            self.usage_error(f"`connection {action}` takes no second word.")
        if action != "rehearse" and (options["write"] or options["out"]):
            self.usage_error(f"`connection {action}` takes neither --write nor --out.")
        self.what, self._to_write, self._out = options["what"], bool(options["write"]), str(options["out"] or "")
        try:
            getattr(self, f"_{options['action']}")(values, secret)
        except DataverseError as error:
            self.refuse_for(error)

    def _test(self, values: dict[str, Any] | None, secret: str) -> None:
        if values is None:
            report = checks_services.test_connection(connection=state.connection_of(self.company))
        else:
            report = checks_services.test_settings(company=self.company, values=values, secret=secret)
        if self.as_json:
            self.print_json(report.document())
        else:
            self._print_checks(report)
        if not report.ok:
            raise SystemExit(1)

    def _enable(self, values: dict[str, Any] | None, secret: str) -> None:
        report = enabling_services.enable(
            company=self.company, user=self.acting, values=values, secret=secret, on_step=self._report_step
        )
        if report.failed:
            failed: Check = report.failed
            self.refuse(
                failed.reason or "configuration",
                f"The connection is not enabled. {failed.message}",
                failed.fix,
            )
        connection = state.connection_of(self.company)
        if self.as_json:
            self.print_json({**_status_document(connection), **report.document()})
            return
        self._print_checks(report)
        self.print_text(f"The connection of {self.company} to {connection.organization_name} is enabled.")

    def _report_step(self, report: StepReport) -> None:
        """Print a step when it ends; on stderr, since stdout is for the answer."""
        self.stderr.write(f"{STEP_MARKS[report.state]}  {report.caption}: {report.user_message}", self.style.NOTICE)

    def _disable(self, _values: None, _secret: str) -> None:
        connection = enabling_services.disable(company=self.company, user=self.acting)
        if self.as_json:
            self.print_json(_status_document(connection))
        self.print_text(f"The connection of {self.company} is disabled. Settings, mappings and couplings are kept.")

    def _webhook(self, _values: None, _secret: str) -> None:
        if self.what == "register":
            web_hook.register_as_application(self.company, by=user_name(self.acting))
        elif self.what == "remove":
            web_hook.remove(self.company)
        connection = state.connection_of(self.company)
        found = standing_of(connection)
        if self.as_json:
            self.print_json(_web_hook_document(connection, found))
            return
        self.print_text(f"The web hook of {self.company}: {LABELS[found.word][0]}. {found.message} {found.fix}".strip())
        self.print_text(f"Address: {web_hook.address_of(self.company)}")

    def _rehearse(self, _values: None, _secret: str) -> None:
        made = rehearsal.Rehearsal()
        connection = state.connection_of(self.company)
        try:
            rehearsal.rehearse(connection, write=self._to_write, on_line=self._report_line, made=made)
        finally:  # what was found, and what stays, also where it stopped
            text = "\n".join(rehearsal.report_text(made)) + "\n"
            if made.lines:
                self._write_report(text)
        if self.as_json:
            self.print_json(made.document())
        elif not self._out:
            self.print_text(text)
        else:
            self.print_text(f"The report is in {self._out}.")
        if not made.ok:
            raise SystemExit(1)

    def _write_report(self, text: str) -> None:
        if self._out:
            try:
                Path(self._out).write_text(text, encoding="utf-8")
            except OSError as error:
                self.refuse("configuration", f"{self._out} cannot be written: {error.strerror}.", "Name another file.")

    def _report_line(self, line: rehearsal.Line) -> None:
        """Print a line as it comes; on stderr, since stdout is for the answer."""
        self.stderr.write(f"{LINE_MARKS[line.state]}  {line.name}", self.style.NOTICE)

    def _status(self, _values: None, _secret: str) -> None:
        connection = state.connection_of(self.company)
        report = Report.stored(connection.checks)
        if self.as_json:
            self.print_json({**_status_document(connection), **report.document()})
            return
        word = "enabled" if connection.enabled else "not enabled"
        self.print_text(f"The connection of {self.company} is {word}.")
        self.print_text(f"Environment URL: {connection.environment_url or 'none'}")
        if connection.organization_name:
            self.print_text(f"Organization: {connection.organization_name}")
        self._print_checks(report)

    def _print_checks(self, report: Report) -> None:
        for check in report.checks:
            self.print_text(f"{MARKS[check.state]}  {check.name}: {check.user_message}")


def _web_hook_document(connection: DataverseConnection, found: Standing) -> dict[str, Any]:
    """Return how the web hook stands for programs, without its key."""
    hook = found.hook
    return {
        "company": connection.company.name,
        "state": found.word,
        "message": found.message,
        "fix": found.fix,
        "address": web_hook.address_of(connection.company),
        "tables": hook.tables if hook else [],
        "registered_at": hook.registered_at if hook else None,
        "registered_by": hook.registered_by if hook else "",
        "called_at": hook.called_at if hook else None,
    }


def _status_document(connection: DataverseConnection) -> dict[str, Any]:
    """Return the status of a connection for programs, without a secret."""
    return {
        "company": connection.company.name,
        "enabled": connection.enabled,
        "environment_url": connection.environment_url,
        "authentication_type": connection.authentication_type,
        "tenant_id": connection.tenant_id,
        "client_id": connection.client_id,
        "secret_stored": credentials.has_secret(connection),
        "organization": connection.organization_name,
        "organization_id": connection.organization_id,
        "business_unit": connection.business_unit_name,
        "checked_at": connection.checked_at,
        "dynamics_365": {"enabled": dynamics.is_enabled(connection.company)},
    }
